"""``greenlight show``: one packet, or one file of it."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import store_for
from greenlight.cli.values import Values
from greenlight.services.packets import locate
from greenlight.services.showing import Shown, read_one, show_packet

_FIELDS = ("title", "lane", "mode", "final_status", "status", "authority", "sealed_at")


def run(arguments: Values) -> Answer:
    """Show a packet."""
    store = store_for(arguments, arguments.packet)
    located = locate(store, arguments.packet, whole=arguments.document is not None)
    if arguments.document is not None:
        data = read_one(located, arguments.document)
        text = data.decode("utf-8", "backslashreplace")
        return Answer({"file": arguments.document, "bytes": len(data), "text": text}, raw=data)
    shown = show_packet(located)
    return Answer(
        shown.to_dict(),
        tuple(_lines(shown)),
        note="this is what the packet says of itself; greenlight verify checks it",
    )


def _lines(shown: Shown) -> list[str]:
    header = shown.header
    lines = [str(header.get("packet_id", shown.where)), f"  tree       {shown.packet_tree or '?'}"]
    lines += [
        f"  {name.replace('_', ' '):10} {header[name]}" for name in _FIELDS if header.get(name)
    ]
    if shown.review:
        lines.append(f"  review     {shown.review}")
    if shown.blockers:
        lines.append(f"  blockers   {len(shown.blockers)} open")
        lines += [f"    {name}: {reason}" for name, reason in shown.blockers]
    artifacts = len(shown.files) - len(shown.documents)
    lines.append(f"  files      {len(shown.documents)}, and {artifacts} artifacts")
    lines += [f"    {path}  {shown.files[path]}" for path in shown.documents]
    return lines
