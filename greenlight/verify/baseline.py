"""Is a baseline signed by somebody trusted, older than the change, and kept?  Pure.

1. A signature is one over these very bytes (BASELINE_SIGNATURE_BAD), in a namespace of its own.
2. Its key is one that the reader trusts (BASELINE_SIGNER_UNKNOWN, BASELINE_SIGNER_NOT_TRUSTED):
   a key, a line of an ``allowed_signers`` file, or a key with the role that was asked for in
   the trust root in force.  A revoked key vouches for nothing, whenever it signed: a
   signature beside a file has no place in a history that could say that it came before.
3. The key is valid now (BASELINE_KEY_EXPIRED): what a signature says of its own time is a claim.
4. The baseline is older than the change that it is to judge (BASELINE_NEWER).
5. What is compared measured the same (BASELINE_SUBJECT_DIFFERS), has every metric
   (METRIC_MISSING) as a number (METRIC_NOT_A_NUMBER) from zero on (METRIC_NEGATIVE), and none
   is above its limit (METRIC_OUT_OF_BOUNDS); a value exactly at its limit is not above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.baseline import THRESHOLDS_000, Baseline, Ran, Threshold
from greenlight.model.codec import describe
from greenlight.model.finding import Finding
from greenlight.model.trust import Role, TrustRoot
from greenlight.primitives import sshsig
from greenlight.primitives.decimals import MAX_MEASURE
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.openssh import AllowedSigner, format_public
from greenlight.primitives.timestamp import format_seconds, parse_seconds
from greenlight.verify.signer import matches, why_not

NAMESPACE: Final = "greenlight-baseline"
_WHERE: Final = "baseline"
_MAX_PLACES: Final = 30  # a second has 10^30 of nothing that is measured


@dataclass(frozen=True, slots=True)
class BaselineTrust:
    """Whose signature under a baseline counts.

    Attributes:
        signers: Keys, and lines of ``allowed_signers`` files.
        root: The trust root in force, where its keys count.
        role: What a key of it must be.
        revoked: Keys that count no more, whoever names them.
        signer: Who must have signed, by a name that a line or a user id has; empty for anybody.
    """

    signers: tuple[PublicKey | AllowedSigner, ...] = ()
    root: TrustRoot | None = None
    role: Role = Role.OWNER
    revoked: frozenset[PublicKey] = frozenset()
    signer: str = ""

    @property
    def given(self) -> bool:
        """Whether anything was given at all."""
        return bool(self.signers) or self.root is not None


def verify_signature(
    data: bytes, armoured: bytes, trust: BaselineTrust, *, at: datetime
) -> tuple[PublicKey | None, list[Finding]]:
    """Check an SSH signature beside a baseline.

    Args:
        data: The baseline's bytes.
        armoured: The ``.sig`` file's.
        trust: Whose signatures count.
        at: Now.

    Returns:
        The key that signed, or None where it is no signature over ``data``; what is wrong.
    """
    try:
        key = sshsig.verify(data, armoured.decode("ascii", "replace"), NAMESPACE)
    except MalformedError as error:
        return None, [signature_bad(str(error))]
    shown = format_public(key)
    if not trust.given:
        return key, [signer_unknown(shown)]
    if key in trust.revoked:
        return key, [key_revoked(shown, "among the revoked keys")]
    if trust.root is not None and not trust.signer:
        found = _by_root(key, trust.root, trust.role, at)
        if found is None or not trust.signers:
            return key, [] if found is None else [found]
    found = _by_lines(key, trust, at)
    return key, [] if found is None else [found]


def _by_root(key: PublicKey, root: TrustRoot, role: Role, at: datetime) -> Finding | None:
    shown = format_public(key)
    if root.revocation(key.uri) is not None:
        return key_revoked(shown, "by the trust root in force")
    held = root.find(key.uri)
    if held is None or role not in held.roles:
        roles = "not in it" if held is None else f"there as {', '.join(held.roles)}"
        return not_trusted(f"a key that is {role.value} in the trust root", f"{shown}, {roles}")
    if root.is_expired(at):
        return key_expired(shown, f"the trust root is over since {root.expires}")
    return None


def _by_lines(key: PublicKey, trust: BaselineTrust, at: datetime) -> Finding | None:
    """Return why no key and no line vouches for ``key``, or None where one does."""
    shown = format_public(key)
    if key in trust.signers and not trust.signer:
        return None
    lines = [
        line
        for line in trust.signers
        if isinstance(line, AllowedSigner) and line.key == key and _names(line, trust.signer)
    ]
    reasons = [why_not(line, at, NAMESPACE) for line in lines]
    if "" in reasons:
        return None
    if reasons and all(reason.startswith("not valid ") for reason in reasons):
        return key_expired(shown, reasons[0])
    expected = f"a key of {trust.signer}" if trust.signer else "one of the trusted keys"
    return not_trusted(expected, f"{shown}, {reasons[0] if reasons else 'not among them'}")


def _names(line: AllowedSigner, signer: str) -> bool:
    return not signer or matches(signer, line.principals)


# --- findings that gpg's verdicts are translated into too


def signature_bad(why: str) -> Finding:
    """Say that a signature is none over the baseline."""
    return Finding(Code.BASELINE_SIGNATURE_BAD, _WHERE, "a signature over its bytes", why)


def signer_unknown(who: str) -> Finding:
    """Say that nothing was given to look the signer up in."""
    expected = "a trusted key, an allowed_signers file, a trust root, or for GPG a keyring"
    return Finding(
        Code.BASELINE_SIGNER_UNKNOWN, _WHERE, expected, f"none was given; signed by {who}"
    )


def not_trusted(expected: str, found: str) -> Finding:
    """Say that the signer is a stranger."""
    return Finding(Code.BASELINE_SIGNER_NOT_TRUSTED, _WHERE, expected, found)


def key_expired(who: str, why: str) -> Finding:
    """Say that the key's time is over, or has not come."""
    return Finding(Code.BASELINE_KEY_EXPIRED, _WHERE, "a key that is valid now", f"{who}, {why}")


def key_revoked(who: str, why: str) -> Finding:
    """Say that the key vouches for nothing."""
    return Finding(
        Code.BASELINE_KEY_REVOKED, _WHERE, "a key that was not revoked", f"{who}, revoked {why}"
    )


# --- age


def verify_age(
    baseline: Baseline, *, now: datetime, base_time: datetime | None, in_change: bool
) -> list[Finding]:
    """Check that a baseline is older than the change that it is to judge.

    Args:
        baseline: What it says.
        now: The time.
        base_time: When the commit was made that the change starts from; None where there is none.
        in_change: Whether it was captured at a commit of the change itself.
    """
    captured = parse_seconds(baseline.captured_at)
    if base_time is not None and captured > base_time:
        return [newer(f"captured by {format_seconds(base_time)}, when the base was committed",
                      baseline.captured_at)]  # fmt: skip
    if captured > now:
        return [newer(f"captured by now, {format_seconds(now)}", baseline.captured_at)]
    if in_change:
        expected = "captured at a commit that the base has"
        return [newer(expected, f"{baseline.commit}, which is of the change")]
    return []


def newer(expected: str, found: str) -> Finding:
    """Say that a baseline is newer than the change that it is to judge."""
    return Finding(Code.BASELINE_NEWER, _WHERE, expected, found)


# --- comparing


@dataclass(frozen=True, slots=True)
class Check:
    """One metric, compared.

    Attributes:
        threshold: By how much it may be above the baseline.
        base: What the baseline says.
        limit: The largest value that is not red.
        current: What was measured now; None where that is no number from zero on.
    """

    threshold: Threshold
    base: Decimal
    limit: Decimal
    current: Decimal | None

    @property
    def ok(self) -> bool:
        """Whether it is at most its limit."""
        return self.current is not None and self.current <= self.limit

    def to_dict(self) -> dict[str, object]:
        """Return a row of the report; numbers are JSON's."""
        return {
            "metric": self.threshold.metric,
            "baseline": _number(self.base),
            "current": None if self.current is None else _number(self.current),
            "rule": f"{self.threshold.rule.value} {self.threshold.amount}",
            "limit": _number(self.limit),
            "source": self.threshold.source,
            "status": "ok" if self.ok else "fail",
        }


def compare(
    baseline: Baseline,
    current: Mapping[str, object],
    *,
    ran: Ran | None = None,
    failures: int = 0,
    thresholds: Sequence[Threshold] = THRESHOLDS_000,
) -> tuple[list[Check], list[Finding]]:
    """Compare what was measured now with a baseline.

    Args:
        baseline: The baseline.
        current: Values by metric, as they were read: anything may stand there.
        ran: What was measured now; None where that is not known.
        failures: Runs that failed now.
        thresholds: What is compared. Where the baseline says 0, ``times`` allows 0 alone.

    Returns:
        A row for each threshold, and everything that is wrong.
    """
    checks = []
    findings = list(_same(baseline, ran, failures))
    for threshold in thresholds:
        base: Decimal = getattr(baseline.metrics, threshold.metric)
        value = _value(current.get(threshold.metric))
        check = Check(threshold, base, threshold.limit(base), value)
        checks.append(check)
        findings += _judge(check, current)
    return checks, findings


def _same(baseline: Baseline, ran: Ran | None, failures: int) -> Iterator[Finding]:
    code = Code.BASELINE_SUBJECT_DIFFERS
    if ran is not None:
        for name in ("subject", "argv", "corpus"):
            expected, found = getattr(baseline.ran, name), getattr(ran, name)
            if expected != found:
                yield Finding(code, f"current#/ran/{name}", _said(expected), _said(found))
    if failures > baseline.failures:
        yield Finding(
            code, "current#/failures", f"at most {baseline.failures} failed runs", str(failures)
        )


def _said(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _judge(check: Check, current: Mapping[str, object]) -> Iterator[Finding]:
    name = check.threshold.metric
    where = f"current#/metrics/{name}"
    if name not in current:
        yield Finding(Code.METRIC_MISSING, where, "this metric", "nothing", name)
    elif check.current is None:
        found = current[name]
        negative = type(found) in (int, Decimal) and str(found).startswith("-")
        code = Code.METRIC_NEGATIVE if negative else Code.METRIC_NOT_A_NUMBER
        yield Finding(code, where, "a number from 0 on", describe(found), name)
    elif not check.ok:
        rule = f"{check.threshold.rule.value} {check.threshold.amount}"
        expected = f"at most {_plain(check.limit)} ({_plain(check.base)} {rule})"
        yield Finding(Code.METRIC_OUT_OF_BOUNDS, where, expected, _plain(check.current), name)


def _value(found: object) -> Decimal | None:
    """Return a metric as a number from zero on, or None where it is none; a truth is none."""
    if type(found) is not int and not isinstance(found, Decimal):
        return None
    value = Decimal(found)
    # Beyond these bounds it is nothing that was measured, and may be as long as memory.
    small = value.is_finite() and (not value or value.adjusted() >= -_MAX_PLACES)
    return value if small and 0 <= value <= MAX_MEASURE else None


def _number(value: Decimal) -> int | float:
    whole = value == value.to_integral_value()
    return int(value) if whole else float(value)


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"
