"""``greenlight blockers``: what still blocks production, and who lifted what."""

from __future__ import annotations

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.exit_codes import Exit
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import GIB
from greenlight.services.blockers import list_blockers, resolve_blocker
from greenlight.services.initialising import require_store
from greenlight.services.reading import read_bounded


def list_(arguments: Values) -> Answer:
    """List blockers."""
    with store_of(arguments) as store:
        require_store(store)
        found = list_blockers(store, arguments.packet or "")
    shown = [each for each in found.blockers if each.is_open or not arguments.open]
    rows = [
        (each.state, each.row.id, each.row.resolver.value, each.packet, each.row.reason)
        for each in shown
    ]
    lines = table(rows)
    lines += [f"UNKNOWN  {packet}: {why}" for packet, why in found.unknown]
    lines.append(f"{found.open} open")
    data = {
        "open": found.open,
        "blockers": [each.to_dict() for each in shown],
        "unknown": [{"packet": packet, "why": why} for packet, why in found.unknown],
    }
    if arguments.open and (found.open or found.unknown):
        code = Code.BLOCKERS_OPEN if found.open else Code.BLOCKERS_UNKNOWN
        said = f"{found.open} blockers are open, {len(found.unknown)} maps could not be read"
        return Answer(data, tuple(lines), exit=Exit.REJECTED, fault=Fault(code, said))
    return Answer(data, tuple(lines))


def resolve(arguments: Values) -> Answer:
    """Lift a blocker."""
    evidence = ""
    if arguments.evidence:
        evidence = str(Digest.of(read_bounded(arguments.evidence, GIB)))
    with written_store(arguments) as store:
        require_store(store)
        said = resolve_blocker(
            store,
            signer_of(arguments),
            arguments.packet,
            arguments.blocker,
            arguments.reason,
            evidence=evidence,
            clock=clock,
        )
    data = {**said.body.to_body(), "record": said.index}
    return Answer(data, (f"RESOLVED  {said.body.blocker}", f"  record  {said.index}"))
