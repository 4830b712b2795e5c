"""The seccomp filter: what passes, what is refused, what the supervisor is asked about.

A classic BPF program over ``struct seccomp_data`` (Documentation/userspace-api/seccomp_filter.rst).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from typing import Final

from greenlight.execution.box import calls, kernel

_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _NOTIFY, _KILL, _ERRNO = 0x7FFF0000, 0x7FC00000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X32: Final = 0x40000000  # set in the numbers of another way of calling an x86_64 kernel

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NEW_NAMESPACES: Final = 0x7E020000  # of clone
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # put words into a terminal's input

_SET_FILTER, _NEW_LISTENER, _WAIT_KILLABLE = 1, 1 << 3, 1 << 5


def _statement(code: int, true: int, false: int, value: int) -> bytes:
    return struct.pack("<HBBI", code, true, false, value & 0xFFFFFFFF)


def _load(offset: int) -> bytes:
    return _statement(_LOAD, 0, 0, offset)


def _give(verdict: int) -> bytes:
    return _statement(_RETURN, 0, 0, verdict)


def _argument(index: int) -> bytes:
    return _load(_ARGUMENTS + 8 * index)  # its lower half


def _if_number(name: str, *body: bytes) -> bytes:
    """Return statements that are reached for one call alone; others go on behind them."""
    if name not in calls.NUMBERS:
        return b""
    joined = b"".join(body)
    skip = len(joined) // 8
    return _statement(_EQUAL, 0, skip, calls.NUMBERS[name]) + joined


def program(*, notify: bool) -> bytes:
    """Return the filter; without ``notify`` what the supervisor would refuse is refused here."""
    asked = _NOTIFY if notify else _ALLOW
    parts = [
        _load(_ARCHITECTURE),
        _statement(_EQUAL, 1, 0, calls.ARCHITECTURES[kernel.MACHINE]),
        _give(_KILL),
        _load(_NUMBER),
    ]
    if kernel.MACHINE == "x86_64":
        parts += [_statement(_AT_LEAST, 0, 1, _X32), _give(_KILL)]
    for name, flags in (("open", 1), ("openat", 2)):  # only what may write
        parts.append(
            _if_number(
                name,
                _argument(flags),
                _statement(_ANY_BIT, 0, 1, _WRITES),
                _give(asked),
                _give(_ALLOW),
            )
        )
    parts += [_if_number(name, _give(asked)) for name in (*calls.PATHS, *calls.PROGRAMS)]
    parts.append(
        _if_number(
            "socket",
            _argument(0),
            *(
                _statement(_EQUAL, 0, 1, family) + _give(_ALLOW)
                for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)  # netlink
            ),
            _give(_NOTIFY if notify else _ERRNO | errno.EAFNOSUPPORT),
        )
    )
    parts += [_if_number(name, _give(asked)) for name in calls.NETWORK]
    # Of sendto only what names an address: the pointer has two halves.
    parts.append(
        _if_number(
            "sendto",
            _argument(4),
            _statement(_EQUAL, 0, 2, 0),
            _load(_ARGUMENTS + 8 * 4 + 4),
            _statement(_EQUAL, 1, 0, 0),
            _give(asked),
            _give(_ALLOW),
        )
    )
    for name, error in calls.REFUSED.items():
        parts.append(_if_number(name, _give(_NOTIFY if notify else _ERRNO | error)))
    # Its flags lie in memory, where they can change: the C library falls back to clone.
    parts.append(_if_number("clone3", _give(_ERRNO | errno.ENOSYS)))
    parts.append(
        _if_number(
            "clone",
            _argument(0),
            _statement(_ANY_BIT, 0, 1, _NEW_NAMESPACES),
            _give(_ERRNO | errno.EPERM),
            _give(_ALLOW),
        )
    )
    parts.append(
        _if_number(
            "ioctl",
            _argument(1),
            _statement(_EQUAL, 1, 0, _TIOCSTI),
            _statement(_EQUAL, 0, 1, _TIOCLINUX),
            _give(_ERRNO | errno.EPERM),
            _give(_ALLOW),
        )
    )
    parts.append(_give(_ALLOW))
    return b"".join(parts)


def install(*, notify: bool) -> int:
    """Filter this process and all that it starts; return the listener's descriptor, or -1.

    Raises:
        OSError: The kernel has no such filters, or refuses.
    """
    code = program(notify=notify)
    buffer = ctypes.create_string_buffer(code, len(code))
    pointer = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    argument = ctypes.create_string_buffer(pointer, 16)
    if not notify:
        kernel.seccomp(_SET_FILTER, 0, argument)
        return -1
    try:
        return kernel.seccomp(_SET_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, argument)
    except OSError as error:
        if error.errno != errno.EINVAL:  # the second flag came with 5.19
            raise
    return kernel.seccomp(_SET_FILTER, _NEW_LISTENER, argument)
