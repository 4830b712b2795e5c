"""``greenlight milestone``: a signed tag, and a proof pack that it names."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.services.initialising import require_store
from greenlight.services.milestone import Wanted, make_milestone


def run(arguments: Values) -> Answer:
    """Make a milestone."""
    wanted = Wanted(
        arguments.name,
        tuple(arguments.packets or ()),
        arguments.notes,
        tuple(arguments.artifact or ()),
        arguments.commit,
    )
    with written_store(arguments) as store:
        require_store(store)
        made = make_milestone(store, signer_of(arguments), wanted, clock=clock)
    statement = made.pack.statement
    data = {
        "name": made.name,
        "tag": made.tag,
        "commit": made.target,
        "proof_pack": statement.packet_id,
        "packet_tree": made.pack.packet_tree,
        "record": made.pack.index,
        "packets": list(made.packets),
    }
    lines = (
        f"{made.name}  {len(made.packets)} packets",
        f"  tag         {made.tag}",
        f"  on          {made.target}",
        f"  proof pack  {statement.packet_id}",
        f"  tree        {made.pack.packet_tree}",
    )
    return Answer(data, lines, note=f"git push REMOTE refs/tags/{made.name}")
