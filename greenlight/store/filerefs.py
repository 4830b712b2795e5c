"""Refs as git keeps them in files, moved so that no crash leaves a lock behind.

A ``flock`` on ``greenlight/lock`` is taken first, which ends with the process, and then git's
``<ref>.lock`` (``store.gitlock``).

Write order of a swap: lock, compare, new file written and synced, renamed onto the
ref, directory synced, lock removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import ConflictError, StoreError
from greenlight.store.durable import (
    failed,
    locked,
    make_directories,
    sync_directory,
    unique_name,
    wrapped,
    write_new,
)
from greenlight.store.gitlock import FOREIGN_LOCK_WAIT_SECONDS, git_lock
from greenlight.store.gitobjects import OID_DIGITS, is_oid, require_oid
from greenlight.store.refs import require_name

_MAX_REF_BYTES = 1024  # an id and a line feed; a symbolic ref is a path


class FileRefs:
    """The refs of a repository in the "files" format, loose and packed.

    Args:
        git_dir: The repository's common directory.
        object_format: ``sha1`` or ``sha256``.
        wait_seconds: How long git's own lock is waited for.
    """

    def __init__(
        self,
        git_dir: Path,
        object_format: str,
        *,
        wait_seconds: float = FOREIGN_LOCK_WAIT_SECONDS,
    ) -> None:
        self._dir = git_dir
        self._format = object_format
        self._wait_seconds = wait_seconds
        self._own = git_dir / "greenlight"

    def read(self, ref: str) -> str | None:
        """Return the object id the ref points to, or None where it does not exist.

        Raises:
            StoreError: STORE_DAMAGED: not an object id, symbolic, or outside the repository.
        """
        loose = self._read_loose(self._path(ref), ref)
        if loose is None:
            loose = self._packed().get(ref)
        if loose is None:
            # Packed and its file removed between the two looks?  Then it is in packed-refs
            # by now; unpacked again in between?  Then its file is back.
            loose = self._read_loose(self._path(ref), ref)
        return loose

    def list(self, prefix: str) -> dict[str, str]:
        """Return the refs whose names begin with ``prefix``, sorted by name.

        Raises:
            StoreError: STORE_DAMAGED: as ``read``.
        """
        found, odd = self.scan(prefix)
        for ref, why in odd.items():
            raise StoreError(Code.STORE_DAMAGED, f"{ref} {why}")
        return found

    def scan(self, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the same, and the names of what is no ref there, with the reason.

        Raises:
            StoreError: IO_FAILED; STORE_DAMAGED: ``packed-refs`` is.
        """
        found = {ref: oid for ref, oid in self._packed().items() if ref.startswith(prefix)}
        odd: dict[str, str] = {}
        for path in self._files(self._dir / prefix.rpartition("/")[0]):
            ref = path.relative_to(self._dir).as_posix()
            if not ref.startswith(prefix) or ref.endswith(".lock"):
                continue
            try:
                oid = self._read_loose(path, ref)
            except StoreError as error:
                if error.code is not Code.STORE_DAMAGED:
                    raise
                odd[ref] = str(error).removeprefix(f"{ref} ")
                found.pop(ref, None)
                continue
            if oid is not None:
                found[ref] = oid
        return dict(sorted(found.items())), dict(sorted(odd.items()))

    def swap(self, ref: str, *, old: str | None, new: str) -> None:
        """Move ``ref`` from ``old`` to ``new``, durably.

        Raises:
            ConflictError: It points elsewhere; nothing was written.
            StoreError: STORE_BUSY: another program holds the lock; IO_NOSPACE, IO_FAILED.
        """
        path = self._path(ref)
        require_oid(new, self._format)
        with self._holding(path):
            self._require(ref, old)
            self._put(path, f"{new}\n".encode("ascii"))

    def delete(self, ref: str, *, old: str) -> None:
        """Remove ``ref``, which points to ``old``, durably.

        Raises:
            ConflictError: It points elsewhere, or is not there; nothing was changed.
            StoreError: STORE_BUSY: another program holds a lock; IO_NOSPACE, IO_FAILED.
        """
        path = self._path(ref)
        packed = self._dir / "packed-refs"
        # Both locks until the end: git might pack the ref between the two, and it would stay.
        with self._holding(path), self._git_lock(packed):
            self._require(ref, old)
            if ref in self._packed():
                # First: with the file gone, an old value there would count again.
                with wrapped(f"read {packed}"):
                    data = packed.read_bytes()
                self._put(packed, without_packed_ref(data, ref))
            with wrapped(f"remove {path}"):
                path.unlink(missing_ok=True)
            sync_directory(path.parent)

    # --- reading

    def _path(self, ref: str) -> Path:
        path = self._dir / require_name(ref)
        for part in (path, *path.parents):
            if part == self._dir:
                return path
            with wrapped(f"look at {part}"):
                leads_out = part.is_symlink()
            if leads_out:
                raise StoreError(Code.STORE_DAMAGED, f"{part} is a symbolic link")
        return path

    def _read_loose(self, path: Path, ref: str) -> str | None:
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_REF_BYTES)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            raise failed(error, f"read {ref}") from error
        text = data.decode("ascii", "replace")
        oid = text.removesuffix("\n")
        if not is_oid(oid, self._format):
            raise StoreError(Code.STORE_DAMAGED, f"{ref} holds no object id: {text[:80]!r}")
        return oid

    def _packed(self) -> dict[str, str]:
        try:
            data = (self._dir / "packed-refs").read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise failed(error, "read packed-refs") from error
        return parse_packed_refs(data, self._format)

    def _files(self, directory: Path) -> Iterator[Path]:
        with wrapped(f"list {directory}"):
            for folder, _, names in os.walk(directory):
                yield from (Path(folder) / name for name in names)

    # --- writing

    @contextmanager
    def _holding(self, path: Path) -> Iterator[None]:
        """Keep everybody else from moving a ref."""
        for directory in make_directories(self._own):
            sync_directory(directory)
        with locked(self._own / "lock"), self._git_lock(path):
            yield

    def _require(self, ref: str, old: str | None) -> None:
        current = self.read(ref)
        if current != old:
            raise ConflictError(f"{ref} was moved by another writer", current=current or "")

    def _put(self, path: Path, data: bytes) -> None:
        temporary = self._own / unique_name("tmp-ref-")
        with wrapped(f"write {path}"):
            write_new(temporary, data)
            try:
                if path.is_dir():
                    path.rmdir()  # git leaves empty directories where refs were
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        sync_directory(path.parent)

    def _git_lock(self, path: Path) -> AbstractContextManager[None]:
        """Hold ``<ref>.lock`` against git; the flock is held already."""
        return git_lock(path, self._own / "reflock", wait_seconds=self._wait_seconds)


_LINE = re.compile(rb"([0-9a-f]+) (refs/[^\x00-\x20\x7f]+)\n(?:\^([0-9a-f]+)\n)?")
_FIRST = re.compile(rb"# pack-refs with:([^\n]*)\n")


def parse_packed_refs(data: bytes, object_format: str) -> dict[str, str]:
    """Read git's packed-refs.

    Raises:
        StoreError: STORE_DAMAGED: a line is not one, or refs that are said to be sorted are not.
    """
    first = _FIRST.match(data)
    at = first.end() if first else 0
    found: dict[str, str] = {}
    last = b""
    is_sorted = first is not None and b" sorted" in first[1]
    digits = OID_DIGITS[object_format]
    while at < len(data):
        line = _LINE.match(data, at)
        if line is None or len(line[1]) != digits or (is_sorted and line[2] <= last):
            raise StoreError(Code.STORE_DAMAGED, f"packed-refs is damaged at byte {at}")
        last = line[2]
        found[last.decode("utf-8", "surrogateescape")] = line[1].decode("ascii")
        at = line.end()
    return found


def without_packed_ref(data: bytes, ref: str) -> bytes:
    """Return packed-refs that were read, without a ref and what it peels to."""
    wanted = ref.encode("utf-8", "surrogateescape")
    return _LINE.sub(lambda line: b"" if line[2] == wanted else line[0], data)
