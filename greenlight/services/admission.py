"""May this lane run?  Everything is decided here, before anything is written.

The one entry for requests: a run, a dry run and the bad-input probes come through
``examine``.  It reads, decides and refuses; it never writes.  The order is fixed, and
all that stands in the way is reported: the lane itself, its sources, its inputs, its
pins and tickets, then the authority to run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from greenlight.codes import Code
from greenlight.errors import GreenlightError, RefusedError
from greenlight.model.codec import draft
from greenlight.model.documents.lineage import LineageRow
from greenlight.model.documents.preflight import PreflightRow
from greenlight.model.finding import Finding
from greenlight.model.lane import Input, InputKind, Lane, Prior, Treatment
from greenlight.model.lane_file import parse_lane, with_lines
from greenlight.model.state import GrantState, LedgerState
from greenlight.model.surface import Change, matches
from greenlight.model.words import Mode
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import normalise_document
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.scanning import scanner_of
from greenlight.services.sources import Content, Sources
from greenlight.verify.derive.checked import ticket_names
from greenlight.verify.derive.execution_plan import covers, operations_of
from greenlight.verify.lane import check_lane
from greenlight.verify.secrets import Scanner

INPUTS = "artifacts/inputs"


class Provider(Protocol):
    """Where a lane's surroundings come from: the disk for a run, the packet for a replay."""

    def sources(self, lane: Lane) -> Sources:
        """Return what the workspace starts with.

        Raises:
            GreenlightError: Something is absent or unreadable.
        """

    def read_input(self, wanted: Input) -> bytes:
        """Return the bytes of a file or verdict.

        Raises:
            GreenlightError: It is absent or unreadable.
        """

    def look_up(self, prior: Prior) -> LineageRow:
        """Return what is known here of a packet that the lane depends on."""

    def reverify(self, wanted: Input) -> str:
        """Reconstruct a packet, verify it, and run its gate and probes again.

        Returns:
            What was done and what came of it; empty where the packet is not here.

        Raises:
            GreenlightError: It does not verify.
        """


@dataclass(frozen=True, slots=True)
class Request:
    """A lane that somebody wants to run.

    Attributes:
        lane: The bytes of the lane file.
        executor: Thumbprint URI of the key that would run and seal.
        at: The time of the request.
        grant: Id of the grant to use; empty to take the first that fits.
        variables: The caller's environment: no masked value of it may stand in what is sealed.
    """

    lane: bytes
    executor: str
    at: datetime
    grant: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may be carried out, with everything that was looked at.

    Attributes:
        inputs: Bytes of the inputs that were read, by path in the packet.
        grant: What it runs under; None only for a dry run, which needs no authority.
        use: Which use of the grant it would spend.
    """

    lane: Lane
    lane_bytes: bytes
    sources: Sources
    preflight: tuple[PreflightRow, ...]
    inputs: Mapping[str, bytes]
    lineage: tuple[LineageRow, ...]
    grant: GrantState | None
    use: int

    @property
    def lane_digest(self) -> str:
        return str(Digest.of(self.lane_bytes))


@dataclass(frozen=True, slots=True)
class AdmittedProvider:
    """The surroundings of a lane as they were when it was admitted; nothing is read again.

    Probes see what the run sees: a file that somebody changes meanwhile is refused where
    it is published, and does not pass for a probe that failed.
    """

    admission: Admission

    def sources(self, lane: Lane) -> Sources:  # noqa: ARG002 - of the lane that was admitted
        return self.admission.sources

    def read_input(self, wanted: Input) -> bytes:
        return self.admission.inputs[f"{INPUTS}/{wanted.path}"]

    def look_up(self, prior: Prior) -> LineageRow:
        trees = {row.packet_tree: row for row in self.admission.lineage}
        return trees[prior.packet_tree]

    def reverify(self, wanted: Input) -> str:
        rows = zip(self.admission.lane.inputs, self.admission.preflight, strict=True)
        return next(row.reverified for known, row in rows if known == wanted)


@dataclass(frozen=True, slots=True)
class Examined:
    """What examining a request gave.

    Attributes:
        lane: The lane, where it could be read.
        findings: Everything that stands in the way, in the order of the checks.
        admission: The admission, where nothing does.
        error: Why the lane could not be read, where it could not.
    """

    lane: Lane | None
    findings: tuple[Finding, ...]
    admission: Admission | None
    error: GreenlightError | None = None


def examine(request: Request, provider: Provider, state: LedgerState) -> Examined:
    """Look at a request and say all that stands in its way.  Reads; writes nothing."""
    try:
        lane = parse_lane(request.lane)
    except GreenlightError as error:
        return Examined(None, (_finding(error, "lane"),), None, error)
    scanner = scanner_of(masked_values(lane, request.variables))
    secret = _secrets("lane.yaml", request.lane, scanner)
    findings = [*with_lines(request.lane, check_lane(lane)), *secret]
    if findings:
        return Examined(lane, tuple(findings), None)
    try:
        sources = provider.sources(lane)
    except GreenlightError as error:
        return Examined(lane, (_finding(error, "lane#/workspace"),), None)
    rows, inputs, wrong = _preflight(lane, provider)
    findings += wrong
    names = "\n".join((*sources.files, *sources.folders, *sources.documents)).encode()
    findings += _secrets("names of the workspace", names, scanner)
    findings += [*_surfaces(lane, sources), *_pins(lane, sources), *_tickets(lane, sources, state)]
    lineage = tuple(provider.look_up(prior) for prior in lane.lineage)
    grant, use, wrong = _authority(lane, request, state)
    findings += wrong
    if findings:
        return Examined(lane, tuple(findings), None)
    admission = Admission(lane, request.lane, sources, rows, inputs, lineage, grant, use)
    return Examined(lane, (), admission)


def admit(request: Request, provider: Provider, state: LedgerState) -> Admission:
    """Examine a request and let it in, or refuse it.

    Raises:
        MalformedError: The lane cannot be read.
        RefusedError: With the code of the first thing that stands in the way; all of
            them are in the message.
    """
    examined = examine(request, provider, state)
    if examined.error is not None:
        raise examined.error
    if examined.admission is None:
        first = examined.findings[0]
        raise RefusedError(
            first.code,
            "; ".join(
                f"{f.where}: expected {f.expected}, found {f.found}" for f in examined.findings
            ),
            hint="greenlight run LANE --plan shows everything that stands in the way",
            codes=tuple(finding.code for finding in examined.findings),
        )
    return examined.admission


def _finding(error: GreenlightError, where: str) -> Finding:
    return Finding(error.code, where, "something that can be read", str(error))


def masked_values(lane: Lane, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the lane's masked variables, by name."""
    names = lane.environment.masked if lane.environment else ()
    return {name: variables[name] for name in names if name in variables}


def _secrets(what: str, data: bytes, scanner: Scanner) -> Iterator[Finding]:
    """Refuse a secret in what would be sealed as it stands."""
    for hit in scanner.scan(what, data):
        where = f"{what} byte {hit.offset}"
        yield Finding(Code.SECRET_IN_EVIDENCE, where, "no secret", hit.rule)


def _preflight(
    lane: Lane, provider: Provider
) -> tuple[tuple[PreflightRow, ...], dict[str, bytes], list[Finding]]:
    rows: list[PreflightRow] = []
    kept: dict[str, bytes] = {}
    findings: list[Finding] = []
    for index, wanted in enumerate(lane.inputs):
        where = f"lane#/inputs/{index}"
        try:
            row, data = _input(wanted, provider)
        except GreenlightError as error:
            findings.append(Finding(Code.INPUT_MISMATCH, where, wanted.digest, str(error)))
            continue
        rows.append(row)
        if data is not None:
            kept[row.artifact] = data
        if row.found != wanted.digest and wanted.treatment is not Treatment.REFERENCE:
            found = row.found or "nothing"
            findings.append(Finding(Code.INPUT_MISMATCH, where, wanted.digest, found, wanted.name))
        elif wanted.contains and not row.contained:
            expected = f"the words {wanted.contains!r}"
            findings.append(Finding(Code.INPUT_MISMATCH, where, expected, "none", wanted.name))
    return tuple(rows), kept, findings


def _input(wanted: Input, provider: Provider) -> tuple[PreflightRow, bytes | None]:
    if wanted.kind is InputKind.PACKET:
        done = ""
        if wanted.treatment is Treatment.RECONSTRUCT:
            done = provider.reverify(wanted)
        row = draft(
            PreflightRow,
            found=wanted.digest if done else "",
            contained=False,
            bytes=0,
            artifact="",
            reverified=done,
        )
        return row, None
    data = provider.read_input(wanted)
    row = draft(
        PreflightRow,
        found=str(Digest.of(data)),
        contained=bool(wanted.contains) and wanted.contains.encode() in data,
        bytes=len(data),
        artifact=f"{INPUTS}/{wanted.path}",
        reverified="",
    )
    return row, data


def _surfaces(lane: Lane, sources: Sources) -> Iterator[Finding]:
    """Refuse a create-only surface that is there already: applying it would overwrite."""
    for index, surface in enumerate(lane.allowed):
        there = [path for path in sources.files if matches(surface.path, path)]
        wildcard = set("*?") & set(surface.path)
        if surface.change is Change.CREATE and there and not wildcard:
            where = f"lane#/allowed/{index}"
            yield Finding(Code.SURFACE_EXISTS, where, "ABSENT", there[0], surface.id)


def _pins(lane: Lane, sources: Sources) -> Iterator[Finding]:
    for index, pin in enumerate(lane.pins):
        found = _normalised(sources.files.get(pin.path))
        if found != pin.digest:
            where = f"lane#/pins/{index}"
            yield Finding(Code.PIN_CHANGED, where, pin.digest, found or "nothing", pin.name)


def _normalised(content: Content | None) -> str:
    if content is None:
        return ""
    try:
        return str(Digest.of(normalise_document(content.data)))
    except GreenlightError:
        return ""


def _tickets(lane: Lane, sources: Sources, state: LedgerState) -> Iterator[Finding]:
    names = ticket_names(lane)
    taken = [name for name in names if f"ticket/{name}" in state.claims]
    if taken:
        yield Finding(Code.TICKETS_TAKEN, "lane#/tickets", "free tickets", ", ".join(taken))
    for path in lane.tickets.registry if lane.tickets else ():
        content = sources.files.get(path)
        if content is None:
            yield Finding(Code.INPUT_MISMATCH, "lane#/tickets/registry", path, "nothing")
            continue
        named = [name for name in names if names_ticket(content.data, name)]
        if named:
            yield Finding(Code.TICKET_COLLISION, path, "free tickets", ", ".join(named))


def names_ticket(text: bytes, ticket: str) -> bool:
    """Report whether ``ticket`` stands in ``text`` as a whole number, not as part of one."""
    name = ticket.encode()
    start = text.find(name)
    while start >= 0:
        if not text[start + len(name) : start + len(name) + 1].isdigit():
            return True
        start = text.find(name, start + 1)
    return False


def _authority(
    lane: Lane, request: Request, state: LedgerState
) -> tuple[GrantState | None, int, list[Finding]]:
    if lane.mode == Mode.DRY_RUN:
        return None, 0, []
    where = "grant"
    fitting = [
        held
        for held in state.grants.values()
        if held.grant.executor == request.executor
        and held.grant.covers_lane(lane.lane)
        and held.grant.authority == lane.authority
        and request.grant in ("", held.grant.grant)
    ]
    wrong = Finding(
        Code.DELEGATION_MISSING, where, f"a grant of {lane.authority} for {lane.lane}", "none"
    )
    for held in fitting:
        # Ledger time is the greater of the last and one's own: a grant that was just given by
        # somebody whose clock is a little ahead has begun.
        at = max(request.at, state.time or request.at)
        problem, use = _usable(held, lane, at, state)
        if problem is None:
            return held, use, []
        wrong = problem
    return None, 0, [wrong]


def _taken_back(held: GrantState, state: LedgerState, where: str) -> Finding | None:
    if state.is_revoked(held.issuer, held.index):
        return Finding(Code.KEY_REVOKED, where, "a giver that is trusted", held.issuer)
    gone = state.grants_revoked.get(held.grant.grant)
    if gone is not None:
        return Finding(Code.GRANT_REVOKED, where, "a grant in force", gone.body.reason)
    return None


def _usable(
    held: GrantState, lane: Lane, at: datetime, state: LedgerState
) -> tuple[Finding | None, int]:
    """Say why a grant that names this key and lane does not serve now, or which use is free."""
    grant = held.grant
    where = f"grant {grant.grant}"
    taken_back = _taken_back(held, state, where)
    if taken_back is not None:
        return taken_back, 0
    if lane.mode not in grant.modes:
        return Finding(Code.GRANT_MODE, where, lane.mode, ", ".join(grant.modes)), 0
    if not grant.is_in_force(at):
        expected = f"{grant.not_before} to {grant.expires}"
        return Finding(Code.GRANT_EXPIRED, where, expected, format_seconds(at)), 0
    wanted = operations_of(lane)
    missing = sorted(name for name in wanted if not covers(grant.operations, name))
    if missing:
        lifting = [name for name in missing if name.startswith("resolve:")]
        code = Code.BLOCKER_NOT_RESOLVABLE if lifting else Code.TOOL_NOT_ALLOWED
        return Finding(code, where, ", ".join(missing), ", ".join(grant.operations) or "none"), 0
    use = state.next_use(grant.grant)
    if use is None:
        return Finding(Code.GRANT_USED_UP, where, f"one of {grant.max_uses} uses", "none left"), 0
    return None, use
