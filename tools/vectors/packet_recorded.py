"""Vectors of a packet held against the ledger that came along with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from greenlight.codes import Code
from greenlight.model.doubled import SealDoubled
from greenlight.model.entry import Body, decode_entry, sign_entry
from greenlight.model.grant import Grant
from greenlight.model.kinds import PacketSealed, RunOpened
from greenlight.model.record import decode_record
from greenlight.model.seal import STATEMENT
from greenlight.model.statement import Statement
from greenlight.model.trust import KeyRoles, Revocation, Role, TrustRoot
from greenlight.model.trust_signing import add_signature
from greenlight.primitives.digest import Digest
from greenlight.verify.ledger import Tip
from tools.vectors.good import NOW, SIGNER, STRANGER, good
from tools.vectors.halves import KnownHalf, both
from tools.vectors.kit import LANE, Folder, packet

UUID = "00000000-0000-4000-8000-00000000f00d"
OTHER = "sha256:" + "5" * 64
ROOT, GRANT, OPENED, SEALED = range(4)  # indexes of the good ledger's first records


def entry(index: int) -> bytes:
    """Return an entry of the good ledger."""
    return decode_record(good()[LANE].files[f"ledger/records/{index}.cbor"]).entry


def body_of(index: int) -> dict[str, object]:
    """Return the body of an entry of the good ledger."""
    return dict(decode_entry(entry(index)).body)


def signed(body: Body) -> bytes:
    """Return an entry with a UUID of its own."""
    return sign_entry(body, uuid=UUID, signer=SIGNER)


def recorded(folder: Folder, entries: Iterable[bytes]) -> None:
    """Let the folder bring a ledger along that holds these entries."""
    for path in [path for path in folder.files if path.startswith("ledger/")]:
        del folder.files[path]
    tip = Tip()
    for index, entry in enumerate(entries):
        raw, tip = tip.place(entry, NOW)
        folder.files[f"ledger/records/{index}.cbor"] = raw
    folder.root = str(tip.head.pin)


@packet(Code.TRUST_ROOT_MISMATCH)
def a_ledger_of_somebody_else(folder: Folder) -> None:
    """The ledger that came along does not begin with the trust root that was given."""
    folder.root = OTHER


@packet(Code.LEDGER_INDEX)
def a_record_under_another_name(folder: Folder) -> None:
    """A record lies in the folder under an index that is not its own."""
    folder.files["ledger/records/7.cbor"] = folder.files.pop("ledger/records/3.cbor")
    folder.root = good()[LANE].root


@packet(Code.PACKET_NOT_RECORDED)
def not_in_the_ledger(folder: Folder) -> None:
    """The seal is by a trusted key, and the ledger does not know the packet."""
    recorded(folder, [entry(ROOT), entry(GRANT), entry(OPENED)])


@packet(Code.PACKET_NOT_RECORDED)
def sealed_once_more(folder: Folder) -> None:
    """The same tree under another statement: the ledger has the digest of the first."""
    folder.seal(time="2026-01-02T03:04:06Z")
    folder.root = good()[LANE].root


@packet(Code.PACKET_CONFLICT)
def a_claim_that_was_taken(folder: Folder) -> None:
    """Another packet of the same id was recorded first."""
    body = PacketSealed.from_body(body_of(SEALED))
    first = signed(replace(body, packet_tree=OTHER))
    recorded(folder, [entry(ROOT), entry(GRANT), entry(OPENED), first, entry(SEALED)])


@packet(Code.RUN_NOT_OPENED)
def sealed_as_if_from_outside(folder: Folder) -> None:
    """No run was opened: the ledger calls it evidence made elsewhere, so no grant was used."""
    body = PacketSealed.from_body(body_of(SEALED))
    outside = signed(replace(body, mode="none", status="NOT_EXECUTED"))
    recorded(folder, [entry(ROOT), entry(GRANT), outside])


@packet(Code.AUTHORITY_MISMATCH)
def a_grant_of_fewer_uses(folder: Folder) -> None:
    """The authority lock says a thousand uses, the grant in the ledger says one."""
    narrow = signed(replace(Grant.from_body(body_of(GRANT)), max_uses=1))
    recorded(folder, [entry(ROOT), narrow, entry(OPENED), entry(SEALED)])


@packet(Code.LANE_DIFFERS)
def a_run_of_another_lane(folder: Folder) -> None:
    """The run was opened for other lane bytes than the packet has."""
    opened = replace(RunOpened.from_body(body_of(OPENED)), lane_digest=OTHER)
    recorded(folder, [entry(ROOT), entry(GRANT), signed(opened), entry(SEALED)])


# --- both halves of a key, and keys that were revoked


def _next(previous: bytes, version: int, *keys: KeyRoles, **more: object) -> TrustRoot:
    values: dict[str, object] = {
        "version": version,
        "keys": tuple(sorted(keys, key=lambda item: item.key)),
        "threshold": 1,
        "expires": "",
        "format": 2,
        "follows": str(Digest.of(previous)),
    }
    return TrustRoot(**(values | more))  # type: ignore[arg-type]  # values are what it takes


def _demanding() -> bytes:
    """Return the entry of a trust root that demands both halves of the executor's key."""
    half = KnownHalf(SIGNER.seed).public
    key = KeyRoles.of(SIGNER.public, Role.OWNER, Role.EXECUTOR, half=half)
    body = add_signature(_next(entry(ROOT), 2, key, hybrid=True), both(SIGNER))
    return signed(body)


def _doubled(statement: bytes) -> bytes:
    body = SealDoubled.make(statement, KnownHalf(SIGNER.seed))
    return sign_entry(body, uuid=UUID.replace("f00d", "f00e"), signer=SIGNER)


@packet(Code.SEAL_HYBRID_MISSING)
def sealed_by_one_half(folder: Folder) -> None:
    """The trust root demanded both halves of keys, and the packet is signed by Ed25519 alone."""
    entries = [entry(ROOT), entry(GRANT), entry(OPENED), _demanding(), entry(SEALED)]
    recorded(folder, entries)


@packet(Code.SEAL_HYBRID_INVALID)
def a_second_seal_of_another_statement(folder: Folder) -> None:
    """The post-quantum signature is the executor's, over a statement with another time."""
    said = Statement.decode(folder.files[f"seal/{STATEMENT}"])
    other = _doubled(replace(said, time="2026-01-02T03:04:06Z").encode())
    entries = [entry(ROOT), entry(GRANT), entry(OPENED), _demanding(), entry(SEALED), other]
    recorded(folder, entries)


@packet(None, integrity="INTACT")
def both_halves(folder: Folder) -> None:
    """The trust root demanded both halves of keys, and both signed the statement."""
    second = _doubled(folder.files[f"seal/{STATEMENT}"])
    entries = [entry(ROOT), entry(GRANT), entry(OPENED), _demanding(), entry(SEALED), second]
    recorded(folder, entries)


@packet(Code.SIGNER_REVOKED)
def by_a_key_that_was_stolen_before(folder: Folder) -> None:
    """A later trust root revokes the executor's key from the packet's record on."""
    owners = [
        KeyRoles.of(SIGNER.public, Role.OWNER, Role.EXECUTOR),
        KeyRoles.of(STRANGER.public, Role.OWNER),
    ]
    second = signed(_next(entry(ROOT), 2, *owners))
    lost = Revocation(SIGNER.public.uri, SEALED, "The runner was broken into.")
    third = _next(second, 3, owners[1], revoked=(lost,))
    last = sign_entry(third, uuid=UUID, signer=STRANGER)
    recorded(folder, [*map(entry, (ROOT, GRANT, OPENED, SEALED)), second, last])
