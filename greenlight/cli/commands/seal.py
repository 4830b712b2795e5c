"""``greenlight seal``: seal evidence that was made elsewhere."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.services.seal_dir import Outside, seal_dirs
from greenlight.services.sealing import Sealed


def run(arguments: Values) -> Answer:
    """Seal folders, all of them or none."""
    folders = arguments.folders
    with written_store(arguments) as store, progress("seal", len(folders)) as shown:
        around = Outside(store, signer_of(arguments), clock)
        sealed = seal_dirs(folders, around, lane=arguments.lane, tell=shown.advance)
    if len(sealed) == 1:
        (only,) = sealed
        data = _data(only)
        return Answer({**data, "packets": [data]}, _lines(only))
    size = sum(each.statement.byte_count for each in sealed)
    files = sum(each.statement.file_count for each in sealed)
    lines = [f"{_state(each)}  {each.statement.packet_id}  {each.packet_tree}" for each in sealed]
    lines.append(f"{len(sealed)} packets  {files} files, {size} bytes: nothing was executed here")
    return Answer({"packets": [_data(each) for each in sealed]}, tuple(lines))


def _state(sealed: Sealed) -> str:
    return "CONFLICT" if sealed.conflict else "SEALED"


def _data(sealed: Sealed) -> dict[str, object]:
    statement = sealed.statement
    return {
        "packet_id": statement.packet_id,
        "packet_tree": sealed.packet_tree,
        "status": statement.status.value,
        "state": _state(sealed),
        "commit": sealed.commit,
        "record": sealed.index,
        "files": statement.file_count,
        "bytes": statement.byte_count,
    }


def _lines(sealed: Sealed) -> tuple[str, ...]:
    statement = sealed.statement
    return (
        f"{_state(sealed)}  {statement.packet_id}",
        f"  tree    {sealed.packet_tree}",
        f"  status  {statement.status.value}: nothing was executed here",
        f"  files   {statement.file_count}, {statement.byte_count} bytes",
    )
