"""Landlock: a second wall, of the process itself (Documentation/userspace-api/landlock.rst)."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from typing import Final

from greenlight.execution.box import kernel

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_BIND, _CONNECT = 1, 2  # of TCP ports
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# How many rights of files an ABI knows; what is newer than this table counts as its last.
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_ABI, _SCOPE_ABI = 4, 6
WRITES_ABI: Final = 3  # from here on truncation is covered, and so every way of writing a file


def abi() -> int:
    """Return the version that the kernel has; 0 for none."""
    try:
        return kernel.call(_CREATE, None, 0, 1)
    except OSError:
        return 0


def restrict(
    *,
    write: Iterable[str],
    execute: Iterable[str],
    devices: Iterable[str],
    ports: Iterable[int] = (),
) -> None:
    """Let this process read everything, write below ``write``, and start what lies in ``execute``.

    Args:
        write: Folders.
        execute: Folders; what is in ``write`` is executed only where it is here too.
        devices: Device files to write to.
        ports: To which TCP connections may be made; to no others.

    Raises:
        OSError: The kernel has no Landlock, or refuses.
    """
    version = abi()
    if version < 1:
        raise OSError(38, "no Landlock")
    known = (1 << _RIGHTS.get(version, 16)) - 1
    tcp = _BIND | _CONNECT if version >= _NETWORK_ABI else 0
    scoped = 3 if version >= _SCOPE_ABI else 0  # abstract sockets and signals stay inside
    size = 8 if version < _NETWORK_ABI else 16 if version < _SCOPE_ABI else 24
    attr = ctypes.create_string_buffer(struct.pack("<QQQ", known, tcp, scoped)[:size], size)
    ruleset = kernel.call(_CREATE, attr, size, 0)
    try:
        _allow(ruleset, "/", (_READ_FILE | _READ_DIR) & known)
        for path in execute:
            _allow(ruleset, path, (_EXECUTE | _READ_FILE | _READ_DIR) & known)
        for path in write:
            _allow(ruleset, path, known & ~_EXECUTE)
        for path in devices:
            _allow(ruleset, path, (_WRITE_FILE | _READ_FILE | _IOCTL_DEV) & known)
        for port in ports if tcp else ():
            rule = ctypes.create_string_buffer(struct.pack("<QQ", _CONNECT, port), 16)
            kernel.call(_ADD_RULE, ruleset, 2, rule, 0)
        kernel.call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # what is not there needs no right
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, descriptor), 12)
        kernel.call(_ADD_RULE, ruleset, 1, rule, 0)
    finally:
        os.close(descriptor)
