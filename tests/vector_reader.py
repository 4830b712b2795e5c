"""Read a vector back: what a verifier is given, and what it must say (tests/vectors/README.md)."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from greenlight.execution.packet_folder import read_folder
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.model.finding import Finding
from greenlight.model.packet import FileFact, Packet, is_text
from greenlight.model.record import decode_record
from greenlight.model.statement import Statement
from greenlight.primitives.digest import Digest
from greenlight.primitives.openssh import parse_public
from greenlight.services.packets import Located, read_commit
from greenlight.services.verifying import Trust, Verdict, verify_all, verify_located
from greenlight.store.packets import commit_body
from greenlight.store.repository import Store, create_store
from greenlight.store.shelf import shelve
from greenlight.verify.ledger import Tip

VECTORS = Path(__file__).parent / "vectors"
NAMES = {
    area: sorted(path.parent.name for path in (VECTORS / area).glob("*/expect.json"))
    for area in ("packet", "store")
}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AUTHOR = "A Tester <tester@example.org>"
MODE, FOLDER_MODE = b"100644", b"40000"


def expectation(area: str, name: str) -> dict[str, Any]:
    """Return what a vector's ``expect.json`` says."""
    found: dict[str, Any] = json.loads((VECTORS / area / name / "expect.json").read_text())
    return found


@cache
def files_of(name: str) -> Mapping[str, bytes]:
    """Return the files of a packet vector: those of its base, with what differs."""
    expected = expectation("packet", name)
    files = dict(files_of(expected["base"])) if expected["base"] else {}
    for path in expected["remove"]:
        del files[path]
    own = VECTORS / "packet" / name / "files"
    return files | {
        path.relative_to(own).as_posix(): path.read_bytes()
        for path in sorted(own.rglob("*"))
        if path.is_file()
    }


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """Return the files under ``folder/``, by path below it."""
    head = f"{folder}/"
    return {path.removeprefix(head): data for path, data in files.items() if path.startswith(head)}


@dataclass(frozen=True, slots=True)
class PacketVector:
    """A packet vector.

    Attributes:
        codes: What verification must say, at least.
        integrity: What it must come to, exactly.
        script: The verdict of RERUN.sh: PASS or FAIL.
        odd: What no checkout can be trusted to hold.
        trust: Whom the reader trusts.
    """

    name: str
    files: Mapping[str, bytes]
    codes: frozenset[str]
    integrity: str
    script: str
    odd: tuple[Mapping[str, Any], ...]
    trust: Trust

    @classmethod
    def read(cls, name: str) -> PacketVector:
        expected = expectation("packet", name)
        root = expected["trust"]["root"]
        trust = Trust(
            signers=tuple(parse_public(line)[0] for line in expected["trust"]["keys"]),
            root=Digest.parse(root) if root else None,
            source="the vector",
        )
        return cls(
            name=name,
            files=files_of(name),
            codes=frozenset(expected["codes"]),
            integrity=expected["integrity"],
            script=expected["script"],
            odd=tuple(expected["odd"]),
            trust=trust,
        )

    @property
    def in_folder(self) -> bool:
        """Whether a folder can hold it: not so a name that no file system has."""
        return all({"link", "folder"} & odd.keys() for odd in self.odd)

    def write(self, folder: Path) -> Path:
        """Write it as a folder, without what is not of the packet."""
        for path, data in self.files.items():
            if path.startswith("private/"):
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        for odd in self.odd:
            if "link" in odd:
                (folder / odd["path"]).symlink_to(odd["link"])
            else:
                (folder / odd["path"]).mkdir()
        return folder

    def locate(self, tmp: Path) -> Located:
        """Read it as a packet from whatever can hold it."""
        kinds = {key for odd in self.odd for key in odd.keys() - {"path"}}
        if "mode" in kinds:
            modes = {odd["path"]: odd["mode"] for odd in self.odd}
            store = create_store(tmp / "store", object_format="sha256")
            return read_commit(store, put_packet(store, self.files, modes))
        if kinds & {"link", "folder"} or not self.odd:
            found = read_folder(self.write(tmp), lambda _: True)
            return Located(self.name, found.packet, found.kept, found.ledger)
        files = below(self.files, "packet")
        facts = {path: FileFact.of(data) for path, data in files.items()}
        for odd in self.odd:
            path = odd["path"].removeprefix("packet/")
            fact = FileFact.of(odd.get("text", "").encode())
            facts[path] = FileFact(odd.get("bytes", fact.size), fact.sha256, fact.blob)
        texts = {path: data for path, data in files.items() if is_text(path)}
        packet = Packet(facts, texts, below(self.files, "seal"))
        return Located(self.name, packet, files, below(self.files, "ledger"))

    def verify(self, tmp: Path) -> Verdict:
        private = below(self.files, "private")
        return verify_located(self.locate(tmp), self.trust, private=private or None)


# --- stores ----------------------------------------------------------------------


def put_tree(store: Store, files: Mapping[str, bytes], modes: Mapping[str, str]) -> str:
    """Write files as Git trees, with whatever modes; return the root's id."""
    blobs = {path: store.objects.write("blob", data) for path, data in files.items()}

    def tree(prefix: str) -> str:
        inside = [path.removeprefix(prefix) for path in blobs if path.startswith(prefix)]
        entries: dict[bytes, bytes] = {}
        for name in sorted({path.partition("/")[0] for path in inside}):
            whole = prefix + name
            if whole in blobs:
                mode, oid = modes.get(whole, MODE.decode()).encode(), blobs[whole]
                entries[name.encode()] = mode + b" " + name.encode() + b"\0" + bytes.fromhex(oid)
            else:
                oid = tree(f"{whole}/")
                line = FOLDER_MODE + b" " + name.encode() + b"\0" + bytes.fromhex(oid)
                entries[name.encode() + b"/"] = line  # as Git sorts it
        return store.objects.write("tree", b"".join(entries[key] for key in sorted(entries)))

    return tree("")


def put_packet(
    store: Store, files: Mapping[str, bytes], modes: Mapping[str, str], *, empty: str = ""
) -> str:
    """Write a packet commit; ``empty`` names a folder whose files are left out."""
    kept = {
        path: data
        for path, data in files.items()
        if not path.startswith(("ledger/", "private/", empty or "/"))
    }
    top = put_tree(store, kept, modes)
    if empty:
        body = store.objects.read_as("tree", top)
        none = bytes.fromhex(store.objects.write("tree", b""))
        name = empty.rstrip("/").encode()
        top = store.objects.write("tree", body + FOLDER_MODE + b" " + name + b"\0" + none)
    return put_commit(store, top)


def put_commit(store: Store, tree: str, parents: tuple[str, ...] = ()) -> str:
    body = commit_body(
        store.object_format,
        tree,
        parents,
        signer=None,
        author=AUTHOR,
        time=NOW,
        message="Not signed\n",
    )
    return store.objects.write("commit", body)


def put_ledger(store: Store, records: Mapping[str, bytes]) -> None:
    """Write a ledger of one commit, with the head and the frontier of its records."""
    tip = Tip()
    for index in range(len(records)):
        raw = records[f"records/{index}.cbor"]
        tip = tip.after(raw, decode_record(raw).time)
    said = {"frontier.cbor": tip.frontier_bytes, "head": tip.head.encode()}
    commit = put_commit(store, put_tree(store, {**records, **said}, {}))
    store.objects.flush()
    store.refs.swap(DEFAULT_REF, old=None, new=commit)


def statement_of(files: Mapping[str, bytes]) -> Statement:
    return Statement.decode(files["seal/statement.cbor"])


def put_on_shelf(store: Store, made: Mapping[str, Any]) -> str:
    """Put a described packet on the shelf; return its commit."""
    files = files_of(made["vector"])
    empty = made.get("without", "")
    commit = put_packet(store, files, made.get("modes", {}), empty=empty)
    statement = statement_of(files_of(made.get("shelved_as", made["vector"])))
    shelve(
        store,
        commit,
        packet_tree=statement.subject,
        packet_id=statement.packet_id,
        author=AUTHOR,
        time=NOW,
    )
    return commit


def build_store(made: Mapping[str, Any], folder: Path, object_format: str = "sha256") -> Store:
    """Build the store that a ``store.json`` describes."""
    store = create_store(folder, object_format=object_format)
    for row in made["packets"]:
        put_on_shelf(store, row)
    if made["records"]:
        records = below(files_of(made["records"]), "ledger")
        for raw in made.get("more_records", []):
            records[f"records/{len(records)}.cbor"] = b64decode(raw)
        put_ledger(store, records)
    for ref, files in made["refs"].items():
        data = {path: text.encode() for path, text in files.items()}
        commit = put_commit(store, put_tree(store, data, {}))
        store.objects.flush()
        store.refs.swap(ref, old=None, new=commit)
    return store


def findings_of_store(store: Store, root: str) -> tuple[str, list[Finding]]:
    """Verify a whole store against a trust root; return integrity and all findings."""
    found = verify_all(store, Trust(root=Digest.parse(root), source="the vector"), lineage=True)
    each = [finding for verdict in found.packets for finding in verdict.report.findings]
    return found.integrity.value, [*found.report.findings, *each, *found.voids]


def packets(choose: Callable[[PacketVector], bool] = lambda _: True) -> Iterator[str]:
    """Yield the names of the packet vectors that ``choose`` takes."""
    return (name for name in NAMES["packet"] if choose(PacketVector.read(name)))
