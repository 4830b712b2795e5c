"""The system calls that change something or make it durable, and a filter that asks about each.

Numbers are the kernel's for x86_64 (arch/x86/entry/syscalls); the filter is a classic BPF program
over ``struct seccomp_data`` (Documentation/userspace-api/seccomp_filter.rst).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Final

from greenlight.execution.box import kernel

SUPPORTED: Final = platform.machine() == "x86_64"
_ARCHITECTURE: Final = 0xC000003E

# Of each call: its number, and its arguments that are paths, as (folder's descriptor, path).
PATHS: Final[dict[str, tuple[int, tuple[tuple[int | None, int], ...]]]] = {
    "open": (2, ((None, 0),)), "creat": (85, ((None, 0),)), "openat": (257, ((0, 1),)),
    "rename": (82, ((None, 0), (None, 1))), "renameat": (264, ((0, 1), (2, 3))),
    "renameat2": (316, ((0, 1), (2, 3))), "link": (86, ((None, 0), (None, 1))),
    "linkat": (265, ((0, 1), (2, 3))), "symlink": (88, ((None, 1),)),
    "symlinkat": (266, ((1, 2),)), "unlink": (87, ((None, 0),)), "unlinkat": (263, ((0, 1),)),
    "mkdir": (83, ((None, 0),)), "mkdirat": (258, ((0, 1),)), "rmdir": (84, ((None, 0),)),
    "truncate": (76, ((None, 0),)), "chmod": (90, ((None, 0),)), "fchmodat": (268, ((0, 1),)),
    "utimensat": (280, ((0, 1),)),
}  # fmt: skip
# Calls whose first argument is an open file.
OPENED: Final[dict[str, int]] = {
    "write": 1, "writev": 20, "pwrite64": 18, "pwritev": 296, "fsync": 74, "fdatasync": 75,
    "sync_file_range": 277, "ftruncate": 77, "fchmod": 91, "fallocate": 285, "flock": 73,
    "close": 3,
}  # fmt: skip
NAMES: Final = {number: name for name, (number, _) in PATHS.items()} | {
    number: name for name, number in OPENED.items()
}
WRITES: Final = ("write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate")
SYNCS: Final = ("fsync", "fdatasync")
OPENS: Final = ("open", "openat", "creat")
FLAGS: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_SET_FILTER, _NEW_LISTENER = 1, 1 << 3


def _statement(code: int, true: int, false: int, value: int) -> bytes:
    return struct.pack("<HBBI", code, true, false, value)


def _program() -> bytes:
    allow, notify = _statement(_RETURN, 0, 0, _ALLOW), _statement(_RETURN, 0, 0, _NOTIFY)
    parts = [
        _statement(_LOAD, 0, 0, 4),
        _statement(_EQUAL, 1, 0, _ARCHITECTURE),
        allow,
        _statement(_LOAD, 0, 0, 0),
    ]
    for name, flags in (("open", 1), ("openat", 2)):  # only what may write
        argument = _statement(_LOAD, 0, 0, 16 + 8 * flags)
        body = argument + _statement(_ANY_BIT, 0, 1, FLAGS) + notify + allow
        parts.append(_statement(_EQUAL, 0, len(body) // 8, PATHS[name][0]) + body)
    for number, name in NAMES.items():
        if name not in ("open", "openat"):
            parts.append(_statement(_EQUAL, 0, 1, number) + notify)
    return b"".join((*parts, allow))


def install() -> int:
    """Have somebody asked about these calls of this process and all that it starts.

    Returns:
        The descriptor at which the questions arrive.

    Raises:
        OSError: The kernel has no such filters.
    """
    kernel.gain_nothing()
    code = _program()
    buffer = ctypes.create_string_buffer(code, len(code))
    pointer = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    return kernel.seccomp(_SET_FILTER, _NEW_LISTENER, ctypes.create_string_buffer(pointer, 16))
