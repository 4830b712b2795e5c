"""``greenlight maintain``: pack what is loose, and join packs."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import store_of
from greenlight.cli.values import Values
from greenlight.cli.verdicts import finding_lines
from greenlight.services.initialising import require_store
from greenlight.services.maintaining import Maintained, maintain


def run(arguments: Values) -> Answer:
    """Maintain the store."""
    with store_of(arguments) as store, progress("maintain") as shown:
        require_store(store)
        done = maintain(store, tell=shown.advance)
    fault = None
    if done.problems:  # what is sound was maintained; that something is damaged is no success
        first = done.problems[0]
        fault = Fault(first.code, f"{first.where}: {first.found}; it was left where it is")
    exit_code = Exit.UNAVAILABLE if fault else Exit.OK
    return Answer(done.to_dict(), tuple(_lines(done)), exit=exit_code, fault=fault)


def _lines(done: Maintained) -> Iterator[str]:
    yield "MAINTAINED" if done.bytes else "nothing to pack"
    if done.bytes:
        yield f"  loose    {done.loose} objects are in a pack now"
        became = f"{done.joined} became one, " if done.joined else ""
        yield f"  packs    {became}{done.bytes} bytes written"
    if done.loose_left:
        yield f"  loose    {done.loose_left} objects stay: not greenlight's, too large, or damaged"
    indexed = "; one index names the objects of all" if done.is_indexed else ""
    yield f"  here     {done.packs} packs of greenlight's{indexed}"
    if done.removed:
        yield f"  removed  {done.removed} files that killed processes left"
    yield from finding_lines(done.problems)
