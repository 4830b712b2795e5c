"""Keep other processes of the same user from reading this one's memory and environment.

What a process was given in its environment stays readable in ``/proc/<pid>/environ``, also for
the steps that it begins; Linux hides that of a process that says it must not be dumped.
"""

from __future__ import annotations

import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h


def conceal_process() -> bool:
    """Hide this process; report whether the system did.  What it executes is not hidden."""
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - only where a secret came by the environment

    return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
