"""``greenlight countersign``: a reviewer verifies a packet, and signs what it thinks of it."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import clock, signer_of, variables
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.execution.confined import Confined
from greenlight.primitives.timestamp import format_micros
from greenlight.services.countersigning import APPROVED, Opinion, countersign
from greenlight.services.initialising import require_store
from greenlight.services.packets import locate
from greenlight.services.private import private_files
from greenlight.services.rerun import ReplayRoom, rerun_packet
from greenlight.services.verifying import Trust, verify_located
from greenlight.store.repository import Store


def run(arguments: Values) -> Answer:
    """Countersign a packet."""
    with written_store(arguments) as store:
        require_store(store)
        signer = signer_of(arguments)
        if arguments.replay:
            _replay(store, arguments.packet, arguments.verdict)
        opinion = Opinion(arguments.verdict, arguments.replay, arguments.comment)
        done = countersign(store, signer, arguments.packet, opinion, clock=clock)
    said = done.said
    data = {
        **said.body.to_body(),
        "record": said.index,
        "time": format_micros(said.time),
        "integrity": done.verdict.integrity.value,
    }
    lines = (
        f"{said.body.verdict}  {said.body.packet}",
        f"  integrity  {done.verdict.integrity.value}",
        f"  replayed   {'yes' if said.body.replayed else 'no'}",
        f"  record     {said.index}",
    )
    return Answer(data, lines)


def _replay(store: Store, name: str, verdict: str) -> None:
    """Replay a packet; what differs is not approved of."""
    with progress("rerun") as shown:
        located = locate(store, name, whole=True)
        found = verify_located(located, Trust(), store=store)
        private = private_files(located, found.evidence, store)
        room = ReplayRoom(Confined.here(), clock, variables(), on_step=shown.step)
        result = rerun_packet(located, found, room, private=private)
    if verdict == APPROVED and not result.report.clean:
        first = result.report.findings[0]
        raise RefusedError(
            Code.APPROVAL_REFUSED, f"the replay of {located.where} is not the packet: {first}"
        )
