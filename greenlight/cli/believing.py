"""Which baseline judges, and whose signatures of it count: options, then settings, then the pin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from greenlight.cli.project import Project
from greenlight.cli.surroundings import clock, variables
from greenlight.cli.surroundings import settings as user_settings
from greenlight.cli.trusting import given_trust
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, UsageError
from greenlight.model.finding import Finding
from greenlight.primitives.openssh import AllowedSigner, parse_allowed_signers
from greenlight.services.baseline_files import state_of
from greenlight.services.baseline_trust import read_keyring, root_in_force
from greenlight.services.baselines import (
    UNREADABLE,
    BaselineVerdict,
    Measure,
    Trusting,
    Where,
    believed_metrics,
    verify_for_audit,
)
from greenlight.services.benchmarking import Place
from greenlight.services.keys import read_allowed_signers
from greenlight.services.reading import read_if_there
from greenlight.store.worktree import read_file_at
from greenlight.verify.baseline import BaselineTrust

_MAX_TRUST_BYTES = 1024 * 1024


def where_of(project: Project, path: Path) -> Where:
    """Return a baseline of a project, read from the base whose settings judge."""
    judging = project.judging
    whole = path if path.is_absolute() else project.root / path
    return Where(whole, project.repository, project.tree, judging.base, judging.commit)


def trusting_of(arguments: Values, project: Project) -> Trusting:
    """Return whose signatures count.

    What was given on the command line; else what the settings name, read from the same base; and
    beside that the trust root that is pinned here; else the user's own allowed_signers.

    Raises:
        GreenlightError: Something that was named cannot be read.
    """
    given = given_trust(arguments)
    signers = given.signers
    sources = [] if given.source == "nothing" else [given.source]
    keyring = None
    if arguments.gpg_keyring is not None:
        keyring = read_keyring(arguments.gpg_keyring)
        sources.append(f"--gpg-keyring {arguments.gpg_keyring}")
    if not sources:
        audit = project.judging.settings.audit
        if audit.allowed_signers:
            signers = _signers(project, audit.allowed_signers)
            sources.append(audit.allowed_signers)
        if audit.gpg_keyring:
            keyring = _file(project, audit.gpg_keyring, Code.MALFORMED)
            sources.append(audit.gpg_keyring)
    root = None
    if project.ledger is not None and (given.root is not None or not signers):
        root = root_in_force(project.ledger, given.root)
        if root is not None and given.root is None:
            sources.append("the trust root pinned for this store")
    folder = user_settings()
    mine = None if folder is None else folder / "allowed_signers"
    if not sources and mine is not None and mine.is_file():
        signers = read_allowed_signers(mine)
        sources.append(str(mine))
    trust = BaselineTrust(signers=signers, root=root)
    return Trusting(trust, keyring, " and ".join(sources) or "nothing")


def metrics_of(arguments: Values, project: Project, path: str) -> Mapping[str, Decimal] | None:
    """Return the metrics of a baseline that can be believed; None of any other."""
    try:
        trusting = trusting_of(arguments, project)
    except GreenlightError:
        return None
    return believed_metrics(where_of(project, Path(path)), trusting, now=clock())


def verdict_of(arguments: Values, project: Project) -> Callable[[], BaselineVerdict]:
    """Return what makes the verdict on the baseline: nothing that is wrong there is an error."""
    named = getattr(arguments, "baseline", None)
    where = where_of(project, named or Path(project.judging.settings.audit.baseline))
    if named is not None and not where.path.resolve().is_relative_to(project.root.resolve()):
        where = Where(where.path)  # it lies outside of the repository, and is of no commit
    return _verdict(arguments, project, where)


def verdict_at(arguments: Values, project: Project, path: str) -> Callable[[], BaselineVerdict]:
    """Do the same for a baseline that the settings name; the audit's where they name none."""
    name = path or project.judging.settings.audit.baseline
    return _verdict(arguments, project, where_of(project, Path(name)))


def _verdict(arguments: Values, project: Project, where: Where) -> Callable[[], BaselineVerdict]:
    audit = project.judging.settings.audit

    def verify() -> BaselineVerdict:
        try:
            trusting = trusting_of(arguments, project)
        except GreenlightError as error:
            finding = Finding(error.code, str(where.path), "whose signatures count", str(error))
            return BaselineVerdict(where, findings=(finding,), status=UNREADABLE)
        commit, tree = state_of(project.root)
        place = Place(project.root, variables(), commit, tree)
        how = Measure(place, audit.capture, seconds=audit.capture_seconds)
        current = getattr(arguments, "current", None)
        return verify_for_audit(where, trusting, current=current, how=how, clock=clock)

    return verify


def _signers(project: Project, name: str) -> tuple[AllowedSigner, ...]:
    data = _file(project, name, Code.ALLOWED_SIGNERS_MALFORMED)
    try:
        return parse_allowed_signers(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedError(Code.ALLOWED_SIGNERS_MALFORMED, f"{name}: not UTF-8") from error


def _file(project: Project, name: str, malformed: Code) -> bytes:
    """Return a file that the settings name, from the commit that they were read from."""
    judging = project.judging
    if judging.is_independent and project.repository is not None:
        data = read_file_at(project.repository, judging.commit, name, max_bytes=_MAX_TRUST_BYTES)
    else:
        data = read_if_there(project.root / name, _MAX_TRUST_BYTES, malformed)
    if data is None:
        raise UsageError(Code.FILE_UNREADABLE, f"the settings name {name}, and it is not there")
    return data
