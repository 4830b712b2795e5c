"""What a vector is made with: a good folder to break, and the table of all vectors.

A function that breaks one thing is registered by ``@packet(Code.X)`` (or ``ledger``,
``store``), gets what it is to break, and says in its docstring why that is wrong.  Its
vector is ``tests/vectors/<area>/<CODE>__<name-of-the-function>/``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from greenlight.codes import Code
from greenlight.model.packet import FileFact, Packet
from greenlight.model.seal import STATEMENT, make_seal
from greenlight.model.statement import Statement
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import PublicKey, SeedSigner
from greenlight.primitives.manifest import format_manifest
from greenlight.primitives.openssh import format_public
from tools.vectors.good import SIGNER, below, good

LANE, SEQUEL, WITHHELD = "GOOD__lane", "GOOD__sequel", "GOOD__withheld"

# What RERUN.sh, the second verifier, can see: bytes, manifest and seal, and no document.
BYTES = frozenset(
    {
        Code.DIRECTORY_EMPTY,
        Code.FILE_TYPE_REFUSED,
        Code.FOLDER_MALFORMED,
        Code.MANIFEST_DIGEST_MISMATCH,
        Code.MANIFEST_FILE_EXTRA,
        Code.MANIFEST_FILE_MISSING,
        Code.MANIFEST_MALFORMED,
        Code.MANIFEST_MISSING,
        Code.RERUN_SCRIPT_DIFFERS,
        Code.SEAL_FILE_EXTRA,
        Code.SEAL_FILE_MISSING,
        Code.SEAL_KEY_MISMATCH,
        Code.SEAL_MALFORMED,
        Code.SEAL_SIGNATURE_INVALID,
        Code.SEAL_SUMS_MISMATCH,
        Code.SIGNER_NOT_TRUSTED,
        Code.TREE_MISMATCH,
    }
)


@dataclass(slots=True)
class Folder:
    """A packet folder that is being broken.

    Attributes:
        base: Name of the good vector it began as.
        files: Every file by path: ``packet/``, ``seal/``, ``ledger/``.
        odd: What no checkout can be trusted to hold, described (tests/vectors/README.md).
        keys: Whom the reader trusts.
        root: Digest of the trust root that the reader was given; empty for none.
    """

    base: str
    files: dict[str, bytes]
    odd: list[dict[str, Any]] = field(default_factory=list)
    keys: tuple[PublicKey, ...] = (SIGNER.public,)
    root: str = ""

    @classmethod
    def of(cls, base: str) -> Folder:
        return cls(base, dict(good()[base].files))

    def below(self, folder: str) -> dict[str, bytes]:
        return below(self.files, folder)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands exactly once in a file."""
        text = self.files[path].decode()
        if text.count(old) != 1:
            raise ValueError(f"{path} holds {old!r} {text.count(old)} times")
        self.files[path] = text.replace(old, new).encode()

    @contextmanager
    def document(self, name: str) -> Iterator[dict[str, Any]]:
        """Change a document in place; it is written in its one spelling."""
        path = f"packet/{name}.json"
        value = cjson.decode(self.files[path])
        yield value
        self.files[path] = cjson.encode(value)

    def manifest(self) -> None:
        """List the files of ``packet/`` as they are now."""
        packet = self.below("packet")
        packet.pop("MANIFEST.sha256", None)
        listed = {path: FileFact.of(data).sha256 for path, data in packet.items()}
        self.files["packet/MANIFEST.sha256"] = format_manifest(listed)

    def statement(self, **changes: Any) -> Statement:
        """Return a statement about the files as they are now."""
        packet = Packet.of(self.below("packet"), {})
        said = Statement.decode(self.files[f"seal/{STATEMENT}"])
        counted = {
            "packet_tree": packet.tree.removeprefix("sha256:"),
            "file_count": len(packet.files),
            "byte_count": packet.byte_count,
        }
        return replace(said, **(counted | changes))

    def seal(self, signer: SeedSigner = SIGNER, **changes: Any) -> None:
        """Sign the files as they are now: somebody with the key lies."""
        if signer is not SIGNER:
            changes = {"executor": signer.public.uri, **changes}
        made = make_seal(self.statement(**changes).encode(), signer)
        self.files |= {f"seal/{name}": data for name, data in made.items()}

    def lie(self, **changes: Any) -> None:
        """Make manifest and seal again, so that only what was broken is wrong."""
        self.manifest()
        self.seal(**changes)


@dataclass(frozen=True, slots=True)
class Vector:
    """A registered vector.

    Attributes:
        area: ``packet``, ``ledger`` or ``store``.
        name: ``<CODE>__<what>``.
        make: Returns its files by path below its folder.
    """

    area: str
    name: str
    make: Callable[[], dict[str, bytes]]


VECTORS: list[Vector] = []
Break = Callable[[Folder], None]


def register(area: str, code: str, what: str, make: Callable[[], dict[str, bytes]]) -> None:
    """Put a vector into the table."""
    VECTORS.append(Vector(area, f"{code}__{what.replace('_', '-')}", make))


def packet(
    code: Code | None,
    *more: Code,
    base: str = LANE,
    integrity: str = "REJECTED",
    script: bool | None = None,
) -> Callable[[Break], Break]:
    """Register a function that breaks, or changes, a packet folder.

    Args:
        code: What verification must say; None where nothing is wrong.
        more: What it must say besides.
        base: The good packet it begins with.
        integrity: What verification must come to.
        script: Whether RERUN.sh must see it; decided by the codes where this is None.
    """
    codes = more if code is None else (code, *more)

    def add(break_it: Break) -> Break:
        def make() -> dict[str, bytes]:
            folder = Folder.of(base)
            break_it(folder)
            seen = bool(BYTES.intersection(codes)) if script is None else script
            expected = {
                "base": base,
                "odd": folder.odd,
                "script": "FAIL" if seen else "PASS",
                "trust": {
                    "keys": [format_public(key) for key in folder.keys],
                    "root": folder.root,
                },
                **expectation(codes, integrity, break_it),
            }
            return overlay(good()[base].files, folder.files, expected)

        register("packet", "GOOD" if code is None else code.name, break_it.__name__, make)
        return break_it

    return add


def expectation(codes: tuple[Code, ...], integrity: str, why: object) -> dict[str, Any]:
    """Return what every vector's ``expect.json`` says."""
    return {
        "codes": [code.name for code in codes],
        "comment": " ".join((why.__doc__ or "").split()),
        "integrity": integrity,
    }


def overlay(
    before: Mapping[str, bytes], after: Mapping[str, bytes], expected: dict[str, Any]
) -> dict[str, bytes]:
    """Return a vector's files: only what differs from the good one it began as."""
    changed = {f"files/{path}": data for path, data in after.items() if before.get(path) != data}
    gone = sorted(before.keys() - after.keys())
    return {"expect.json": encode(expected | {"remove": gone}), **changed}


def encode(value: object) -> bytes:
    """Write ``expect.json``: in ASCII, since it names paths that are not UTF-8."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()


def goods() -> Iterator[Vector]:
    """Yield the good packets themselves, whole."""
    for name, made in good().items():
        expected = {
            "base": "",
            "codes": [],
            "comment": "Nothing is wrong with it; the others break one thing in it.",
            "integrity": "INTACT",
            "odd": [],
            "remove": [],
            "script": "PASS",
            "trust": {"keys": [format_public(SIGNER.public)], "root": made.root},
        }
        files = {f"files/{path}": data for path, data in made.files.items()}
        files["expect.json"] = encode(expected)
        yield Vector("packet", name, lambda files=files: files)
