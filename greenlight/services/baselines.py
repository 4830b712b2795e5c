"""Is there a baseline that may judge this change, and does what is measured now hold to it?

The order is that of the statuses (docs/spec/baseline.md): there is one; it is signed, by
somebody trusted whose key is valid; it is older than the change; something was measured now;
that measured the same; no metric is above its limit.  The first that does not hold is the
status, and nothing is run before a signature has been verified: the command that measures
comes from the baseline itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, RejectedError
from greenlight.model.baseline import (
    MAX_BASELINE_BYTES,
    METRICS,
    Baseline,
    Ran,
    Subject,
    Tree,
    decode_baseline,
)
from greenlight.model.current import Current, read_current
from greenlight.model.finding import Finding
from greenlight.primitives.digest import Digest
from greenlight.primitives.openssh import format_public
from greenlight.primitives.text import escape
from greenlight.services import gpg
from greenlight.services.baseline_files import (
    BaselineFiles,
    below,
    read_in_commit,
    read_in_folder,
)
from greenlight.services.benchmarking import Place, Plan, capture
from greenlight.services.reading import read_bounded, read_if_there
from greenlight.store.repository import Store
from greenlight.store.worktree import WorkTree, committed_at, is_ancestor
from greenlight.verify.baseline import (
    BaselineTrust,
    Check,
    compare,
    newer,
    verify_age,
    verify_signature,
)

OK: Final = "ok"
_STATUS: Final = {
    Code.BASELINE_MISSING: "missing_baseline",
    Code.BASELINE_UNSIGNED: "unsigned",
    Code.BASELINE_SIGNATURE_BAD: "bad_signature",
    Code.BASELINE_SIGNER_UNKNOWN: "signer_unknown",
    Code.BASELINE_SIGNER_NOT_TRUSTED: "signer_not_trusted",
    Code.BASELINE_KEY_EXPIRED: "key_expired",
    Code.BASELINE_KEY_REVOKED: "key_revoked",
    Code.BASELINE_NEWER: "newer_than_change",
    Code.BASELINE_SUBJECT_DIFFERS: "subject_differs",
    Code.METRIC_MISSING: "current_read_error",
    Code.METRIC_NOT_A_NUMBER: "current_read_error",
    Code.METRIC_NEGATIVE: "current_read_error",
    Code.METRIC_OUT_OF_BOUNDS: "regressed",
}
MALFORMED_BASELINE: Final = "malformed_baseline"
CAPTURE_SKIPPED: Final = "capture_skipped"
CAPTURE_SCRIPT_MISSING: Final = "capture_script_missing"
CURRENT_READ_ERROR: Final = "current_read_error"
UNREADABLE: Final = "unreadable"
STATUSES: Final = (
    OK,
    *dict.fromkeys(_STATUS.values()),
    MALFORMED_BASELINE,
    UNREADABLE,
    CAPTURE_SKIPPED,
    CAPTURE_SCRIPT_MISSING,
)


@dataclass(frozen=True, slots=True)
class Where:
    """Which baseline, and against what it is held.

    Attributes:
        path: Where it lies.
        store: The repository's; None without one.
        tree: Its work tree; None likewise.
        base: What named the base; empty where there is none.
        commit: The commit of the base; likewise. The baseline is then read from it.
    """

    path: Path
    store: Store | None = None
    tree: WorkTree | None = None
    base: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Trusting:
    """Whose signatures count.

    Attributes:
        ssh: Of OpenSSH keys.
        keyring: GPG keys, as `gpg --export` writes them; None where none were given.
        source: By what right, for people.
    """

    ssh: BaselineTrust = field(default_factory=BaselineTrust)
    keyring: bytes | None = None
    source: str = "nothing"


@dataclass(frozen=True, slots=True)
class BaselineVerdict:
    """What a baseline came to.

    Attributes:
        where: Which.
        baseline: What it says; None where it cannot be read.
        digest: ``sha256:<hex>`` of its bytes; empty without them.
        signer: Who signed, for people; empty where nobody is known.
        trusted_by: By what right that counts; empty where it does not.
        findings: Everything that is wrong, in the order of the statuses.
        notes: What does not decide, and people should know.
        status: ``ok``, or the first thing that is wrong.
        checks: Metrics compared.
        measured: Where the metrics of now come from; empty where there are none.
    """

    where: Where
    baseline: Baseline | None = None
    digest: str = ""
    signer: str = ""
    trusted_by: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    status: str = OK
    checks: tuple[Check, ...] = ()
    measured: str = ""

    @property
    def ok(self) -> bool:
        return self.status == OK

    def with_findings(self, *findings: Finding) -> BaselineVerdict:
        """Return the verdict with more that is wrong; the first of all is the status."""
        every = (*self.findings, *findings)
        return replace(self, findings=every, status=_STATUS[every[0].code] if every else OK)

    def to_dict(self) -> dict[str, object]:
        """Return the section ``baseline_verification`` of a report (000)."""
        return {
            "status": self.status,
            "baseline": str(self.where.path),
            "digest": self.digest,
            "captured_at": self.baseline.captured_at if self.baseline else "",
            "signer": self.signer,
            "trusted_by": self.trusted_by,
            "base": self.where.base,
            "base_commit": self.where.commit,
            "independent": bool(self.where.commit),
            "current": self.measured,
            "checks": [check.to_dict() for check in self.checks],
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
        }


def missing(path: Path) -> RejectedError:
    """Return the error for a baseline that is not there."""
    return RejectedError(
        Code.BASELINE_MISSING,
        f"no baseline at {escape(str(path))}",
        hint="greenlight baseline capture, then greenlight baseline sign",
    )


# --- the baseline itself


def verify_baseline(where: Where, trusting: Trusting, *, now: datetime) -> BaselineVerdict:
    """Verify signature, signer and age of a baseline.

    Raises:
        MalformedError: BASELINE_MALFORMED: it is no baseline; GPG_FAILED: no keyring.
        StoreError: It cannot be read, or gpg is not there.
        UsageError: A base is asked for, and the baseline lies outside the repository.
    """
    files, there = _read(where)
    verdict = BaselineVerdict(where)
    if files.data is None:
        finding = Finding(
            Code.BASELINE_MISSING, str(where.path), "a signed baseline", "no such file"
        )
        if there:
            finding = newer("one that the base has", "it came with the change itself")
        return verdict.with_findings(finding)
    baseline = decode_baseline(files.data)
    verdict = replace(verdict, baseline=baseline, digest=str(Digest.of(files.data)))
    signer, findings = _signatures(files, files.data, trusting, now)
    verdict = replace(
        verdict,
        signer=signer,
        trusted_by="" if findings else trusting.source,
        notes=tuple(_notes(where, files, baseline)),
    )
    return verdict.with_findings(*findings, *_age(where, baseline, now))


def believed_metrics(
    where: Where, trusting: Trusting, *, now: datetime
) -> Mapping[str, Decimal] | None:
    """Return the metrics of a baseline, by name; None where it may not judge, or is none."""
    try:
        verdict = verify_baseline(where, trusting, now=now)
    except GreenlightError:
        return None
    if verdict.baseline is None or not verdict.ok:
        return None
    metrics = verdict.baseline.metrics
    return {name: getattr(metrics, name) for name in METRICS}


def _read(where: Where) -> tuple[BaselineFiles, bool]:
    """Return the files that count, and whether there is a baseline in the work tree."""
    if not where.commit or where.store is None or where.tree is None:
        found = read_in_folder(where.path)
        return found, found.data is not None
    inside = below(where.tree, where.path)
    return read_in_commit(where.store, where.commit, inside), where.path.is_file()


def _signatures(
    files: BaselineFiles, data: bytes, trusting: Trusting, now: datetime
) -> tuple[str, list[Finding]]:
    """Return who signed and is trusted, and otherwise what is wrong with every signature."""
    seen: list[tuple[str, list[Finding]]] = []
    if files.ssh is not None:
        key, findings = verify_signature(data, files.ssh, trusting.ssh, at=now)
        seen.append((format_public(key) if key is not None else "", findings))
    if files.gpg is not None:
        seen.append(
            gpg.verify(data, files.gpg, trusting.keyring, signer=trusting.ssh.signer, at=now)
        )
    if not seen:
        expected = "a signature beside it, .sig or .asc"
        return "", [Finding(Code.BASELINE_UNSIGNED, "baseline", expected, "none")]
    # One that is none over these bytes says that something was edited, whoever else signed.
    bad = [f for _, found in seen for f in found if f.code is Code.BASELINE_SIGNATURE_BAD]
    good = [who for who, found in seen if not found]
    if good and not bad:
        return good[0], []
    return seen[0][0], bad or [finding for _, found in seen for finding in found]


def _notes(where: Where, files: BaselineFiles, baseline: Baseline) -> list[str]:
    notes = []
    if not where.commit:
        notes.append("read from the work tree itself: the change under test could have edited it")
    elif _differs(where.path, files.data):
        notes.append("the change under test edits the baseline; the one of the base judges it")
    if baseline.tree is not Tree.CLEAN:
        notes.append(unclean(baseline.tree))
    return notes


def _differs(path: Path, data: bytes | None) -> bool:
    """Tell whether the work tree has another thing there: also none, a folder, or too much."""
    try:
        return read_if_there(path, MAX_BASELINE_BYTES) != data
    except GreenlightError:
        return True


def unclean(tree: Tree) -> str:
    """Say that a baseline's numbers are not those of a commit alone."""
    if tree is Tree.DIRTY:
        return "captured on a work tree with changes that no commit has"
    return "captured where no commit could be named"


def _age(where: Where, baseline: Baseline, now: datetime) -> list[Finding]:
    if not where.commit or where.tree is None:
        return verify_age(baseline, now=now, base_time=None, in_change=False)
    root, head, base = where.tree.root, where.tree.head, where.commit
    if head and is_ancestor(root, head, base):
        found = f"{where.base}, which has the change in it"
        return [newer("a base that is before the change", found)]
    seconds = committed_at(root, base)
    captured = baseline.commit
    in_change = bool(
        captured and is_ancestor(root, captured, head) and not is_ancestor(root, captured, base)
    )
    return verify_age(
        baseline,
        now=now,
        base_time=None if seconds is None else datetime.fromtimestamp(seconds, UTC),
        in_change=in_change,
    )


# --- what is measured now


@dataclass(frozen=True, slots=True)
class Measure:
    """How to measure now.

    Attributes:
        place: Where.
        argv: The command; empty for the one that the baseline says.
        count: So many runs; None where a time is given.
        seconds: Runs are begun for so long.
        on_run: Told the number of runs after each.
    """

    place: Place
    argv: tuple[str, ...] = ()
    count: int | None = None
    seconds: int | None = None
    on_run: Callable[[int], None] = lambda _: None

    def plan(self, ran: Ran) -> Plan:
        """Return what is run, so that it can be compared with what ran then."""
        return Plan(
            argv=self.argv or ran.argv,
            says_samples=ran.subject is Subject.SAMPLES,
            count=self.count,
            seconds=self.seconds,
            timeout_seconds=ran.timeout_seconds,
        )


def compare_with(
    verdict: BaselineVerdict, baseline: Baseline, current: Current, measured: str
) -> BaselineVerdict:
    """Hold what was measured now to a baseline."""
    checks, findings = compare(
        baseline, current.metrics, ran=current.ran, failures=current.failures
    )
    # A metric that cannot be read comes before one that is too large.
    findings.sort(key=lambda finding: list(_STATUS).index(finding.code))
    made = replace(verdict, checks=tuple(checks), measured=measured)
    hosts = {fact.name: fact.content for fact in baseline.host}
    other = sorted(name for name, content in current.host.items() if hosts.get(name) != content)
    if other:
        made = replace(made, notes=(*made.notes, f"measured elsewhere: {', '.join(other)} differ"))
    return made.with_findings(*findings)


def measure(
    baseline: Baseline, how: Measure, *, clock: Callable[[], datetime]
) -> tuple[Current, str]:
    """Measure now what a baseline measured then.

    Raises:
        GreenlightError: As ``capture``.
    """
    found = capture(how.plan(baseline.ran), how.place, clock=clock, on_run=how.on_run)
    return Current.of(found), f"measured at {found.captured_at}, {found.samples} samples"


def verify_for_audit(
    where: Where,
    trusting: Trusting,
    *,
    current: Path | None,
    how: Measure | None,
    clock: Callable[[], datetime],
) -> BaselineVerdict:
    """Make the audit's baseline section: everything that can be wrong is a status, none an error.

    Args:
        where: Which baseline, and its base.
        trusting: Whose signatures count.
        current: A file of metrics; None to measure.
        how: How to measure; None where that shall not be done, which is a failure of its own.
        clock: The time.
    """
    try:
        verdict = verify_baseline(where, trusting, now=clock())
    except GreenlightError as error:
        known = {Code.BASELINE_MALFORMED: MALFORMED_BASELINE}
        status = known.get(error.code, UNREADABLE)
        return _failed(BaselineVerdict(where), error, status)
    if verdict.baseline is None or not verdict.ok:
        return verdict
    try:
        if current is not None:
            now, measured = load_current(current), str(current)
        elif how is not None:
            now, measured = measure(verdict.baseline, how, clock=clock)
        else:
            note = "nothing was measured now, and no metrics were given"
            return replace(verdict, status=CAPTURE_SKIPPED, notes=(*verdict.notes, note))
    except GreenlightError as error:
        absent = error.code is Code.BENCHMARK_NOT_FOUND
        return _failed(verdict, error, CAPTURE_SCRIPT_MISSING if absent else CURRENT_READ_ERROR)
    return compare_with(verdict, verdict.baseline, now, measured)


def load_current(path: Path) -> Current:
    """Read a file of metrics.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: BASELINE_MALFORMED, JSON_MALFORMED.
    """
    return read_current(read_bounded(path, MAX_BASELINE_BYTES, Code.BASELINE_MALFORMED))


def _failed(verdict: BaselineVerdict, error: GreenlightError, status: str) -> BaselineVerdict:
    finding = Finding(error.code, str(verdict.where.path), "an answer", str(error))
    return replace(verdict, findings=(*verdict.findings, finding), status=status)
