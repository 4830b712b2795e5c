"""State is a fold: what the ledger's entries amount to, computed and never stored.

``fold`` is pure.  For each record, in order, an entry has effect only if

1. it parses, its format version and kind are known, its body is one of its kind;
2. its actor's key stands in the trust root in force, with the role of the kind, and
   its signature verifies over the bytes that were parsed;
3. that root has not expired (then only a next trust root has effect);
4. its actor has not placed an entry of this UUID before;
5. subject and claims are exactly what the body says;
6. the rule of its kind holds at ledger time: a grant is in force and covers lane,
   mode, executor and use; a sealed packet ends a run that its signer opened; a
   purged packet was sealed;
7. none of its claims is taken: the first valid claim holds, for ever.

Anything else is void: kept, reported, without effect.  Anyone who can push can
append, so a void entry is no damage to the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.model.entry import Body, Entry, decode_entry
from greenlight.model.grant import Grant
from greenlight.model.kinds import (
    NOT_EXECUTED,
    ClockCorrected,
    PacketPurged,
    PacketSealed,
    RunOpened,
)
from greenlight.model.record import Record
from greenlight.model.state import (
    GrantState,
    LedgerState,
    PacketState,
    PurgeState,
    RunState,
    Void,
)
from greenlight.model.trust import KeyRoles, Role, TrustRoot
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import PublicKey

_READERS: Mapping[str, Callable[[Mapping[str, object]], Body]] = {
    TrustRoot.KIND: TrustRoot.from_body,
    Grant.KIND: Grant.from_body,
    RunOpened.KIND: RunOpened.from_body,
    PacketPurged.KIND: PacketPurged.from_body,
    PacketSealed.KIND: PacketSealed.from_body,
    ClockCorrected.KIND: ClockCorrected.from_body,
}
_ROLES: Mapping[str, Role] = {
    TrustRoot.KIND: Role.OWNER,
    Grant.KIND: Role.OWNER,
    RunOpened.KIND: Role.EXECUTOR,
    PacketPurged.KIND: Role.OWNER,
    PacketSealed.KIND: Role.EXECUTOR,
    ClockCorrected.KIND: Role.OWNER,
}
_TAKEN: Mapping[str, Code] = {  # by what a claim begins with, where the kind does not say
    "grant": Code.GRANT_USED_UP,
    "packet": Code.PACKET_CONFLICT,
    "ticket": Code.TICKETS_TAKEN,
    "trust": Code.TRUST_REFUSED,
}


def fold(state: LedgerState, records: Iterable[Record]) -> LedgerState:
    """Return the state after ``records``, which follow what ``state`` was folded from."""
    folding = Folding(state)
    for record in records:
        folding.add(record)
    return folding.state


class _Void(Exception):  # noqa: N818 - internal control flow: a void entry is data
    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Folding:
    """A fold in progress: takes records one by one; the state it began with is not changed."""

    def __init__(self, state: LedgerState) -> None:
        self.state = state.copy()
        self._keys: dict[str, tuple[PublicKey, KeyRoles]] = {}
        if state.trust is not None:
            self._trust(state.trust)

    def add(self, record: Record) -> None:
        """Fold one more record in."""
        entry: Entry | None = None
        try:
            entry = decode_entry(record.entry)
            self._effect(record, entry)
        except (MalformedError, RejectedError, _Void) as error:
            code = error.code if isinstance(error, _Void) else Code.ENTRY_VOID
            kind, uuid = ("", "") if entry is None else (entry.kind, entry.uuid)
            self.state.voids.append(Void(record.index, kind, uuid, code, str(error)))
        self.state.size = record.index + 1
        self.state.time = record.time

    def _effect(self, record: Record, entry: Entry) -> None:
        reader = _READERS.get(entry.kind)
        if reader is None:
            raise _Void(Code.ENTRY_VOID, f"the kind {entry.kind} is not known here")
        body = reader(entry.body)
        if record.index == 0:
            self._begin(entry, body)
        self._require_actor(record, entry)
        actor = (entry.issuer, entry.uuid)
        if actor in self.state.uuids:
            raise _Void(Code.ENTRY_VOID, f"its actor has placed the entry {entry.uuid} before")
        self.state.uuids[actor] = record.index
        if entry.subject != body.subject or entry.claims != body.claims:
            raise _Void(Code.ENTRY_VOID, "subject or claims are not what the body says")
        self._apply(record, entry, body)

    def _apply(self, record: Record, entry: Entry, body: Body) -> None:
        match body:
            case TrustRoot():
                self._trust_root(record, entry, body)
            case Grant():
                self._grant_issued(record, entry, body)
            case RunOpened():
                self._run_opened(record, entry, body)
            case PacketSealed():
                self._packet_sealed(record, entry, body)
            case PacketPurged():
                self._packet_purged(record, entry, body)
            case ClockCorrected():
                self._clock_corrected(record, body)

    # --- who

    def _begin(self, entry: Entry, body: Body) -> None:
        """Let record 0 vouch for itself: it is pinned, or else nothing is known at all."""
        if not isinstance(body, TrustRoot) or body.version != 1:
            raise _Void(Code.TRUST_REFUSED, "a ledger begins with version 1 of its trust root")
        found = body.find(entry.issuer)
        if found is not None:
            self._keys = {entry.issuer: (found.public, found)}

    def _require_actor(self, record: Record, entry: Entry) -> None:
        public, roles = self._keys.get(entry.issuer, (None, None))
        if public is None or roles is None:
            raise _Void(Code.TRUST_REFUSED, f"{entry.issuer} is not in the trust root")
        cose.require_signed(entry.signed, key=public, payload=None)
        role = _ROLES[entry.kind]
        if role not in roles.roles:
            raise _Void(Code.TRUST_REFUSED, f"{entry.issuer} is no {role.value}")
        trust = self.state.trust
        if trust is not None and trust.is_expired(record.time) and entry.kind != TrustRoot.KIND:
            raise _Void(Code.TRUST_REFUSED, f"the trust root expired at {trust.expires}")

    def _trust(self, trust: TrustRoot) -> None:
        self.state.trust = trust
        self._keys = {item.public.uri: (item.public, item) for item in trust.keys}

    # --- what

    def _take(self, record: Record, claims: Iterable[str], code: Code | None = None) -> None:
        for claim in claims:
            by = self.state.claims.get(claim)
            if by is not None:
                word = claim.partition("/")[0]
                raise _Void(
                    code or _TAKEN.get(word, Code.ENTRY_VOID), f"{claim} is taken by record {by}"
                )
        for claim in claims:
            self.state.claims[claim] = record.index

    def _trust_root(self, record: Record, entry: Entry, body: TrustRoot) -> None:
        before = self.state.trust
        if before is not None and before.threshold != 1:
            # One entry carries one signature; to count this as enough would be worse.
            raise _Void(Code.TRUST_REFUSED, f"the threshold of {before.threshold} is not met")
        if before is not None and body.version != before.version + 1:
            raise _Void(Code.TRUST_REFUSED, f"version {before.version} is not followed by this one")
        if record.index != 0 and before is None:
            raise _Void(Code.TRUST_REFUSED, "record 0 is no trust root, and nothing else can be")
        self._take(record, entry.claims)
        self._trust(body)

    def _grant_issued(self, record: Record, entry: Entry, body: Grant) -> None:
        self._take(record, entry.claims, Code.ENTRY_VOID)
        self.state.grants[body.grant] = GrantState(body, entry.issuer, record.index)

    def _run_opened(self, record: Record, entry: Entry, body: RunOpened) -> None:
        held = self.state.grants.get(body.grant)
        _check_grant(held, body, executor=entry.issuer, at=record.time)
        self._take(record, entry.claims)
        self.state.uses[body.grant] = self.state.uses.get(body.grant, 0) + 1
        self.state.runs[body.run] = RunState(body, entry.issuer, record.index, record.time)

    def _packet_sealed(self, record: Record, entry: Entry, body: PacketSealed) -> None:
        if body.status != NOT_EXECUTED:
            self._require_run(entry, body)
        packet = PacketState(body, entry.issuer, record.index, record.time)
        try:
            self._take(record, entry.claims, Code.PACKET_CONFLICT)
        except _Void:
            self.state.conflicts.append(packet)
            raise
        self.state.packets[body.packet] = packet
        if body.packet_tree not in self.state.trees:
            self.state.trees[body.packet_tree] = body.packet

    def _packet_purged(self, record: Record, entry: Entry, body: PacketPurged) -> None:
        if not self.state.is_recorded(body.packet, body.packet_tree):
            raise _Void(Code.PACKET_NOT_RECORDED, f"{body.packet} was not sealed with this tree")
        self._take(record, entry.claims)
        purge = PurgeState(body, entry.issuer, record.index, record.time)
        self.state.purged[body.packet_tree] = purge

    def _require_run(self, entry: Entry, body: PacketSealed) -> None:
        run = self.state.runs.get(body.run)
        if run is None:
            raise _Void(Code.RUN_NOT_OPENED, f"the run {body.run} was not opened")
        opened = run.opened
        if (entry.issuer, body.packet, body.mode) != (run.executor, opened.packet, opened.mode):
            raise _Void(Code.RUN_NOT_OPENED, "executor, packet or mode are not those of the run")

    def _clock_corrected(self, record: Record, body: ClockCorrected) -> None:
        if record.time != body.moment:
            raise _Void(Code.ENTRY_VOID, "ledger time is not the time that the correction states")
        self.state.corrections[record.index] = record.index


def _check_grant(held: GrantState | None, run: RunOpened, *, executor: str, at: datetime) -> None:
    """Hold a run against the grant it stands on; claims are not looked at.

    Raises:
        _Void: The grant does not cover it.
    """
    if held is None:
        raise _Void(Code.DELEGATION_MISSING, f"there is no grant {run.grant}")
    grant = held.grant
    if grant.executor != executor or not grant.covers_lane(run.lane):
        raise _Void(Code.DELEGATION_MISSING, f"{run.grant} does not cover this key and lane")
    if run.mode not in grant.modes:
        raise _Void(Code.GRANT_MODE, f"{run.grant} covers {', '.join(grant.modes)}, not {run.mode}")
    if not grant.is_in_force(at):
        raise _Void(Code.GRANT_EXPIRED, f"{run.grant} is not in force at ledger time")
    if run.use > grant.max_uses:
        raise _Void(Code.GRANT_USED_UP, f"{run.grant} has {grant.max_uses} uses")
