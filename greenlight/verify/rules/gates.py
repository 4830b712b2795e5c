"""Results of gates, and gates that block from now on."""

from __future__ import annotations

from dataclasses import replace

from greenlight.codes import Code
from greenlight.model.gate_result import GateGraduated, GateResult
from greenlight.verify.graduation import DAYS, after_correction, after_result, green_days
from greenlight.verify.rules.placing import Placing, VoidError


def gate_result(placing: Placing, body: GateResult) -> None:
    """Count a result."""
    key = (body.gate, body.module)
    gates = placing.state.gates
    gates[key] = after_result(gates.get(key), body, placing.time, placing.index)


def gate_graduated(placing: Placing, body: GateGraduated) -> None:
    """Let a gate block from now on.

    Raises:
        VoidError: GATE_NOT_GRADUATED: it has not had its green days; or it blocks already.
    """
    key = (body.gate, body.module)
    state = placing.state.gates.get(key)
    days = green_days(state, body.definition, placing.time)
    if state is None or days < DAYS:
        raise VoidError(Code.GATE_NOT_GRADUATED, f"{body.gate} has had {days} of {DAYS} green days")
    placing.take(Code.GATE_GRADUATED_BEFORE)
    placing.state.gates[key] = replace(state, graduated=placing.index, index=placing.index)


def clock_was_corrected(placing: Placing) -> None:
    """Take back days that have not been."""
    gates = placing.state.gates
    for key, state in list(gates.items()):
        corrected = after_correction(state, placing.time, placing.index)
        if corrected is not state:
            gates[key] = corrected
