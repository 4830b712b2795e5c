"""The promotion guard: each condition looked at now, with what was seen (source 002).

Nothing is remembered and nothing is believed: issues are read from the forge, packets are
verified, baselines are verified, results of gates come from the ledger.  What cannot be read
is unknown, and blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, UsageError
from greenlight.ledger.read import Ledger
from greenlight.model import codec
from greenlight.model.decided import ConditionWord, PromotionDecided
from greenlight.model.documents.outcomes import Outcomes
from greenlight.model.gate import Gate
from greenlight.model.promotion import Condition, ConditionKind, Target
from greenlight.model.state import LedgerState, PacketState
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.text import escape
from greenlight.services.baselines import BaselineVerdict
from greenlight.services.blockers import blockers_of
from greenlight.services.packets import ledger_of, locate_tree
from greenlight.services.saying import say
from greenlight.services.settings import Judging
from greenlight.services.verifying import Trust, verify_located
from greenlight.store.repository import Store
from greenlight.verify.promotion import (
    Opinion,
    Seen,
    Truth,
    allows,
    changed_something,
    checklist_item,
    countersigned_packet,
    days_elapsed,
    gate_green,
    issue_closed,
    no_open_blocker,
    signed_baseline,
)

INDEPENDENT: Final = "independent_settings"
_OUTCOMES: Final = "outcomes.json"
_MAX_LINE: Final = 1000


@dataclass(frozen=True, slots=True)
class IssueSeen:
    """An issue, as the forge has it.

    Attributes:
        state: open or closed.
        text: Its text.
    """

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Around:
    """What a promotion looks at.

    Attributes:
        store: The store with the ledger.
        head: The commit that would be promoted; empty where there is none.
        judging: The settings that judge.
        origin: The forge's name of this repository, ``owner/name``; empty where it is not known.
        issue: Reads an issue of a repository, or raises.
        baseline: Makes the verdict on the baseline at a path; empty for the audit's.
        clock: Returns the time.
    """

    store: Store
    head: str
    judging: Judging
    origin: str
    issue: Callable[[str, int], IssueSeen]
    baseline: Callable[[str], BaselineVerdict]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Row:
    """A condition that was looked at.

    Attributes:
        kind: What it asks.
        about: What it is for.
        seen: What was seen.
    """

    kind: str
    about: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion came to.

    Attributes:
        target: What it is to.
        rows: Each condition with what was seen; the first is whether a base judges.
        packet: Tree of the packet that they were about; empty where there was none.
    """

    target: Target
    rows: tuple[Row, ...]
    packet: str

    @property
    def allowed(self) -> bool:
        return allows([row.seen for row in self.rows])

    @property
    def blocked_by(self) -> Row | None:
        """The first condition that does not hold; None where all do."""
        return next((row for row in self.rows if row.seen.truth is not Truth.TRUE), None)


def choose_target(targets: tuple[Target, ...], name: str) -> Target:
    """Return the target of a name.

    Raises:
        UsageError: TARGET_UNKNOWN.
    """
    for target in targets:
        if target.name == name:
            return target
    listed = ", ".join(sorted(target.name for target in targets)) or "none"
    raise UsageError(
        Code.TARGET_UNKNOWN,
        f"no promotion target {escape(name)} is declared",
        hint=f"declared: {listed}",
    )


def look(around: Around, target: Target) -> Promotion:
    """Look at every condition of a target.

    Raises:
        RejectedError: The ledger is broken.
        StoreError: It cannot be read.
    """
    ledger = ledger_of(around.store)
    ledger.require()
    looking = _Looking(around, ledger)
    # Conditions that a change brings along would let it through by its own word.
    judging = Seen(Truth.of(around.judging.is_independent), _line(around.judging.source))
    rows = [Row(INDEPENDENT, "whose settings judge", judging)]
    rows += [
        Row(condition.kind.value, condition.about, looking.at(condition))
        for condition in target.conditions
    ]
    return Promotion(target, tuple(rows), looking.tree)


def record(around: Around, signer: Signer, found: Promotion) -> int:
    """Say in the ledger what was decided; return the index of its record.

    Raises:
        RefusedError: TRUST_REFUSED.
        StoreError: The store does not serve.
    """
    body = PromotionDecided(
        target=found.target.name,
        verdict="ALLOWED" if found.allowed else "BLOCKED",
        commit=around.head,
        base=around.judging.commit,
        settings=str(around.judging.digest),
        packet=found.packet,
        conditions=tuple(
            ConditionWord(kind=row.kind, holds=row.seen.truth.value, evidence=row.seen.evidence)
            for row in found.rows
        ),
    )
    told = say(around.store, signer, lambda _state, _now: [body], clock=around.clock)
    return told.indexes[0]


class _Looking:
    """Looks at conditions, one after the other.

    Attributes:
        tree: Of the packet that was looked at.
    """

    def __init__(self, around: Around, ledger: Ledger) -> None:
        self._around = around
        self._ledger = ledger
        self._state: LedgerState = ledger.state
        self.tree = ""

    def at(self, condition: Condition) -> Seen:
        """Return what a condition comes to; whatever cannot be read is unknown."""
        try:
            seen = _LOOKS[condition.kind](self, condition)
        except GreenlightError as error:
            seen = Seen(Truth.UNKNOWN, f"{error.code}: {error}")
        return Seen(seen.truth, _line(seen.evidence))

    # --- issues

    def issue(self, condition: Condition) -> tuple[IssueSeen, str]:
        repository = condition.repository or self._around.origin
        if not repository:
            raise UsageError(Code.USAGE, "which repository is meant is not known: no origin")
        where = f"{repository}#{condition.issue}"
        return self._around.issue(repository, condition.issue), where

    def issue_closed(self, condition: Condition) -> Seen:
        found, where = self.issue(condition)
        return issue_closed(found.state, where)

    def checklist_item(self, condition: Condition) -> Seen:
        found, where = self.issue(condition)
        return checklist_item(found.text, condition.item, where)

    # --- gates and baselines

    def gate_green(self, condition: Condition) -> Seen:
        gate = next(g for g in self._around.judging.settings.gates if g.name == condition.gate)
        return self._gate(gate)

    def _gate(self, gate: Gate) -> Seen:
        from greenlight.services.gates.running import definition_of  # noqa: PLC0415 - seldom asked

        held = self._state.gates.get((gate.name, gate.module))
        if held is None:
            return gate_green(gate.name, None, same_commit=False, independent=False)
        if held.definition != str(definition_of(gate)):
            said = f"the last result of {gate.name} is of another gate of that name"
            return Seen(Truth.UNKNOWN, said)
        same = bool(self._around.head) and held.commit == self._around.head
        seen = gate_green(gate.name, held.verdict, same_commit=same, independent=bool(held.base))
        return Seen(seen.truth, f"{seen.evidence}, record {held.result}")

    def signed_baseline(self, condition: Condition) -> Seen:
        verdict = self._around.baseline(condition.baseline)
        said = "; ".join(str(finding) for finding in verdict.findings[:1]) or verdict.signer
        if verdict.ok and not verdict.where.commit:
            return Seen(Truth.UNKNOWN, "the baseline was read from the work tree, and of no base")
        return signed_baseline(verdict.status, said)

    # --- packets

    def packet(self, condition: Condition) -> PacketState:
        """Return the packet that is meant: by name, or the newest of a lane, or of all."""
        state = self._state
        if condition.packet:
            name = state.trees.get(condition.packet, condition.packet)
            found = [held for key, held in state.packets.items() if key.startswith(name)]
            if len(found) != 1:
                raise UsageError(
                    Code.PACKET_NOT_RECORDED, f"{len(found)} packets are called {condition.packet}"
                )
        else:
            found = [
                held
                for held in state.packets.values()
                if held.sealed.mode != "none" and condition.lane in ("", held.sealed.lane)
            ][-1:]
            if not found:
                lane = f" of the lane {condition.lane}" if condition.lane else ""
                raise UsageError(Code.PACKET_NOT_RECORDED, f"there is no packet{lane}")
        self.tree = found[0].sealed.packet_tree
        return found[0]

    def countersigned(self, condition: Condition) -> Seen:
        packet = self.packet(condition)
        sealed = packet.sealed
        verdict = verify_located(
            locate_tree(self._around.store, sealed.packet_tree), Trust(), store=self._around.store
        )
        opinions = [
            Opinion(reviewer, said.body.verdict == "approved")
            for (name, reviewer), said in self._state.countersignatures.items()
            if name == sealed.packet and not self._state.is_revoked(said.actor, said.index)
        ]
        return countersigned_packet(
            sealed.packet, verdict.integrity.value, sealed.status, opinions, condition.reviewers
        )

    def no_open_blocker(self, condition: Condition) -> Seen:
        packet = self.packet(condition)
        found = blockers_of(self._around.store, self._state, packet)
        open_ids = [each.row.id for each in found if each.is_open]
        return no_open_blocker(packet.sealed.packet, open_ids, condition.blocker)

    def days_elapsed(self, condition: Condition) -> Seen:
        packet = self.packet(condition)
        last = self._state.time or packet.time
        now = self._around.clock()
        return days_elapsed(packet.sealed.packet, packet.time, last, now, condition.days)

    def changed_something(self, condition: Condition) -> Seen:
        packet = self.packet(condition)
        located = locate_tree(self._around.store, packet.sealed.packet_tree)
        data = located.files.get(_OUTCOMES)
        if data is None or located.packet.tree != packet.sealed.packet_tree:
            return changed_something(packet.sealed.packet, None)
        try:
            found = codec.from_document(Outcomes, cjson.decode(data))
        except codec.Unreadable:
            return changed_something(packet.sealed.packet, None)
        return changed_something(packet.sealed.packet, len(found.mutations))


_LOOKS: Final[Mapping[ConditionKind, Callable[[_Looking, Condition], Seen]]] = {
    ConditionKind.ISSUE_CLOSED: _Looking.issue_closed,
    ConditionKind.CHECKLIST_ITEM: _Looking.checklist_item,
    ConditionKind.GATE_GREEN: _Looking.gate_green,
    ConditionKind.SIGNED_BASELINE: _Looking.signed_baseline,
    ConditionKind.COUNTERSIGNED_PACKET: _Looking.countersigned,
    ConditionKind.NO_OPEN_BLOCKER: _Looking.no_open_blocker,
    ConditionKind.DAYS_ELAPSED: _Looking.days_elapsed,
    ConditionKind.CHANGED_SOMETHING: _Looking.changed_something,
}


def _line(text: str) -> str:
    """Return a text as one line that an entry can hold."""
    return " ".join(escape(text).split())[:_MAX_LINE] or "nothing"
