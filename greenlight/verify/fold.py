"""State is a fold: what the ledger's entries amount to, computed and never stored.

``fold`` is pure.  For each record, in order, an entry has effect only if

1. it parses, its format version and kind are known, its body is one of its kind;
2. its actor's key stands in the trust root in force and is not revoked, with the role of
   the kind, and its signature verifies over the bytes that were parsed;
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
from greenlight.model.entry import Body, Entry
from greenlight.model.record import Record
from greenlight.model.state import LedgerState, Void
from greenlight.model.trust import KeyRoles, TrustRoot
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import PublicKey
from greenlight.verify.ahead import Look, look
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

    def add(self, record: Record, seen: Look | None = None) -> None:
        """Fold one more record in.

        Args:
            record: The record.
            seen: What is known of its entry by itself already, or None.
        """
        if seen is None:
            seen = look(record.entry, {})
        entry = seen.entry
        try:
            self._effect(record, seen)
        except (MalformedError, RejectedError, VoidError) as error:
            code = error.code if isinstance(error, VoidError) else Code.ENTRY_VOID
            kind, uuid = ("", "") if entry is None else (entry.kind, entry.uuid)
            self.state.voids.append(Void(record.index, kind, uuid, code, str(error)))
        self.state.size = record.index + 1
        self.state.time = record.time

    def _effect(self, record: Record, seen: Look) -> None:
        entry, body = seen.entry, seen.body
        if entry is None or body is None:
            raise VoidError(Code.ENTRY_VOID, seen.reason)
        rule = RULES[entry.kind]
        if record.index == 0:
            self._begin(entry, body)
        held = self._require_actor(record, entry, rule, seen.signed_by)
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

    def _require_actor(
        self, record: Record, entry: Entry, rule: Rule, signed_by: PublicKey | None
    ) -> KeyRoles:
        public, held = self._keys.get(entry.issuer, (None, None))
        trust = self.state.trust
        if public is None or held is None:
            raise self._unknown(entry.issuer)
        if signed_by != public:
            cose.require_signed(entry.signed, key=public, payload=None)
        if not any(role in held.roles for role in rule.roles):
            wanted = " or ".join(role.value for role in rule.roles)
            raise VoidError(Code.TRUST_REFUSED, f"{entry.issuer} is no {wanted}")
        if trust is not None and trust.is_expired(record.time) and entry.kind != TrustRoot.KIND:
            raise VoidError(Code.TRUST_EXPIRED, f"the trust root expired at {trust.expires}")
        return held

    def _unknown(self, issuer: str) -> VoidError:
        trust = self.state.trust
        if trust is not None and trust.revocation(issuer) is not None:
            return VoidError(Code.KEY_REVOKED, f"{issuer} was revoked")
        return VoidError(Code.TRUST_REFUSED, f"{issuer} is not in the trust root")

    def _trust(self, trust: TrustRoot) -> None:
        self._keys = {item.public.uri: (item.public, item) for item in trust.keys}
