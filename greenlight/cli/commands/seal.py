"""``greenlight seal``: seal evidence that was made elsewhere."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.values import Values
from greenlight.services.seal_dir import Outside, seal_dir


def run(arguments: Values) -> Answer:
    """Seal a folder."""
    with store_of(arguments) as store, progress("seal"):
        around = Outside(store, signer_of(arguments), clock)
        sealed = seal_dir(arguments.folder, around, lane=arguments.lane)
    statement = sealed.statement
    data = {
        "packet_id": statement.packet_id,
        "packet_tree": sealed.packet_tree,
        "status": statement.status.value,
        "state": "CONFLICT" if sealed.conflict else "SEALED",
        "commit": sealed.commit,
        "record": sealed.index,
        "files": statement.file_count,
        "bytes": statement.byte_count,
    }
    lines = (
        f"{data['state']}  {statement.packet_id}",
        f"  tree    {sealed.packet_tree}",
        f"  status  {statement.status.value}: nothing was executed here",
        f"  files   {statement.file_count}, {statement.byte_count} bytes",
    )
    return Answer(data, lines)
