"""Vectors of baselines: what a signature, a key, a date and a metric can have wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from greenlight.codes import Code
from greenlight.model.baseline import Baseline, Method, Metrics, Ran, Subject, Tree, encode_baseline
from greenlight.model.documents.environment import Fact
from greenlight.primitives import cjson, sshsig
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import format_public
from greenlight.verify.baseline import NAMESPACE

# Published, and good for nothing else.
LEAD, STRANGER = SeedSigner(b"\x31" * 32), SeedSigner(b"\x32" * 32)
AT: Final = "2026-03-01T12:00:00Z"
Files = dict[str, bytes]

METRICS = Metrics(
    collector_timeouts_total_per_min=Decimal(2),
    collector_truncated_rate=Decimal("0.01"),
    parse_p50_ms=Decimal("1.5"),
    parse_p95_ms=Decimal(4),
    parse_p99_ms=Decimal(10),
    parse_peak_rss_mb=Decimal("80.5"),
)
GOOD = Baseline(
    captured_at="2026-02-28T10:00:00Z",
    commit="0123456789abcdef0123456789abcdef01234567",
    elapsed_ms=3_600_000,
    failures=0,
    host=(Fact(name="kernel_release", content="6.1.0"),),
    labels=("nightly",),
    method=Method(latency="stated here", memory="stated here", quantiles="nearest rank"),
    metrics=METRICS,
    ran=Ran(
        subject=Subject.RUNS,
        argv=("python3", "bench.py"),
        corpus="",
        timeout_seconds=60,
        max_output_bytes=16_777_216,
    ),
    rss_floor_mb=Decimal("9.7"),
    runs=3600,
    samples=3600,
    timeouts=120,
    tree=Tree.CLEAN,
    truncated=36,
)


def signed(baseline: Baseline, signer: SeedSigner = LEAD, namespace: str = NAMESPACE) -> Files:
    """Return a baseline and a signature beside it."""
    data = encode_baseline(baseline)
    return {
        "baseline.json": data,
        "baseline.json.sig": sshsig.sign(data, signer, namespace).encode("ascii"),
    }


def expect(code: Code | None, comment: str, **more: Any) -> bytes:
    """Return an ``expect.json``: whom the reader trusts, when, and what must be said."""
    said = {
        "allowed_signers": "",
        "at": AT,
        "codes": [] if code is None else [code.name],
        "comment": comment,
        "keys": [format_public(LEAD.public)],
        "revoked": [],
        "signer": "",
    }
    return cjson.encode(said | more)


def line(options: str = "", *, who: str = "sre-lead@example.com") -> str:
    """Return a line of an allowed_signers file for the lead's key."""
    return " ".join(part for part in (who, options, format_public(LEAD.public)) if part) + "\n"


def now(**metrics: Any) -> bytes:
    """Return metrics of now, as another tool writes them: None leaves one out."""
    known = {"parse_p95_ms": 4, "parse_p99_ms": 10, "parse_peak_rss_mb": 80.5,
             "collector_timeouts_total_per_min": 2, "collector_truncated_rate": 0.01}  # fmt: skip
    found = {name: value for name, value in (known | metrics).items() if value is not None}
    return (json.dumps({"metrics": found}, indent=1, sort_keys=True) + "\n").encode()


def make() -> dict[str, Files]:
    """Return every vector of the area, by name."""
    good = signed(GOOD)
    edited = encode_baseline(replace(GOOD, samples=3601))
    stale = replace(GOOD, captured_at="2026-03-01T12:00:01Z")
    zero = replace(GOOD, metrics=replace(METRICS, collector_truncated_rate=Decimal(0)))
    found: dict[str, Files] = {
        "GOOD__signed": {**good, "expect.json": expect(None, "signed by a key that is trusted")},
        "GOOD__allowed_signers": {
            **good,
            "expect.json": expect(
                None, "a line for this namespace and time", keys=[],
                allowed_signers=line(f'namespaces="{NAMESPACE}",valid-before="20270101Z"'),
                signer="sre-lead@example.com",
            ),
        },
        "GOOD__at_every_limit": {
            **good,
            "current.json": now(
                parse_p95_ms=5, parse_p99_ms=15, parse_peak_rss_mb=110.5,
                collector_timeouts_total_per_min=3, collector_truncated_rate=0.02,
            ),
            "expect.json": expect(None, "only what is strictly above is red"),
        },
    }  # fmt: skip

    def bad(code: Code, what: str, files: Files, comment: str, **more: Any) -> None:
        found[f"{code.name}__{what}"] = {**files, "expect.json": expect(code, comment, **more)}

    _signatures(bad, good, edited)
    bad(Code.BASELINE_NEWER, "captured_later", signed(stale), "a second after now")
    _metrics(bad, good, signed(zero))
    return found


Bad = Callable[..., None]


def _signatures(bad: Bad, good: Files, edited: bytes) -> None:
    bare = {"baseline.json": good["baseline.json"]}
    bad(Code.BASELINE_MISSING, "no_file", {}, "there is none")
    bad(Code.BASELINE_UNSIGNED, "no_signature", bare, "nobody vouches for it")
    broken = Code.BASELINE_SIGNATURE_BAD
    bad(broken, "edited", {**good, "baseline.json": edited}, "one more sample than was signed")
    other = signed(GOOD, namespace="file")
    bad(broken, "other_namespace", other, "a signature that was made for something else")
    cut = {**good, "baseline.json.sig": good["baseline.json.sig"][:-40]}
    bad(broken, "cut", cut, "the end of the signature is missing")
    bad(Code.BASELINE_SIGNER_UNKNOWN, "nothing_given", good, "no key to hold it to", keys=[])
    stranger = Code.BASELINE_SIGNER_NOT_TRUSTED
    bad(stranger, "by_a_stranger", signed(GOOD, STRANGER), "a key that is not trusted")
    bad(
        stranger, "line_for_another_namespace", good, "the line is for commits alone",
        keys=[], allowed_signers=line('namespaces="git"'),
    )  # fmt: skip
    bad(
        stranger, "not_who_was_asked_for", good, "trusted, and somebody else",
        keys=[], allowed_signers=line(), signer="owner@example.com",
    )  # fmt: skip
    over = line('valid-before="20260301115959Z"')
    bad(
        Code.BASELINE_KEY_EXPIRED, "a_second_ago", good, "valid until a second ago",
        keys=[], allowed_signers=over,
    )  # fmt: skip
    bad(
        Code.BASELINE_KEY_REVOKED, "named", good, "trusted, and revoked",
        revoked=[format_public(LEAD.public)],
    )  # fmt: skip


def _metrics(bad: Bad, good: Files, zero: Files) -> None:
    red = Code.METRIC_OUT_OF_BOUNDS
    for name, above in (
        ("parse_p95_ms", 5.0001),
        ("parse_p99_ms", 15.0001),
        ("parse_peak_rss_mb", 110.5001),
        ("collector_timeouts_total_per_min", 3.0001),
        ("collector_truncated_rate", 0.0201),
    ):
        bad(red, f"{name}_above", {**good, "current.json": now(**{name: above})}, "just above")
    least = {**zero, "current.json": now(collector_truncated_rate=0.0001)}
    bad(red, "times_zero", least, "a factor of nothing is nothing: any increase is red")
    absent = {**good, "current.json": now(parse_p99_ms=None)}
    bad(Code.METRIC_MISSING, "left_out", absent, "one of the five is not there")
    for what, value, comment in (
        ("text", "4", "a number in quotes"),
        ("not_a_number", float("nan"), "NaN"),
        ("truth", True, "true is no number"),
    ):
        files = {**good, "current.json": now(parse_p95_ms=value)}
        bad(Code.METRIC_NOT_A_NUMBER, what, files, comment)
    below = {**good, "current.json": now(parse_p95_ms=-1)}
    bad(Code.METRIC_NEGATIVE, "below_zero", below, "quicker than nothing")
    other = replace(GOOD, ran=replace(GOOD.ran, argv=("true",)))
    files = {**good, "current.json": encode_baseline(other)}
    bad(Code.BASELINE_SUBJECT_DIFFERS, "another_command", files, "fast, and something else")
