"""What this store has seen of its ledger: the pinned origin, and the last head.

The pin is made at ``init``, or from a trust-root digest that came another way; it is
never taken from what came along.  The last head seen is kept beside it, so that a
ledger that was moved back, or exchanged, is noticed (LEDGER_REWOUND).

``greenlight/pin`` holds four lines: ``greenlight pin 1 REF``, then a head.

``greenlight/founding`` holds the same while a ledger is being founded: by it a founder that was
killed in between, after a remote had taken the ledger perhaps, finds that it is its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError, UsageError
from greenlight.model.head import Head
from greenlight.primitives.digest import Digest
from greenlight.primitives.merkle import EMPTY_ROOT
from greenlight.store.durable import locked, replace_file, sync_directory, wrapped
from greenlight.store.refs import require_name
from greenlight.store.repository import Store

DEFAULT_REF = "refs/greenlight/ledger"  # forges protect only branches: configurable

_FIRST = re.compile(rb"greenlight pin 1 ([!-~]+)\n")


@dataclass(frozen=True, slots=True)
class Pin:
    """The ledger that counts here, and how far it was seen.

    Attributes:
        ref: Where it lies.
        head: Origin, and size and root when last seen; size 0 before it was.
    """

    ref: str
    head: Head

    @classmethod
    def of(cls, digest: Digest, ref: str = DEFAULT_REF) -> Self:
        """Return the pin of a trust root of which nothing was seen yet."""
        return cls(ref, Head(f"greenlight/{digest.hex}", 0, EMPTY_ROOT))

    @property
    def digest(self) -> Digest:
        """The SHA-256 of record 0."""
        return self.head.pin


def read_pin(store: Store) -> Pin | None:
    """Return what is pinned here, or None.

    Raises:
        StoreError: STORE_DAMAGED: the pin is not in its one spelling; IO_FAILED.
    """
    return _read(_path(store))


def _read(path: Path) -> Pin | None:
    with wrapped(f"read {path}"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        return _decode(data)
    except (MalformedError, UsageError) as error:
        raise StoreError(Code.STORE_DAMAGED, f"{path} is damaged: {error}") from error


def _remove(path: Path) -> None:
    with wrapped(f"remove {path}"):
        try:
            path.unlink()
        except FileNotFoundError:
            return
    sync_directory(path.parent)


def _decode(data: bytes) -> Pin:
    first = _FIRST.match(data)
    if first is None:
        raise MalformedError(Code.MALFORMED, "the first line is another")
    return Pin(require_name(first[1].decode("ascii")), Head.decode(data[first.end() :]))


def write_pin(store: Store, pin: Pin) -> None:
    """Pin a ledger, whatever was pinned before; for ``init`` and for the user alone.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    store.make_own_dir()
    replace_file(_path(store), _encode(pin))


def note_founding(store: Store, pin: Pin) -> None:
    """Note the pin of a ledger that is about to be there.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    store.make_own_dir()
    replace_file(_founding(store), _encode(pin))


def read_founding(store: Store) -> Pin | None:
    """Return what was noted of a ledger whose founding did not end, or None.

    Raises:
        StoreError: STORE_DAMAGED: the note is not in its one spelling; IO_FAILED.
    """
    return _read(_founding(store))


def forget_founding(store: Store) -> None:
    """Let go of the note: the ledger is pinned and here, or never will be.

    Raises:
        StoreError: IO_FAILED.
    """
    _remove(_founding(store))


def remove_pin(store: Store) -> None:
    """Unpin a ledger that is not there: its founding did not end.

    Raises:
        StoreError: IO_FAILED.
    """
    _remove(_path(store))


def remember(store: Store, ref: str, head: Head) -> None:
    """Note that the pinned ledger was seen with ``head``; an older one changes nothing.

    Raises:
        StoreError: STORE_BUSY, STORE_DAMAGED, IO_NOSPACE or IO_FAILED.
    """
    store.make_own_dir()
    with locked(store.own_dir / "pin.lock"):
        pin = read_pin(store)
        if pin is not None and pin.head.origin == head.origin and pin.head.size < head.size:
            replace_file(_path(store), _encode(Pin(ref, head)))


def _encode(pin: Pin) -> bytes:
    return f"greenlight pin 1 {pin.ref}\n".encode("ascii") + pin.head.encode()


def _path(store: Store) -> Path:
    return store.own_dir / "pin"


def _founding(store: Store) -> Path:
    return store.own_dir / "founding"
