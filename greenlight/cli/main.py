"""Where a process of greenlight begins: what needs nothing is answered before anything is loaded.

``--version`` and completion are asked for often and by machines, so they load neither
errors nor parser.  Everything else goes through ``program.run``.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from greenlight import __version__

COMPLETE = "--complete"  # what the completion scripts call


def main(argv: Sequence[str] | None = None) -> int:
    """Run greenlight with ``argv``, or what the process was given; return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"greenlight {__version__}\n")
        return 0
    if words[:1] == [COMPLETE]:
        from greenlight.cli.completing import complete  # noqa: PLC0415 - the light path

        return complete(words[1:])
    gc.disable()  # importing makes many objects, and none of them is garbage
    from greenlight.cli.program import run  # noqa: PLC0415 - likewise

    gc.enable()
    return run(words)
