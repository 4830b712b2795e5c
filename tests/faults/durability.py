"""What a power cut would leave, worked out from a trace of system calls.

The rules are those of a file system that keeps nothing it was not told to: a file's bytes are
durable after a sync of that file that succeeded, and never again once a sync of it has failed; a
name is durable after a sync of its folder that came later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.calls import OPENS, SYNCS, WRITES
from tests.faults.inject import Call


@dataclass
class Disk:
    """What was written and not made durable yet.

    Attributes:
        dirty: Files with bytes that were not synced.
        failed: Files and folders of which a sync failed.
        names: Names that were made, of which the folder was not synced since.
        retried: Of those that failed, which were synced again.
    """

    dirty: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)

    def see(self, call: Call) -> None:
        """Go on by one call."""
        if call.name in SYNCS:
            self._sync(call)
        elif call.fault:
            return
        elif call.name in WRITES:
            self.dirty.add(call.path)
        elif call.name in OPENS or call.name.startswith(("mkdir", "symlink")):
            if call.new:
                self.names.add(call.path)
        elif call.name.startswith("rename"):
            self._move(*call.paths)
        elif call.name.startswith("link"):
            self._copy(*call.paths)
        elif call.name.startswith(("unlink", "rmdir")):
            self._forget(call.path)

    def _sync(self, call: Call) -> None:
        if call.path in self.failed:
            self.retried.add(call.path)
        if call.fault == "EINTR":
            return  # before anything was tried: to call again is what it asks for
        if call.fault:
            self.failed.add(call.path)
        elif call.path not in self.failed:
            self.dirty.discard(call.path)
            self.names = {name for name in self.names if os.path.dirname(name) != call.path}

    def _copy(self, old: str, new: str) -> None:
        self._forget(new)
        for known in (self.dirty, self.failed):
            if old in known:
                known.add(new)
        self.names.add(new)

    def _move(self, old: str, new: str) -> None:
        self._copy(old, new)
        self._forget(old)

    def _forget(self, path: str) -> None:
        for known in (self.dirty, self.failed, self.names):
            known.discard(path)

    def undurable(self, paths: Iterable[Path], root: Path) -> list[str]:
        """Return which of these files would not be there, or not be whole, after a power cut."""
        found = []
        for path in paths:
            above = [str(each) for each in path.parents if each.is_relative_to(root)]
            if str(path) in self.dirty | self.failed:
                found.append(f"{path.relative_to(root)}: its bytes")
            found += [
                f"{path.relative_to(root)}: the name {os.path.relpath(name, root)}"
                for name in (str(path), *above)
                if name in self.names
            ]
        return found


def counts(path: Path, root: Path) -> bool:
    """Report whether what was acknowledged rests on a file.

    Pin and tables prove nothing once the ref has moved, and what was last seen of a remote is
    seen again by the next exchange: these may fail without a word.
    """
    inside = path.relative_to(root).as_posix()
    return inside.startswith(("objects/", "refs/")) and not inside.startswith(
        "refs/greenlight/remotes/"
    )


def undurable(calls: Sequence[Call], root: Path) -> list[str]:
    """Return what a power cut at the acknowledgement would take of objects and refs.

    Args:
        calls: Of the command.
        root: The repository's folder; what counts as acknowledged is there now.
    """
    disk = Disk()
    for call in calls:
        if call.ack:
            break
        disk.see(call)
    kept = [
        path
        for folder in ("objects", "refs")
        for path in (root / folder).rglob("*")
        if path.is_file() and not path.name.endswith((".lock", ".keep"))
    ]
    wanted = [path for path in kept if not path.name.startswith("tmp_") and counts(path, root)]
    return disk.undurable(wanted, root)


def retried(calls: Sequence[Call], root: Path) -> list[str]:
    """Return the files that count of which a sync had failed, and that were synced again."""
    disk = Disk()
    for call in calls:
        disk.see(call)
    return sorted(path for path in disk.retried if counts(Path(path), root))
