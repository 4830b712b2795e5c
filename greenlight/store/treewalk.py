"""Walk through trees that anybody may have made, within the limits of a packet.

What no packet may hold is reported as findings beside the names: nothing is dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.finding import Finding
from greenlight.primitives.limits import MAX_PACKET_FILES, MAX_PATH_DEPTH
from greenlight.primitives.text import escape
from greenlight.store.gitobjects import FILE, TreeEntry, parse_tree
from greenlight.store.objects import ObjectStore

_TYPES = {b"120000": "a symbolic link", b"160000": "a submodule"}


@dataclass(slots=True)
class TreeWalk:
    """One reading of trees: what it has seen counts against the limits of a packet.

    Attributes:
        objects: Where they are.
        problems: What stands there and no packet may hold.
    """

    objects: ObjectStore
    problems: list[Finding] = field(default_factory=list)
    _files: int = 0

    def folder(self, tree: str, name: str) -> dict[str, str]:
        """Return the object id of each file below a tree, by path; ``name`` is for people.

        Raises:
            MalformedError: SHELF_MALFORMED: a tree that readers may differ about;
                LIMIT_EXCEEDED: more files or depth than a packet has.
            StoreError: STORE_DAMAGED, IO_FAILED.
        """
        found: dict[str, str] = {}
        self._tree(tree, name, "", MAX_PATH_DEPTH, found)
        return found

    def _tree(self, oid: str, top: str, prefix: str, depth: int, found: dict[str, str]) -> None:
        if depth == 0:
            raise MalformedError(Code.LIMIT_EXCEEDED, f"{top}/{prefix} is nested too deep")
        body = self.objects.read_as("tree", oid)
        try:
            entries = parse_tree(body, self.objects.object_format)
        except MalformedError as error:
            raise MalformedError(Code.SHELF_MALFORMED, f"{top}/{prefix}: {error}") from error
        if not entries:
            self.problems.append(
                _finding(Code.DIRECTORY_EMPTY, f"{top}/{prefix}", "a file", "none")
            )
        for entry in entries:
            # A tree that names one subtree again and again unfolds without end: count all names.
            self._files += 1
            if self._files > MAX_PACKET_FILES:
                raise MalformedError(Code.LIMIT_EXCEEDED, f"more than {MAX_PACKET_FILES} files")
            name = self._name(entry, f"{top}/{prefix}")
            if name is None:
                continue
            if entry.is_directory:
                self._tree(entry.oid, top, f"{prefix}{name}/", depth - 1, found)
            elif entry.mode in _TYPES:
                where = f"{top}/{prefix}{name}"
                self.problems.append(
                    _finding(Code.FILE_TYPE_REFUSED, where, "a regular file", _TYPES[entry.mode])
                )
            else:
                self._file(entry, f"{top}/{prefix}{name}")
                found[prefix + name] = entry.oid

    def _name(self, entry: TreeEntry, where: str) -> str | None:
        try:
            return entry.name.decode()
        except UnicodeDecodeError:
            self.problems.append(
                _finding(Code.PATH_NOT_UTF8, where, "a name in UTF-8", ascii(entry.name))
            )
            return None

    def _file(self, entry: TreeEntry, where: str) -> None:
        if entry.mode != FILE:
            self.problems.append(
                _finding(Code.FILE_MODE_REFUSED, where, "100644", entry.mode.decode("ascii"))
            )


def _finding(code: Code, where: str, expected: str, found: str) -> Finding:
    return Finding(code, escape(where), expected, found)
