"""Gates as data: what is run, which metrics it leaves, and what these may be (source 002)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from greenlight.model.fields import Label, Line, Note, Range, Slug, Text, Variable, given, value

MAX_GATES: Final = 256
MAX_SECONDS: Final = 86_400
SKIPPED: Final = 78  # the exit of a gate that skips (002)

Metric = Annotated[
    str, Text(r"[A-Za-z][A-Za-z0-9_.]{0,126}", "the name of a metric: letters, digits, _ and .")
]
RelativePath = Annotated[
    str,
    Text(
        r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\u0000-\u001f\u007f\\]{1,1024}",
        "a path below the repository",
    ),
]
MaybePath = Annotated[
    str,
    Text(
        r"(?:(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\u0000-\u001f\u007f\\]{1,1024})?",
        "a path below the repository, or none",
    ),
]


class Mode(StrEnum):
    """What a red gate does."""

    BLOCKING = "blocking"
    OBSERVING = "observing"


class Operator(StrEnum):
    """How a metric is compared with its limit; a gate is green where it holds."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


class Builtin(StrEnum):
    """A gate that greenlight carries out itself."""

    SCHEMA_EXAMPLES = "schema_examples"
    TOKEN_CANONICALIZATION = "token_canonicalization"  # noqa: S105 - a gate of 000
    ADVERSARIAL_SMOKE = "adversarial_smoke"
    LEDGER_VERIFY = "ledger_verify"
    PACKETS_VERIFY = "packets_verify"
    PQC_SIGN_VERIFY = "pqc_sign_verify"
    BASELINE = "baseline"
    NO_OP = "no_op"


@value
class Threshold:
    """What a metric may be: less or more than a value, or than a baseline's times or plus one."""

    metric: Metric = given("Its name in the artifact; a dot leads into an object.", "verify_p95_ms")
    op: Operator = given("How it is compared with its limit.", "<=")
    value: Decimal | None = given("The limit.", 10, default=None)
    times: Decimal | None = given("Or: so many times what the baseline says.", 2, default=None)
    plus: Decimal | None = given("Or: what the baseline says, and so much.", 30, default=None)
    signed: bool = given("Whether it may be negative.", False, default=False)
    of: Annotated[str, Text(r"(?:[A-Za-z][A-Za-z0-9_.]{0,126})?", "a metric, or none")] = given(
        "With times or plus: another metric of the baseline.", "parse_p95_ms", default=""
    )


@value
class SkipWhen:
    """When a gate may skip: a variable that has a value, or is not set."""

    env: Variable = given("Name of the variable.", "REGISTRY_DEV_STUB")
    values: tuple[Note, ...] = given(
        "It has one of these values; the empty text means that it is not set.",
        ["0", ""],
        default=("", "0"),
    )


@value
class Gate:
    """A check as data."""

    name: Slug = given("What people call it.", "pqc-sign-verify")
    about: Note = given("What it is for.", "signing is fast enough", default="")
    module: Label = given("What it judges; graduation counts for each.", "registry", default="all")
    command: tuple[Line, ...] = given(
        "The command: an argument vector, no shell.", ["make", "smoke"], default=()
    )
    builtin: Builtin | None = given("Or: a gate of greenlight's own.", "no_op", default=None)
    artifact: MaybePath = given(
        "The JSON file that it leaves; without it, what it prints.", "tmp/pqc.json", default=""
    )
    exit_only: bool = given(
        "It leaves nothing: its exit code is all that it says.", True, default=False
    )
    thresholds: tuple[Threshold, ...] = given("What its metrics may be.", [], default=())
    baseline: MaybePath = given(
        "The baseline that times and plus refer to; without it, that of the audit.",
        "baselines/metrics_baseline_v1.json",
        default="",
    )
    mode: Mode = given("What red does: blocking or observing.", "observing", default=Mode.BLOCKING)
    timeout_seconds: Annotated[int, Range(1, MAX_SECONDS)] = given(
        "How long it may take.", 60, default=600
    )
    expected_exits: tuple[Annotated[int, Range(0, 255)], ...] = given(
        "Exit codes that are no failure.", [0], default=(0,)
    )
    skip_when: SkipWhen | None = given(
        "When it may exit with 78; at any other time that is a failure.", default=None
    )
    network: bool = given("Whether it may use the network.", True, default=False)
    environment: tuple[Variable, ...] = given(
        "Variables that it gets beside PATH, HOME and LANG.", ["CI"], default=()
    )
