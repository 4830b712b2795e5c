"""State is a fold: what the ledger's entries amount to, computed and never stored.

``fold`` is pure.  For each record, in order, an entry has effect only if

1. it parses, its format version and kind are known, its body is one of its kind;
2. its actor's key stands in the trust root in force, with the role of the kind, and
   its signature verifies over the bytes that were parsed;
3. that root has not expired (then only a next trust root has effect);
4. its actor has not placed an entry of this UUID before;
5. subject and claims are exactly what the body says;
6. the rule of its kind holds at ledger time (``verify.rules``): a grant is in force and
   covers lane, mode, executor and use; a sealed packet ends a run that its signer
   opened; a receipt that is spent authorises just this operation;
7. none of its claims is taken: the first valid claim holds, for ever.

Anything else is void: kept, reported, without effect.  Anyone who can push can
append, so a void entry is no damage to the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.model.entry import Body, Entry, decode_entry
from greenlight.model.record import Record
from greenlight.model.state import LedgerState, Void
from greenlight.model.trust import KeyRoles, TrustRoot
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import PublicKey
from greenlight.verify.rules.placing import Placing, VoidError
from greenlight.verify.rules.table import RULES, Rule


def fold(state: LedgerState, records: Iterable[Record]) -> LedgerState:
    """Return the state after ``records``, which follow what ``state`` was folded from."""
    folding = Folding(state)
    for record in records:
        folding.add(record)
    return folding.state


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
        except (MalformedError, RejectedError, VoidError) as error:
            code = error.code if isinstance(error, VoidError) else Code.ENTRY_VOID
            kind, uuid = ("", "") if entry is None else (entry.kind, entry.uuid)
            self.state.voids.append(Void(record.index, kind, uuid, code, str(error)))
        self.state.size = record.index + 1
        self.state.time = record.time

    def _effect(self, record: Record, entry: Entry) -> None:
        rule = RULES.get(entry.kind)
        if rule is None:
            raise VoidError(Code.ENTRY_VOID, f"the kind {entry.kind} is not known here")
        body = rule.read(entry.body)
        if record.index == 0:
            self._begin(entry, body)
        held = self._require_actor(record, entry, rule)
        actor = (entry.issuer, entry.uuid)
        if actor in self.state.uuids:
            raise VoidError(Code.ENTRY_VOID, f"its actor has placed the entry {entry.uuid} before")
        self.state.uuids[actor] = record.index
        if entry.subject != body.subject or entry.claims != body.claims:
            raise VoidError(Code.ENTRY_VOID, "subject or claims are not what the body says")
        trust = self.state.trust
        rule.apply(Placing(self.state, record, entry, held.roles), body)
        if self.state.trust is not trust and self.state.trust is not None:
            self._trust(self.state.trust)

    def _begin(self, entry: Entry, body: Body) -> None:
        """Let record 0 vouch for itself: it is pinned, or else nothing is known at all."""
        if not isinstance(body, TrustRoot) or body.version != 1:
            raise VoidError(Code.TRUST_REFUSED, "a ledger begins with version 1 of its trust root")
        found = body.find(entry.issuer)
        if found is not None:
            self._keys = {entry.issuer: (found.public, found)}

    def _require_actor(self, record: Record, entry: Entry, rule: Rule) -> KeyRoles:
        public, held = self._keys.get(entry.issuer, (None, None))
        trust = self.state.trust
        if public is None or held is None:
            gone = trust is not None and trust.revocation(entry.issuer) is not None
            code, why = (
                (Code.KEY_REVOKED, "was revoked")
                if gone
                else (Code.TRUST_REFUSED, "is not in the trust root")
            )
            raise VoidError(code, f"{entry.issuer} {why}")
        cose.require_signed(entry.signed, key=public, payload=None)
        if not set(rule.roles).intersection(held.roles):
            wanted = " or ".join(role.value for role in rule.roles)
            raise VoidError(Code.TRUST_REFUSED, f"{entry.issuer} is no {wanted}")
        if trust is not None and trust.is_expired(record.time) and entry.kind != TrustRoot.KIND:
            raise VoidError(Code.TRUST_EXPIRED, f"the trust root expired at {trust.expires}")
        return held

    def _trust(self, trust: TrustRoot) -> None:
        self._keys = {item.public.uri: (item.public, item) for item in trust.keys}
