"""Verify one packet.  Pure: its files and seal in, everything that is wrong out.

The steps, as docs/spec/verification.md numbers them:

(1) paths: each one allowed, none that folds to another, limits kept;
(2) manifest: names all files but itself, each with its SHA-256;
(3) seal: its four files, the statement's spelling, the COSE profile, one key, the signature;
(4) identity: the bytes give the tree and the counts that the statement names;
(5) the script: RERUN.sh is the published one, so a packet cannot bring its own;
(6) documents: all that the status asks for, none besides, each in its one spelling and type;
(7) statement and header say the same;
(8) the documents agree with each other, and every artifact is what they say of it;
(9) derived documents are computed again and compared byte for byte, the report too;
(10) a packet that says APPLIED carries what that takes.

Who signed, whether that key was allowed to, and what the ledger says stand in
``verify.signer`` and ``verify.recorded``: they need trust that no packet can bring.
Steps 6 to 10 are left out for a document only where a finding says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.finding import Finding
from greenlight.model.packet import (
    ARTIFACTS,
    ATTEMPTS,
    EXCHANGES,
    EXECUTED,
    MANIFEST,
    RERUN,
    SEALED_ONLY,
    STATES,
    Packet,
)
from greenlight.model.statement import Statement
from greenlight.model.words import Status
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.limits import MAX_PACKET_BYTES, MAX_PACKET_FILES
from greenlight.primitives.manifest import parse_manifest
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.primitives.text import escape
from greenlight.verify.external import verify_external
from greenlight.verify.seal import verify_seal

if TYPE_CHECKING:
    from greenlight.verify.derive.packet import Derived  # see verify_packet


@dataclass(frozen=True, slots=True)
class Published:
    """What greenlight publishes for a format version, and a packet cannot choose.

    Attributes:
        rerun: The bytes of ``RERUN.sh``.
        frozen: The bytes of the frozen rollback proof that the gate must pass.
    """

    rerun: bytes
    frozen: bytes


@dataclass(frozen=True, slots=True)
class PacketVerdict:
    """What the bytes of one packet say.

    Attributes:
        statement: The statement, where it could be read.
        signer: The key that the packet says it was signed with, where it could be read.
        derived: What the evidence of an executed packet gives, where it is complete.
        findings: Everything that is wrong, in the order of the steps.
    """

    statement: Statement | None
    signer: PublicKey | None
    derived: Derived | None
    findings: tuple[Finding, ...]


def verify_packet(packet: Packet, published: Published) -> PacketVerdict:
    """Check a packet's bytes, seal and documents against each other."""
    findings = [*_paths(packet), *_manifest(packet)]  # (1) (2)
    statement, signer, wrong = verify_seal(packet.seal)  # (3)
    findings += wrong
    if statement is not None:
        findings += _identity(packet, statement)  # (4)
    if packet.texts.get(RERUN) not in (None, published.rerun):  # (5)
        wanted, found = (str(Digest.of(text)) for text in (published.rerun, packet.texts[RERUN]))
        findings.append(Finding(Code.RERUN_SCRIPT_DIFFERS, RERUN, wanted, found))
    # The signed statement says which documents there must be: a packet that lost some
    # cannot pass for one that never had them.
    outside = statement is not None and statement.status is Status.NOT_EXECUTED
    findings += _presence(packet, SEALED_ONLY if outside else EXECUTED)  # (6)
    derived = None
    if outside:
        findings += verify_external(packet, statement)  # (6) (7)
    else:
        # Loaded here: seventy types that a packet sealed from outside has no use for.
        from greenlight.verify.executed import verify_executed  # noqa: PLC0415

        derived, wrong = verify_executed(packet, statement, published.frozen)  # (6) to (10)
        findings += wrong
    return PacketVerdict(statement, signer, derived, tuple(findings))


def _paths(packet: Packet) -> Iterator[Finding]:  # (1)
    yield from packet.refused
    for path in sorted(packet.files):
        if (problem := path_problem(path)) is not None:
            yield Finding(
                problem, escape(path), "a path that every file system can hold", problem.meaning
            )
    for one, other in collisions(packet.files):
        yield Finding(Code.PATH_COLLISION, escape(one), "paths that stay two", escape(other))
    if len(packet.files) > MAX_PACKET_FILES:
        found = str(len(packet.files))
        yield Finding(Code.LIMIT_EXCEEDED, "packet/", f"{MAX_PACKET_FILES} files", found)
    if packet.byte_count > MAX_PACKET_BYTES:
        found = str(packet.byte_count)
        yield Finding(Code.LIMIT_EXCEEDED, "packet/", f"{MAX_PACKET_BYTES} bytes", found)


def _manifest(packet: Packet) -> Iterator[Finding]:  # (2)
    data = packet.texts.get(MANIFEST)
    if data is None:
        yield Finding(Code.MANIFEST_MISSING, MANIFEST, "a manifest", "none")
        return
    try:
        listed = parse_manifest(data)
    except MalformedError as error:
        found = escape(str(error))
        yield Finding(Code.MANIFEST_MALFORMED, MANIFEST, "a manifest in its one spelling", found)
        return
    files = {path: fact.sha256 for path, fact in packet.files.items() if path != MANIFEST}
    for path in sorted(listed.keys() | files.keys()):
        wanted, found_digest = listed.get(path), files.get(path)
        if found_digest is None:
            yield Finding(Code.MANIFEST_FILE_MISSING, escape(path), "a file", "none")
        elif wanted is None:
            yield Finding(Code.MANIFEST_FILE_EXTRA, escape(path), "no such file", "a file")
        elif wanted != found_digest:
            code = Code.MANIFEST_DIGEST_MISMATCH
            yield Finding(code, escape(path), wanted.hex(), found_digest.hex())


def _identity(packet: Packet, statement: Statement) -> Iterator[Finding]:  # (4)
    where = "seal/statement.cbor"
    try:
        tree = packet.tree
    except MalformedError as error:
        yield Finding(Code.TREE_MISMATCH, where, statement.subject, escape(str(error)))
    else:
        if tree != statement.subject:
            yield Finding(Code.TREE_MISMATCH, where, statement.subject, tree)
    counts = (
        ("files", statement.file_count, len(packet.files)),
        ("bytes", statement.byte_count, packet.byte_count),
    )
    for name, said, found in counts:
        if said != found:
            code = Code.STATEMENT_COUNT_MISMATCH
            yield Finding(code, where, f"{found} {name}", f"{said} {name}")


def _presence(packet: Packet, wanted: frozenset[str]) -> Iterator[Finding]:  # (6)
    for path in sorted(wanted - packet.files.keys() - {MANIFEST}):
        code = (
            Code.ROLLBACK_PROOF_MISSING if path == "rollback-proof.json" else Code.DOCUMENT_MISSING
        )
        yield Finding(code, path, "a document", "none")
    optional = {ATTEMPTS, EXCHANGES, STATES} if wanted is EXECUTED else set()
    for path in sorted(packet.files):
        if path not in wanted | optional and not path.startswith(ARTIFACTS):
            yield Finding(Code.DOCUMENT_EXTRA, escape(path), "no such file", "a file")
