"""Say in the ledger what came of gates, and let those block that had their seven green days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.model.gate import Gate, Mode
from greenlight.model.gate_result import GateGraduated, GateResult
from greenlight.model.state import LedgerState
from greenlight.primitives.ed25519 import Signer
from greenlight.services.gates.running import Outcome, Place, definition_of
from greenlight.services.saying import Told, say
from greenlight.store.repository import Store
from greenlight.verify.graduation import DAYS, after_result, green_days

_Entry = GateResult | GateGraduated


def has_graduated(state: LedgerState | None, gate: Gate) -> bool:
    """Report whether a gate blocks since it had its green days, whatever it is declared as."""
    held = None if state is None else state.gates.get((gate.name, gate.module))
    return held is not None and held.graduated >= 0


def mode_of(state: LedgerState | None, gate: Gate) -> Mode:
    """Return what red does here and now."""
    return Mode.BLOCKING if has_graduated(state, gate) else gate.mode


def record_results(
    store: Store,
    signer: Signer,
    place: Place,
    outcomes: Sequence[Outcome],
    *,
    clock: Callable[[], datetime],
) -> Told[_Entry]:
    """Append a result for each gate; a gate that comes to its seventh day blocks from then on.

    Raises:
        RefusedError: TRUST_REFUSED: the key may not say so.
        RejectedError: The ledger is broken.
        StoreError: The store does not serve.
    """

    def make(state: LedgerState, now: datetime) -> list[_Entry]:
        said: list[_Entry] = []
        for outcome in outcomes:
            result = _result(state, place, outcome)
            said.append(result)
            key = (result.gate, result.module)
            held = after_result(state.gates.get(key), result, now, state.size)
            if held.graduated < 0 and green_days(held, result.definition, now) >= DAYS:
                said.append(_graduated(outcome.gate))
        return said

    return say(store, signer, make, clock=clock)


def graduate(
    store: Store, signer: Signer, gate: Gate, *, clock: Callable[[], datetime]
) -> Told[GateGraduated]:
    """Let a gate block from now on.

    Raises:
        RefusedError: GATE_NOT_GRADUATED, with how many days it has had; GATE_GRADUATED_BEFORE;
            TRUST_REFUSED.
        RejectedError: The ledger is broken.
        StoreError: The store does not serve.
    """

    def make(state: LedgerState, now: datetime) -> list[GateGraduated]:
        held = state.gates.get((gate.name, gate.module))
        if held is not None and held.graduated >= 0:
            raise RefusedError(
                Code.GATE_GRADUATED_BEFORE,
                f"{gate.name} of {gate.module} blocks since record {held.graduated}",
            )
        days = green_days(held, str(definition_of(gate)), now)
        if days < DAYS:
            last = f"; its last red day was {held.red_day}" if held and held.red_day else ""
            raise RefusedError(
                Code.GATE_NOT_GRADUATED,
                f"{gate.name} of {gate.module} has had {days} of {DAYS} green days{last}",
                hint="a day counts once it is over; greenlight gate run --record makes them",
            )
        return [_graduated(gate)]

    return say(store, signer, make, clock=clock)


def _result(state: LedgerState, place: Place, outcome: Outcome) -> GateResult:
    gate = outcome.gate
    return GateResult(
        gate=gate.name,
        module=gate.module,
        verdict=outcome.verdict,
        mode=mode_of(state, gate).value,
        commit=place.head,
        base=place.judging.commit,
        definition=str(definition_of(gate)),
        artifact=outcome.artifact,
        reason=outcome.reason,
    )


def _graduated(gate: Gate) -> GateGraduated:
    return GateGraduated(gate=gate.name, module=gate.module, definition=str(definition_of(gate)))
