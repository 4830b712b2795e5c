"""The settings of a repository: `greenlight.toml`, or `[tool.greenlight]` in pyproject.toml."""

from __future__ import annotations

from typing import Annotated, Final

from greenlight.model.fields import Label, Line, Note, Range, Text, given, value
from greenlight.model.gate import Gate, MaybePath, RelativePath
from greenlight.model.platform import LINUX_ONLY
from greenlight.model.promotion import Target
from greenlight.primitives.limits import KIB

FILE: Final = "greenlight.toml"
PYPROJECT: Final = "pyproject.toml"
MAX_SETTINGS_BYTES: Final = 512 * KIB  # written by a person

KernelText = Annotated[str, Text(r"[0-9]{1,6}\.[0-9]{1,6}", "a kernel as 6.1")]
Url = Annotated[
    str,
    Text(
        r"(?:https?://[!-~]{1,500}|\$GITHUB_API_URL)?",
        "an http or https URL, $GITHUB_API_URL, or none",
    ),
]


@value
class Audit:
    """What the green-light audit reads and runs (000)."""

    report: MaybePath = given(
        "Where the report goes; it goes to --report where that is given.",
        "greenlight-audit.json",
        default="greenlight-audit.json",
    )
    baseline: RelativePath = given(
        "The baseline.",
        "baselines/metrics_baseline_v1.json",
        default="baselines/metrics_baseline_v1.json",
    )
    registry: RelativePath = given(
        "The consumer registry.", "consumer_registry.yml", default="consumer_registry.yml"
    )
    allowed_signers: MaybePath = given(
        "Whose signatures of a baseline count: OpenSSH's allowed_signers file, read from the base.",
        "baselines/allowed_signers",
        default="",
    )
    gpg_keyring: MaybePath = given(
        "The same for GPG: exported public keys, read from the base.",
        "baselines/keys.asc",
        default="",
    )
    capture: tuple[Line, ...] = given(
        "The benchmark command; without it, greenlight's own parsers.",
        ["python", "bench.py"],
        default=(),
    )
    capture_seconds: Annotated[int, Range(1, 86_400)] = given(
        "How long it measures.", 60, default=5
    )
    parser: tuple[Line, ...] = given(
        "The parser under test: reads a document on stdin, exits with 0 where it takes it;"
        " without it, greenlight's own.",
        ["./parse", "-"],
        default=(),
    )
    parser_formats: tuple[Label, ...] = given(
        "What it reads, of the formats of the hostile corpus; a parser needs at least one.",
        ["json"],
        default=(),
    )


@value
class Forge:
    """The forge that is asked for live rules and issues."""

    url: Url = given(
        "Its API; without it, GitHub's. A variable decides only where this names it:"
        " $GITHUB_API_URL.",
        "https://github.example/api/v3",
        default="",
    )
    connections: Annotated[int, Range(1, 64)] = given("At once, at most.", 8, default=8)
    timeout_seconds: Annotated[int, Range(1, 3600)] = given(
        "How long all of it may take.", 120, default=300
    )


@value
class Platform:
    """Where production may run (docs/PLATFORM_POLICY.md)."""

    systems: tuple[Label, ...] = given(
        "Operating systems, as `uname -s`.", ["Linux"], default=LINUX_ONLY.systems
    )
    min_kernel: KernelText = given(
        "The oldest kernel of Linux.", "6.1", default=str(LINUX_ONLY.kernel)
    )


@value
class Settings:
    """All of it; every section may be left out."""

    greenlight: Annotated[int, Range(1, 1)] = given("Format version.", 1, default=1)
    about: Note = given("What this repository is.", "the registry's client", default="")
    audit: Audit = given("The green-light audit.", default=Audit())
    forge: Forge = given("The forge.", default=Forge())
    platform: Platform = given("Where production may run.", default=Platform())
    gates: tuple[Gate, ...] = given("The gates.", [], default=())
    promotion: tuple[Target, ...] = given("What may be promoted to.", [], default=())


DEFAULTS: Final = Settings()
