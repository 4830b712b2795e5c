"""What a folder holds at one moment, and what became of it between two.

A snapshot has one state for each path: kind, mode, content, target of a link.
Owners, times and extended attributes are not part of it; the folder itself has
no row.  Names that no packet can hold still have their state, under an escaped
spelling, and a problem beside it: nothing that changed goes unseen because its
name is hostile.

The digest of a snapshot is SHA-256 over these bytes (``docs/spec/execution.md``)::

    greenlight snapshot v1 LF
    <kind> SP <mode> SP <bytes> SP <digest> NUL <path> NUL <target> LF    for each path
    problem SP <code> NUL <path> NUL LF                                   for each problem

Paths are in bytewise order, then problems by path and code.  No path and no target
holds NUL or LF, so no two snapshots have the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, Self

from greenlight.codes import Code
from greenlight.model.fields import Count, MaybeDigest, Note, Text
from greenlight.primitives.digest import Digest
from greenlight.primitives.packet_path import name_problem
from greenlight.primitives.text import find_control, is_nfc

# As model.fields.Line has it: a path in a document is one line of text.
MAX_SPELLED: Final = 4096  # characters
_ROOM_FOR_CODE: Final = 64  # characters: a code of 30, a space and brackets

_SEPARATORS: Final = frozenset("\u2028\u2029")  # lines to some readers, so not one line of text
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x21, 0x7E

KindText = Annotated[
    str, Text(r"absent|file|link|directory|other", "absent, file, link, directory or other")
]
ModeText = Annotated[str, Text(r"(?:[0-7]{4})?", "four octal digits, or none")]


@dataclass(frozen=True, slots=True)
class FileState:
    """What stands at one path.

    Attributes:
        kind: ``absent``, ``file``, ``link``, ``directory`` or ``other``.
        mode: Permission bits as ``0644``; empty where absent, and for links, which have none.
        bytes: Length of a file's content, or of a link's target; 0 for the rest.
        digest: ``sha256:<hex>`` of a file's content, or of the bytes of a link's target;
            of salt and content, where that is withheld; empty for the rest, and for a file
            that could not be read.
        target: Where a link points, as it is stored; for ``other`` what it is (``fifo``,
            ``socket``, ``block 8:1``, ``character 1:3``); empty for the rest.
    """

    kind: KindText
    mode: ModeText = ""
    bytes: Count = 0
    digest: MaybeDigest = ""
    target: Note = ""

    @property
    def unread(self) -> bool:
        """Whether content is there that nobody read: such a state equals no other."""
        return self.kind == "file" and not self.digest


ABSENT: Final = FileState("absent")


@dataclass(frozen=True, slots=True, order=True)
class SnapshotProblem:
    """Something that no packet can hold, or that could not be read.

    Attributes:
        path: Where, in the spelling that the states use.
        code: Name of the ``Code``.
    """

    path: str
    code: str

    @classmethod
    def of(cls, path: str, code: Code) -> Self:
        """Return the problem at ``path``, shortened so that its row is one line of text."""
        return cls(shorten(path, path.encode(), MAX_SPELLED - _ROOM_FOR_CODE), code.name)

    @property
    def row(self) -> str:
        """What a document says of it: ``path (CODE)``."""
        return f"{self.path} ({self.code})"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The states of everything below one folder.

    Attributes:
        states: By path, ``/``-separated, relative to the folder, sorted.
        problems: Sorted; a snapshot with a problem is never proof of anything.
    """

    states: Mapping[str, FileState] = field(default_factory=dict)
    problems: tuple[SnapshotProblem, ...] = ()

    def __post_init__(self) -> None:
        # Sorting text by code points sorts its UTF-8 by bytes.
        ordered = MappingProxyType(dict(sorted(self.states.items())))
        object.__setattr__(self, "states", ordered)
        object.__setattr__(self, "problems", tuple(sorted(self.problems)))

    def get(self, path: str) -> FileState:
        return self.states.get(path, ABSENT)

    @property
    def digest(self) -> Digest:
        """SHA-256 over path, kind, mode, content and target of everything, and the problems."""
        return Digest.of(b"".join(self._lines()))

    def _lines(self) -> Iterator[bytes]:
        yield b"greenlight snapshot v1\n"
        for path, state in self.states.items():
            head = f"{state.kind} {state.mode} {state.bytes} {state.digest}"
            yield f"{head}\0{path}\0{state.target}\n".encode()
        for problem in self.problems:
            yield f"problem {problem.code}\0{problem.path}\0\n".encode()


@dataclass(frozen=True, slots=True)
class Mutation:
    """One path that is not what it was.

    Attributes:
        path: Where.
        change: ``created``, ``modified``, ``deleted``, ``mode`` (nothing but the mode), or
            ``type`` (another kind of thing).
        before: What stood there.
        after: What stands there now.
    """

    path: str
    change: str
    before: FileState
    after: FileState


def diff(before: Snapshot, after: Snapshot) -> tuple[Mutation, ...]:
    """Return everything that changed, sorted by path.

    A file that was not read in one of the two counts as modified: what nobody saw
    is not evidence that nothing happened.
    """
    mutations = []
    for path in sorted(before.states.keys() | after.states.keys()):
        old, new = before.get(path), after.get(path)
        if old != new or old.unread:
            mutations.append(Mutation(path, change_word(old, new), old, new))
    return tuple(mutations)


def change_word(old: FileState, new: FileState) -> str:
    """Return what a change from ``old`` to ``new`` is called."""
    if old.kind == "absent":
        return "created"
    if new.kind == "absent":
        return "deleted"
    if old.kind != new.kind:
        return "type"
    content = (old.bytes, old.digest, old.target) != (new.bytes, new.digest, new.target)
    return "modified" if content or old.unread else "mode"


def spell_name(raw: bytes) -> tuple[str, Code | None]:
    r"""Return the spelling of one file name, and why no packet can hold it, or None.

    A name that is text is spelled as it is.  One that is not UTF-8, not NFC, or has a
    backslash or a control character has each byte that is not printable ASCII, and
    each backslash, as ``\xNN``; since a plain spelling has no backslash, no two names
    have one spelling.
    """
    name = raw.decode("utf-8", "surrogateescape")
    problem = name_problem(name)
    if _is_plain(name):
        return name, problem
    spelled = "".join(_spell_byte(byte) for byte in raw)
    return spelled, problem or Code.PATH_CONTROL


def spell_target(raw: bytes) -> tuple[str, Code | None]:
    """Return the spelling of a link's target, and why it is not plain text, or None.

    A target may say anything, so only its bytes are judged, not what it points to.
    """
    text = raw.decode("utf-8", "surrogateescape")
    if _is_plain(text) and len(text) <= MAX_SPELLED:
        return text, None
    return shorten("".join(_spell_byte(byte) for byte in raw), raw), Code.PATH_CONTROL


def shorten(spelled: str, raw: bytes, most: int = MAX_SPELLED) -> str:
    r"""Return ``spelled``, or ``\sha256:`` and the digest of ``raw`` where it is too long."""
    return spelled if len(spelled) <= most else f"\\{Digest.of(raw)}"


def _is_plain(name: str) -> bool:
    if name.isascii():
        return "\\" not in name and find_control(name) is None
    return (
        "\\" not in name
        and find_control(name) is None
        and _SEPARATORS.isdisjoint(name)
        and not any("\ud800" <= char <= "\udfff" for char in name)
        and is_nfc(name)
    )


def _spell_byte(byte: int) -> str:
    plain = _FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE and byte != ord("\\")
    return chr(byte) if plain else f"\\x{byte:02x}"
