"""``greenlight maintain``: pack what is loose, and join packs."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.cli.answer import Answer
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
    return Answer(done.to_dict(), tuple(_lines(done)))


def _lines(done: Maintained) -> Iterator[str]:
    yield "MAINTAINED" if done.bytes else "nothing to pack"
    if done.bytes:
        yield f"  loose    {done.loose} objects are in a pack now"
        yield f"  packs    {done.joined} became one, {done.bytes} bytes"
    if done.loose_left:
        yield f"  loose    {done.loose_left} objects stay: no ref of greenlight's leads to them"
    indexed = "; one index names the objects of all" if done.is_indexed else ""
    yield f"  here     {done.packs} packs of greenlight's{indexed}"
    if done.removed:
        yield f"  removed  {done.removed} files that killed processes left"
    yield from finding_lines(done.problems)
