"""Comparing at every limit, and whose signature counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.model.baseline import METRICS, THRESHOLDS_000, Baseline
from greenlight.model.trust import KeyRoles, Revocation, Role, TrustRoot
from greenlight.primitives import sshsig
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import parse_allowed_signers
from greenlight.verify.baseline import (
    NAMESPACE,
    BaselineTrust,
    compare,
    verify_age,
    verify_signature,
)
from tools.vectors.baseline import GOOD, LEAD, STRANGER, line
from tools.vectors.baseline import METRICS as BASE

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL = Decimal("0.0001")
COMPARED = [threshold.metric for threshold in THRESHOLDS_000]


def current(**values: Any) -> dict[str, object]:
    """What the baseline itself says, but for these metrics."""
    return {name: getattr(BASE, name) for name in COMPARED} | values


def codes(found: Any) -> list[Code]:
    return [finding.code for finding in found]


# Baseline, factor or summand, limit: worked out by hand from 000:156 to 162.
GOLDEN = {
    "parse_p95_ms": Decimal(5),  # 4 * 1.25
    "parse_p99_ms": Decimal(15),  # 10 * 1.5
    "parse_peak_rss_mb": Decimal("110.5"),  # 80.5 + 30
    "collector_timeouts_total_per_min": Decimal(3),  # 2 * 1.5
    "collector_truncated_rate": Decimal("0.02"),  # 0.01 * 2
}


@pytest.mark.parametrize(("metric", "limit"), GOLDEN.items())
@pytest.mark.parametrize(
    ("offset", "red"), [(-SMALL, False), (Decimal(0), False), (SMALL, True)], ids=["-", "=", "+"]
)
def test_only_what_is_strictly_above_is_red(
    metric: str, limit: Decimal, offset: Decimal, red: bool
) -> None:
    """One step below, at, and above each of the five limits."""
    checks, findings = compare(GOOD, current(**{metric: limit + offset}))
    assert [check.threshold.metric for check in checks] == COMPARED
    assert codes(findings) == ([Code.METRIC_OUT_OF_BOUNDS] if red else [])
    row = next(check for check in checks if check.threshold.metric == metric)
    assert (row.limit, row.ok) == (limit, not red)
    assert [finding.detail for finding in findings] == [metric] * red


@pytest.mark.parametrize("metric", COMPARED)
def test_a_factor_of_nothing_is_nothing(metric: str) -> None:
    """Where the baseline says 0, any increase is red, but for the one with a summand."""
    zero = replace(GOOD, metrics=replace(BASE, **{metric: Decimal(0)}))
    assert compare(zero, current(**{metric: Decimal(0)}))[1] == []
    found = compare(zero, current(**{metric: SMALL}))[1]
    plus = metric == "parse_peak_rss_mb"
    assert codes(found) == ([] if plus else [Code.METRIC_OUT_OF_BOUNDS])


@pytest.mark.parametrize("metric", COMPARED)
@pytest.mark.parametrize(
    "value",
    [None, "1", "", True, False, -1, Decimal("-0.0001"), Decimal("NaN"), Decimal("Infinity"), [],
     {}, 1.0, 10**12, Decimal("1E+999999"), Decimal("1E-999999")],
    ids=repr,
)  # fmt: skip
def test_what_is_no_measured_number_is_red(metric: str, value: object) -> None:
    """Negative, missing, text, NaN, true: never green, whatever the limit."""
    checks, findings = compare(GOOD, current(**{metric: value}))
    negative = value in (-1, Decimal("-0.0001")) and not isinstance(value, bool)
    expected = Code.METRIC_NEGATIVE if negative else Code.METRIC_NOT_A_NUMBER
    assert codes(findings) == [expected]
    assert [check.ok for check in checks].count(False) == 1
    assert all(isinstance(check.to_dict(), dict) for check in checks)


@pytest.mark.parametrize("metric", COMPARED)
def test_a_missing_metric_is_red(metric: str) -> None:
    values = current()
    del values[metric]
    checks, findings = compare(GOOD, values)
    assert [(f.code, f.detail) for f in findings] == [(Code.METRIC_MISSING, metric)]
    assert not all(check.ok for check in checks)


def test_nothing_at_all_is_five_times_red() -> None:
    assert codes(compare(GOOD, {})[1]) == [Code.METRIC_MISSING] * 5


@given(st.fixed_dictionaries({name: st.integers(0, 10**6) for name in COMPARED}))
def test_green_is_green_by_exact_arithmetic(units: dict[str, int]) -> None:
    """The same rule again, in integers of a ten-thousandth."""
    values: dict[str, object] = {n: Decimal(u).scaleb(-4) for n, u in units.items()}
    _, findings = compare(GOOD, values)
    red = {f.detail for f in findings}
    for threshold in THRESHOLDS_000:
        base = int(getattr(BASE, threshold.metric).scaleb(4))
        amount = int(threshold.amount * 100)
        limit = base * amount if threshold.rule == "times" else base * 100 + amount * 10**4
        assert (threshold.metric in red) == (units[threshold.metric] * 100 > limit)


def test_something_else_that_was_measured_is_no_comparison() -> None:
    """However fast it is: another command, another corpus, or one that fails."""
    other = replace(GOOD.ran, argv=("true",))
    assert codes(compare(GOOD, current(), ran=GOOD.ran)[1]) == []
    assert codes(compare(GOOD, current(), ran=other)[1]) == [Code.BASELINE_SUBJECT_DIFFERS]
    assert codes(compare(GOOD, current(), failures=1)[1]) == [Code.BASELINE_SUBJECT_DIFFERS]
    tolerant = replace(GOOD, failures=1)
    assert codes(compare(tolerant, current(), failures=1)[1]) == []


def test_metrics_that_are_not_compared_may_be_absent() -> None:
    """000 compares five; the median is for people."""
    assert set(METRICS) - set(COMPARED) == {"parse_p50_ms"}
    assert compare(GOOD, current())[1] == []


# --- signatures

DATA = b"any bytes\n"
SIGNATURE = sshsig.sign(DATA, LEAD, NAMESPACE).encode()


def signed(trust: BaselineTrust, at: datetime = AT) -> list[Code]:
    return codes(verify_signature(DATA, SIGNATURE, trust, at=at)[1])


def lines(*options: str) -> BaselineTrust:
    return BaselineTrust(parse_allowed_signers("".join(map(line, options))))


def test_every_flipped_bit_of_a_signature_is_found() -> None:
    """And every byte of what was signed."""
    trust = BaselineTrust((LEAD.public,))
    assert signed(trust) == []
    for data, signature in (
        *((DATA, flip(SIGNATURE, at)) for at in range(len(SIGNATURE) * 8)),
        *((flip(DATA, at), SIGNATURE) for at in range(len(DATA) * 8)),
    ):
        key, findings = verify_signature(data, signature, trust, at=AT)
        assert codes(findings) in (
            [Code.BASELINE_SIGNATURE_BAD],
            [Code.BASELINE_SIGNER_NOT_TRUSTED],
        )
        assert key != LEAD.public


def flip(data: bytes, at: int) -> bytes:
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def test_a_line_for_a_time_counts_in_that_time() -> None:
    """Its ends are those that ssh-keygen reads."""
    trust = lines('valid-after="20260301Z",valid-before="20260302Z"')
    assert signed(trust) == []
    for at in (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 2, 1, tzinfo=UTC)):
        assert signed(trust, at) == [Code.BASELINE_KEY_EXPIRED]


def test_one_line_that_counts_is_enough() -> None:
    assert signed(lines('valid-before="20200101Z"', "")) == []
    assert signed(lines('valid-before="20200101Z"', 'namespaces="git"')) == [
        Code.BASELINE_SIGNER_NOT_TRUSTED
    ]


def test_who_is_asked_for_by_name_must_have_a_line() -> None:
    """A bare key has no name."""
    assert signed(replace(lines(""), signer="sre-lead@example.com")) == []
    assert signed(replace(lines(""), signer="other@example.com")) == [
        Code.BASELINE_SIGNER_NOT_TRUSTED
    ]
    bare = BaselineTrust((LEAD.public,), signer="sre-lead@example.com")
    assert signed(bare) == [Code.BASELINE_SIGNER_NOT_TRUSTED]


def test_a_revoked_key_counts_nowhere() -> None:
    revoked = frozenset({LEAD.public})
    assert signed(BaselineTrust((LEAD.public,), revoked=revoked)) == [Code.BASELINE_KEY_REVOKED]
    assert signed(replace(lines(""), revoked=revoked)) == [Code.BASELINE_KEY_REVOKED]
    assert signed(replace(lines(""), revoked=frozenset({STRANGER.public}))) == []


OTHER = SeedSigner(b"\x33" * 32)


def root(*roles: Role, **more: Any) -> TrustRoot:
    keys = [KeyRoles.of(OTHER.public, Role.OWNER)]
    if roles:
        keys.append(KeyRoles.of(LEAD.public, *roles))
    follows = "sha256:" + "0" * 64
    return replace(TrustRoot.make(*keys), version=2, format=2, follows=follows, **more)


@pytest.mark.parametrize("role", list(Role))
def test_the_trust_root_s_keys_count_with_the_role_that_is_asked_for(role: Role) -> None:
    for asked in Role:
        expected = [] if role is asked else [Code.BASELINE_SIGNER_NOT_TRUSTED]
        assert signed(BaselineTrust(root=root(role), role=asked)) == expected


def test_a_key_that_is_not_in_the_trust_root_is_a_stranger() -> None:
    assert signed(BaselineTrust(root=root())) == [Code.BASELINE_SIGNER_NOT_TRUSTED]


def test_a_trust_root_that_is_over_or_revoked_the_key_vouches_for_nothing() -> None:
    over = root(Role.OWNER, expires="2026-03-01T12:00:00Z")
    assert signed(BaselineTrust(root=over)) == [Code.BASELINE_KEY_EXPIRED]
    lost = Revocation(key=LEAD.public.uri, since=9, reason="lost")
    revoked = root(revoked=(lost,))
    assert signed(BaselineTrust(root=revoked)) == [Code.BASELINE_KEY_REVOKED]


def test_a_root_and_keys_that_are_given_both_count() -> None:
    """Either vouches; nothing given is nobody."""
    assert signed(BaselineTrust((LEAD.public,), root=root())) == []
    assert signed(BaselineTrust()) == [Code.BASELINE_SIGNER_UNKNOWN]


# --- age


def captured(time: str) -> Baseline:
    return replace(GOOD, captured_at=time)


@pytest.mark.parametrize(
    ("time", "base", "in_change", "is_newer"),
    [
        ("2026-03-01T11:00:00Z", "11:00", False, False),
        ("2026-03-01T11:00:01Z", "11:00", False, True),
        ("2026-03-01T11:00:00Z", "11:00", True, True),
        ("2026-03-01T12:00:00Z", None, False, False),
        ("2026-03-01T12:00:01Z", None, False, True),
        ("2026-03-01T13:00:00Z", "14:00", False, True),  # the base's clock is ahead, ours decides
    ],
)
def test_a_baseline_is_older_than_what_it_judges(
    time: str, base: str | None, in_change: bool, is_newer: bool
) -> None:
    """Up to the very second of the base's commit, and never at a commit of the change."""
    base_time = None if base is None else datetime(2026, 3, 1, int(base[:2]), tzinfo=UTC)
    found = verify_age(captured(time), now=AT, base_time=base_time, in_change=in_change)
    assert codes(found) == ([Code.BASELINE_NEWER] if is_newer else [])
