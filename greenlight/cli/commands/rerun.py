"""``greenlight rerun``: replay a packet from itself, and compare every byte."""

from __future__ import annotations

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.private import private_of
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import clock, store_for, variables
from greenlight.cli.trusting import given_trust, trust_for
from greenlight.cli.values import Values
from greenlight.execution.confined import Confined
from greenlight.services.packets import locate
from greenlight.services.private import private_files
from greenlight.services.rerun import Comparison, ReplayRoom, RerunResult, rerun_packet
from greenlight.services.verifying import verify_located


def run(arguments: Values) -> Answer:
    """Replay one packet."""
    store = store_for(arguments, arguments.packet)
    trust = given_trust(arguments)
    with progress("rerun") as shown:
        located = locate(store, arguments.packet, whole=True)
        trusted = trust_for(trust, located, store)
        private = private_of(arguments.private)
        verdict = verify_located(located, trusted, store=store, private=private)
        if private is None:
            private = private_files(located, verdict.evidence, store)
        room = ReplayRoom(
            Confined.here(), clock, variables(), on_step=shown.step, network=arguments.network
        )
        result = rerun_packet(
            located,
            verdict,
            room,
            unsafe_unconfined=arguments.unsafe_unconfined,
            private=private,
        )
    fault = None
    if not result.report.clean:
        first = result.report.findings[0]
        said = "is not the packet" if result.result == "FAIL" else "left something open"
        fault = Fault(first.code, f"the replay of {located.where} {said}: {first}")
    return Answer(
        {**result.to_dict(), "trusted_by": verdict.trusted_by},
        tuple(_lines(result, verdict.trusted_by)),
        exit=Exit.OK if fault is None else Exit.REJECTED,
        fault=fault,
    )


def _lines(result: RerunResult, trusted_by: str) -> list[str]:
    lines = [f"{result.result}  {result.tree_before}"]
    if result.tree_after != result.tree_before:
        lines.append(f"  replayed    {result.tree_after}")
    lines.append(f"  executed    {result.executed} outcomes")
    lines.append(f"  derived     {result.derived} fields")
    lines.append(f"  carried     {result.carried} recorded fields")
    lines.append(f"  identical   {len(result.files) - _odd(result)} of {len(result.files)} files")
    lines.append(f"  trusted by  {trusted_by or 'nobody: --unsafe-unconfined'}")
    lines += [
        f"  {row.comparison.value}  {row.path}: {row.where}"
        for row in result.files
        if row.comparison is not Comparison.IDENTICAL
    ]
    lines += [f"  withheld  {path}: not compared" for path in result.withheld]
    return lines


def _odd(result: RerunResult) -> int:
    return sum(row.comparison is not Comparison.IDENTICAL for row in result.files)
