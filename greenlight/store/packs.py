"""Packs, read by dulwich: the one place where dulwich does anything.

What a damaged pack makes dulwich raise is a long list (zlib, assertion, type, key
and struct errors were seen), so all of it is caught here and becomes one
``StoreError``.  dulwich is imported when the first object is not loose: that costs
70 ms, and a new store has no packs.

What comes out is not believed: ``store.objects`` hashes every object it hands on.
"""

from __future__ import annotations

import struct
import weakref
import zlib
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from greenlight.codes import Code
from greenlight.errors import StoreError

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
# Seen on damaged packs, or one bit away from what was seen.  OSError: dulwich gives the
# system's errors on as they are, and a file that cannot be read is not a missing object.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Packs(AbstractContextManager["Packs"]):
    """The packs of one objects directory, and of the alternates it names."""

    def __init__(self, objects: Path, object_format: str) -> None:
        self._objects = objects
        self._format = object_format
        self._opened: DiskObjectStore | None = None
        self._finalizer: weakref.finalize[..., Packs] | None = None

    def read(self, oid: str) -> tuple[str, bytes]:
        """Return kind and body of an object, not yet verified.

        Raises:
            StoreError: STORE_DAMAGED: it is in no pack, or cannot be read.
        """
        try:
            return self._read(oid)
        except StoreError:
            # A repack may have replaced every pack since they were listed: look once more.
            self.close()
            return self._read(oid)

    def _read(self, oid: str) -> tuple[str, bytes]:
        from dulwich.errors import (  # noqa: PLC0415 - 70 ms that a store without packs saves
            ApplyDeltaError,
            ChecksumMismatch,
            FileFormatException,
        )
        from dulwich.objects import ObjectID  # noqa: PLC0415 - see above

        try:
            number, body = self._store().get_raw(ObjectID(oid.encode("ascii")))
        except KeyError as error:
            raise StoreError(Code.STORE_DAMAGED, f"object {oid} is missing") from error
        except (*_DAMAGE, ApplyDeltaError, ChecksumMismatch, FileFormatException) as error:
            said = f"{type(error).__name__}: {error}"
            raise StoreError(Code.STORE_DAMAGED, f"object {oid} is unreadable: {said}") from error
        if number not in _KINDS:
            raise StoreError(Code.STORE_DAMAGED, f"object {oid} has the unknown type {number}")
        return _KINDS[number], body

    def _store(self) -> DiskObjectStore:
        from dulwich.object_format import OBJECT_FORMATS  # noqa: PLC0415 - see above
        from dulwich.object_store import DiskObjectStore  # noqa: PLC0415 - see above

        if self._opened is None:
            self._opened = DiskObjectStore(
                str(self._objects), object_format=OBJECT_FORMATS[self._format]
            )
            # At the latest when the interpreter ends: dulwich complains aloud otherwise.
            self._finalizer = weakref.finalize(self, _close, self._opened)
        return self._opened

    def close(self) -> None:
        """Give file handles and maps back; the next read opens them again."""
        self._opened = None
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = None

    def __exit__(self, *_: object) -> None:
        self.close()


def _close(opened: DiskObjectStore) -> None:
    # After damage, an exception may still hold a piece of a map, which then cannot be closed.
    with suppress(BufferError, OSError):
        opened.close()
