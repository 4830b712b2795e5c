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

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import differences, name_of, to_document
from greenlight.model.documents import Header
from greenlight.model.finding import Finding
from greenlight.model.lane import Prior
from greenlight.model.packet import (
    ARTIFACTS,
    EXECUTED,
    HEADER,
    MANIFEST,
    REPORT,
    RERUN,
    SEALED_ONLY,
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
from greenlight.verify.claims import verify_admissible, verify_applied, verify_consistency
from greenlight.verify.derive.external import derive_external_header
from greenlight.verify.derive.packet import Derived, derive_packet
from greenlight.verify.derive.report import render_report
from greenlight.verify.documents import Parsed, evidence_of, parse_documents, parse_one
from greenlight.verify.seal import verify_seal


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
        findings += _external(packet, statement)
    else:
        parsed = parse_documents(packet.texts)
        findings += parsed.findings  # (6)
        findings += _statement_header(statement, parsed.get(Header))  # (7)
        derived, wrong = _executed(packet, parsed, statement, published)  # (8) (9) (10)
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
    for path in sorted(packet.files):
        if path not in wanted and not path.startswith(ARTIFACTS):
            yield Finding(Code.DOCUMENT_EXTRA, escape(path), "no such file", "a file")


def _statement_header(
    statement: Statement | None, header: Header | None
) -> Iterator[Finding]:  # (7)
    if statement is None or header is None:
        return
    pairs = (
        ("packet_id", statement.packet_id, header.packet_id),
        ("run_id", statement.run_id, header.run_id),
        ("lane", statement.lane, header.lane),
        ("mode", statement.mode.value, header.mode.value),
        ("status", statement.status.value, header.status.value),
        ("sealed_at", statement.time, header.sealed_at),
        ("executor", statement.executor, header.executor),
    )
    for name, said, found in pairs:
        if said != found:
            yield Finding(Code.STATEMENT_HEADER_MISMATCH, f"{HEADER}#/{name}", said, found)


def _external(packet: Packet, statement: Statement | None) -> Iterator[Finding]:
    data = packet.texts.get(HEADER)
    if data is None:
        return
    header, wrong = parse_one(Header, data)
    yield from wrong
    yield from _statement_header(statement, header)
    if header is not None:
        yield from _compare(HEADER, derive_external_header(header), header)


def _executed(
    packet: Packet, parsed: Parsed, statement: Statement | None, published: Published
) -> tuple[Derived | None, list[Finding]]:
    evidence = evidence_of(parsed, packet.texts, published.frozen)
    if evidence is None:
        return None, []  # a finding of step (6) says what is missing or unreadable
    findings = verify_admissible(evidence.lane)
    if findings:
        # No run was ever opened with such a lane, and no time is spent on what it says.
        return None, findings
    derived = derive_packet(evidence)
    findings = verify_consistency(evidence, derived, packet.files)  # (8)
    findings += _lineage(evidence.lane.lineage, statement)
    for document in derived.documents.values():  # (9)
        found = parsed.documents.get(type(document))
        if found is not None:
            findings += _compare(name_of(type(document)), document, found)
    report = render_report(derived)
    if packet.texts.get(REPORT) not in (None, report):
        found_text = _first_difference(report, packet.texts[REPORT])
        findings.append(Finding(Code.REPORT_DIFFERS, REPORT, *found_text))
    findings += verify_applied(evidence, derived)  # (10)
    return derived, findings


def _lineage(priors: tuple[Prior, ...], statement: Statement | None) -> Iterator[Finding]:
    if statement is None:
        return
    wanted = sorted(prior.packet_tree.removeprefix("sha256:") for prior in priors)
    found = list(statement.lineage)
    if wanted != found:
        where = "seal/statement.cbor"
        shown = (", ".join(wanted) or "none", ", ".join(found) or "none")
        yield Finding(Code.LINEAGE_DIFFERS, where, *shown)


def _compare(path: str, wanted: object, found: object) -> Iterator[Finding]:
    """Compare a document with what it must be; both are values, so bytes agree when they do."""
    if wanted == found:
        return
    for problem in differences(to_document(wanted), to_document(found)):
        where = f"{path}#{problem.pointer}"
        yield Finding(Code.DERIVED_DIFFERS, where, problem.expected, problem.found)


def _first_difference(wanted: bytes, found: bytes) -> tuple[str, str]:
    """Return the first line in which two texts differ, from both."""
    left, right = wanted.split(b"\n"), found.split(b"\n")
    for number, (one, other) in enumerate(zip(left, right, strict=False), start=1):
        if one != other:
            shown = (escape(text.decode("utf-8", "backslashreplace")) for text in (one, other))
            first, second = (f"line {number}: {text}" for text in shown)
            return first, second
    return f"{len(left)} lines", f"{len(right)} lines"
