"""The packs of a store: plain objects by ``store.packindex``, all else by dulwich.

This is the one place where dulwich does anything: deltas, which a gc makes, other
indexes than version 2, and alternates.  What a damaged pack makes dulwich raise is a
long list (zlib, assertion, type, key and struct errors were seen), so all of it is
caught here and becomes one ``StoreError``.  dulwich is imported when it is needed:
that costs 70 ms, and packs that greenlight wrote hold no deltas.

What comes out is not believed: every object is hashed before it is handed on.
"""

from __future__ import annotations

import struct
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.durable import wrapped
from greenlight.store.gitobjects import OID_DIGITS, require_hash, require_size
from greenlight.store.multipack import NAME, MultiPack, read_multipack
from greenlight.store.packindex import KINDS, Pack

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore

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


_MISSES = 8  # guesses in a row that were wrong: then the index is asked first
MAX_OPEN = 16  # packs whose files stay open: of a thousand, a few serve nearly every read
Found = TypeVar("Found")


class Packs(AbstractContextManager["Packs"]):
    """The packs of one objects directory, and of the alternates it names."""

    def __init__(self, objects: Path, object_format: str) -> None:
        self._objects = objects
        self._format = object_format
        self._opened: DiskObjectStore | None = None
        self._finalizer: weakref.finalize[..., Packs] | None = None
        self._packs: list[Pack] = []  # the one that served last comes first
        self._names: frozenset[str] = frozenset()
        self._unread: dict[str, Pack] = {}  # named by the multi-pack-index, and not needed yet
        self._multi: MultiPack | None = None
        self._listed_ns = -1

    def read(self, oid: str, max_bytes: int) -> tuple[str, bytes]:
        """Return kind and body of an object, verified by its hash.

        Raises:
            StoreError: STORE_DAMAGED: it is in no pack, or cannot be read; LIMIT_EXCEEDED.
        """
        found = self.find(oid, max_bytes)
        if found is not None:
            return found
        try:
            kind, body = self._read(oid)
        except StoreError:
            # A repack may have replaced every pack since they were listed: look once more.
            self.close()
            kind, body = self._read(oid)
        require_size(oid, kind, len(body), max_bytes)
        require_hash(oid, kind, body, self._format)
        return kind, body

    def find(self, oid: str, max_bytes: int) -> tuple[str, bytes] | None:
        """Return an object that is no delta, verified, or None where no pack of ours has it.

        Raises:
            StoreError: STORE_DAMAGED: no pack that has it has it whole; LIMIT_EXCEEDED.
        """
        return self._find(oid, lambda pack, offset: pack.read(oid, offset, max_bytes))

    def stream(self, oid: str, max_bytes: int) -> tuple[str, int, Iterator[bytes]] | None:
        """Return kind, size and pieces of an object that is no delta, not verified; else None.

        Raises:
            StoreError: STORE_DAMAGED; LIMIT_EXCEEDED.
        """
        return self._find(oid, lambda pack, offset: pack.stream(oid, offset, max_bytes))

    def likely(self, oid: str, max_bytes: int) -> tuple[str, int, Iterator[bytes]] | None:
        """Return what ``stream`` would, where the pack that served last has the object whole."""
        if not self._packs:
            return None
        try:
            pack = self._packs[0]
            if pack.loaded or self._multi is None:
                offset = pack.find(oid)
                return None if offset is None else pack.stream(oid, offset, max_bytes)
            named = self._in_multipack(oid)
            return None if named is None else named[0].stream(oid, named[1], max_bytes)
        except (FileNotFoundError, StoreError):
            return None  # whoever reads looks everywhere, and says what is wrong

    def read_run(
        self, kind: str, oids: Iterable[str], max_bytes: int
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield objects by name, verified, in the order asked; None for what is not quickly had.

        Objects that were written one after the other are read so, without a look at the index.
        """
        pack: Pack | None = None
        offset, misses = 0, 0
        for oid in oids:
            found = None
            try:
                if pack is not None and misses < _MISSES:
                    found = pack.read_at(oid, kind, offset, max_bytes)
                    misses += 1 if found is None else -min(misses, 1)
                if found is None and (place := self._quick_place(oid)) is not None:
                    pack, offset = place
                    found = pack.read_at(oid, kind, offset, max_bytes)
            except (FileNotFoundError, StoreError):
                pack, found = None, None  # whoever reads looks everywhere, and says what is wrong
            if found is None:
                yield oid, None
                continue
            body, offset = found
            yield oid, body

    def quick(self, kind: str, oid: str, max_bytes: int) -> bytes | None:
        """Return the body of a small object that the pack that served last has, verified.

        None says nothing: whoever reads looks everywhere, and says what is wrong.
        """
        if len(oid) != OID_DIGITS[self._format]:
            return None
        try:
            place = self._quick_place(oid)
            found = None if place is None else place[0].read_at(oid, kind, place[1], max_bytes)
        except (FileNotFoundError, StoreError, ValueError):  # no hex digits
            return None
        return None if found is None else found[0]

    def _quick_place(self, oid: str) -> tuple[Pack, int] | None:
        """Return where an object stands, by the index that served last."""
        if not self._packs:
            return None
        pack = self._packs[0]
        if pack.loaded or self._multi is None:
            offset = pack.find(oid)
            return None if offset is None else (pack, offset)
        return self._in_multipack(oid)

    def holds(self, oid: str) -> bool:
        """Report whether a pack that served before has an object: most that is read lies there."""
        try:
            return bool(self._packs) and (
                self._in_multipack(oid) is not None or self._packs[0].find(oid) is not None
            )
        except (FileNotFoundError, StoreError):
            return False  # it is damaged: whoever reads looks everywhere

    def _find(self, oid: str, read: Callable[[Pack, int], Found | None]) -> Found | None:
        damage: StoreError | None = None
        for pack, place in self._candidates(oid):
            try:
                offset = pack.find(oid) if place is None else place
                found = None if offset is None else read(pack, offset)
            except FileNotFoundError:
                continue  # repacked since it was listed
            except StoreError as error:
                if error.code is not Code.STORE_DAMAGED:
                    raise
                if pack.loaded or place is not None:
                    damage = error  # another pack may have it whole
                continue  # or it has no index of ours, and is for dulwich to judge
            if found is not None:
                self._served(pack)
                return found
        if damage is not None:
            raise damage
        return None

    def _served(self, pack: Pack) -> None:
        """Let the pack be asked first the next time: a packet's objects lie together."""
        if self._packs and self._packs[0] is pack:
            return
        if self._unread.pop(pack.index.name, None) is None:
            self._packs.remove(pack)
        self._packs.insert(0, pack)
        for late in self._packs[MAX_OPEN : MAX_OPEN + 2]:
            late.close()

    def _candidates(self, oid: str) -> Iterator[tuple[Pack, int | None]]:
        """Yield packs to look in, the likely ones first, with the place where it is known."""
        if self._listed_ns < 0:
            self._list()
        named = self._in_multipack(oid)
        if named is not None:
            yield named
        yield from ((pack, None) for pack in tuple(self._packs))
        yield from ((pack, None) for pack in self._list())
        # What the multi-pack-index says is not believed: neither what it names nor what not.
        yield from ((pack, None) for pack in tuple(self._unread.values()))

    def _in_multipack(self, oid: str) -> tuple[Pack, int] | None:
        if self._multi is None:
            return None
        try:
            found = self._multi.find(oid)
        except StoreError:
            self._multi = None
            return None
        if found is None:
            return None
        name, offset = found
        if name in self._unread:
            return self._unread[name], offset
        return next(((pack, offset) for pack in self._packs if pack.index.name == name), None)

    def _list(self) -> list[Pack]:
        """Look which packs are there, where that has changed; return those that are new."""
        folder = self._objects / "pack"
        try:
            changed_ns = folder.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if changed_ns == self._listed_ns:
            return []
        with wrapped(f"list {folder}"):
            listed = [path.name for path in folder.iterdir()]
        names = frozenset(
            name for name in listed if name.startswith("pack-") and name.endswith(".idx")
        )
        gone = self._names - names
        self._packs = [pack for pack in self._packs if pack.index.name not in gone]
        for name in gone:
            self._unread.pop(name, None)
        self._multi = None
        if NAME in listed:
            with suppress(StoreError):  # damaged: then every pack is asked
                self._multi = read_multipack(folder, self._format)
        covered = frozenset(self._multi.packs if self._multi else ())
        new = []
        for name in sorted(names - self._names):
            pack = Pack(folder / name, self._format)
            if name in covered:
                self._unread[name] = pack
            else:
                new.append(pack)
        self._packs += new
        self._names, self._listed_ns = names, changed_ns
        return new

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
        if number not in KINDS:
            raise StoreError(Code.STORE_DAMAGED, f"object {oid} has the unknown type {number}")
        return KINDS[number], body

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
        for pack in (*self._packs, *self._unread.values()):
            pack.close()
        self._listed_ns = 0  # what is there now is looked at again
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
