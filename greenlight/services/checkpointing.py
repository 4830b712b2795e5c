"""Checkpoints of a ledger: sign one, append it; cosign one as a witness; hold one against a ledger.

A witness keeps the last checkpoint it cosigned of each ledger, and cosigns only what goes on
from that: a smaller one is a rollback, another root a fork.  Both ends are then kept beside it,
and nothing is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.ledger.read import Ledger
from greenlight.model.checkpoint import Checkpoint, CheckpointSigned, keys_with
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.model.state import LedgerState
from greenlight.model.trust import Role
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_NOTE_BYTES
from greenlight.primitives.merkleproof import consistency_proof, is_consistent, root_at
from greenlight.primitives.text import escape
from greenlight.services.packets import ledger_of
from greenlight.services.reading import read_bounded
from greenlight.services.saying import refresh, say
from greenlight.store.durable import locked, make_directories, replace_file, sync_directory
from greenlight.store.repository import Store
from greenlight.verify.checkpoint import Vouching, check_contained, check_signatures

SEEN: Final = "witness"  # the folder, below the store's own, of what a witness here has seen


@dataclass(frozen=True, slots=True)
class Made:
    """A checkpoint that was made.

    Attributes:
        checkpoint: The note, signed.
        record: Index of the record that brought it into the ledger.
    """

    checkpoint: Checkpoint
    record: int


def make_checkpoint(store: Store, signer: Signer, *, clock: Callable[[], datetime]) -> Made:
    """Sign the ledger as it is, and append that.

    Raises:
        RefusedError: TRUST_REFUSED: the key is no log key; RECORD_UNKNOWN: there is no ledger.
        RejectedError: The ledger is broken: nobody vouches for that.
        StoreError: The store or the remote does not serve.
    """
    refresh(store)
    ledger = ledger_of(store, fully=False)
    ledger.require()
    if not ledger.head.size:
        raise RefusedError(Code.RECORD_UNKNOWN, "there is no ledger to vouch for yet")
    trust = ledger.state.trust
    if trust is None or signer.public not in keys_with(trust, Role.LOG):
        raise RefusedError(
            Code.TRUST_REFUSED,
            "this key is no log key of the trust root",
            hint="an owner lets it in: greenlight trust add KEY.pub --role log",
        )
    checkpoint = Checkpoint.sign(ledger.head, signer)
    body = CheckpointSigned(checkpoint=checkpoint.encode().decode("utf-8"))
    told = say(store, signer, lambda _state, _now: [body], clock=clock)
    return Made(checkpoint, told.indexes[0])


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint from a file.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: NOTE_MALFORMED, CHECKPOINT_MALFORMED.
    """
    try:
        return Checkpoint.decode(read_bounded(path, MAX_NOTE_BYTES))
    except MalformedError as error:
        raise MalformedError(error.code, f"{escape(str(path))}: {error}") from error


def vouching_of(
    ledger: Ledger, *, quorum: int | None = None, not_before: int | None = None
) -> Vouching:
    """Return whose word counts for a ledger: the log keys and witnesses of its trust root."""
    trust = ledger.state.trust
    if trust is None:
        return Vouching(ledger.head.origin, ())
    return Vouching(
        ledger.head.origin,
        keys_with(trust, Role.LOG),
        keys_with(trust, Role.WITNESS),
        quorum or 0,
        not_before,
    )


def check_against(
    ledger: Ledger, checkpoint: Checkpoint, vouching: Vouching
) -> tuple[Finding, ...]:
    """Say what is wrong with a checkpoint, by itself and against the ledger here."""
    found = check_signatures(checkpoint, vouching)
    if checkpoint.head.origin != ledger.head.origin:
        return found
    return found + check_contained(checkpoint.head, ledger.head.size, root_of(ledger))


def root_of(ledger: Ledger) -> Callable[[int], bytes]:
    """Return what gives the root of a ledger at any size up to its own."""
    return lambda size: root_at(size, ledger.hashes.subtree)


# --- witnesses


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that a witness cosigned.

    Attributes:
        checkpoint: With the new cosignature.
        before: The head that this witness had seen, or None.
    """

    checkpoint: Checkpoint
    before: Head | None


def cosign(
    store: Store,
    signer: Signer,
    checkpoint: Checkpoint,
    *,
    folder: Path | None = None,
    clock: Callable[[], datetime],
) -> Cosigned:
    """Cosign a checkpoint, where it goes on from the last one seen.

    Args:
        store: Holds the ledger that the consistency proof is made from, and its trust root.
        signer: The witness's key.
        checkpoint: Signed by a log key.
        folder: Where the witness keeps what it has seen; the store's own where None.
        clock: The time of this machine.

    Raises:
        RefusedError: WITNESS_ROLLBACK, WITNESS_FORK: nothing is signed, both ends are kept;
            CHECKPOINT_UNSIGNED and its kin; CHECKPOINT_ROOT, CHECKPOINT_SIZE;
            TRUST_REFUSED: the key is no witness of the trust root.
        RejectedError: The ledger is broken.
        StoreError: The witness's memory cannot be read or written: then nothing is signed.
    """
    refresh(store, needed=False)  # a witness may be offline: what is here then decides
    ledger = ledger_of(store)
    ledger.require()
    trust = ledger.state.trust
    if trust is None or signer.public not in keys_with(trust, Role.WITNESS):
        raise RefusedError(
            Code.TRUST_REFUSED,
            "this key is no witness of the trust root",
            hint="an owner lets it in: greenlight trust add KEY.pub --role witness",
        )
    found = check_signatures(checkpoint, vouching_of(ledger))
    _require(found)
    place = (folder or store.own_dir / SEEN) / f"{_name(ledger.head.origin, signer)}.checkpoint"
    for made in make_directories(place.parent):
        sync_directory(made)
    with locked(place.with_suffix(".lock")):
        seen = _seen(place)
        if seen is not None:
            _require_goes_on(seen, checkpoint, ledger, place)
        _require(check_contained(checkpoint.head, ledger.head.size, root_of(ledger)))
        signed = checkpoint.cosigned(signer, int(clock().timestamp()))
        # Before it is handed out: a witness that forgets what it signed signs a fork next.
        replace_file(place, signed.encode())
    return Cosigned(signed, seen.head if seen else None)


def _name(origin: str, signer: Signer) -> str:
    said = f"{origin} {signer.public.uri}".encode()
    return hashlib.sha256(said).hexdigest()[:40]


def _seen(place: Path) -> Checkpoint | None:
    try:
        data = place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(Code.IO_FAILED, f"cannot read {place}: {error.strerror}") from error
    try:
        return Checkpoint.decode(data)
    except MalformedError as error:
        raise StoreError(
            Code.STORE_DAMAGED,
            f"{place} is damaged: {error}",
            hint="what this witness has seen is lost; a new witness key begins anew",
        ) from error


def _require_goes_on(seen: Checkpoint, checkpoint: Checkpoint, ledger: Ledger, place: Path) -> None:
    """Refuse what does not go on from what was seen (C2SP tlog-witness)."""
    old, new = seen.head, checkpoint.head
    if new.size < old.size:
        _keep_both(place, seen, checkpoint)
        raise RefusedError(
            Code.WITNESS_ROLLBACK,
            f"a checkpoint of {new.size} records, and one of {old.size} was seen",
        )
    goes_on = old.root == new.root
    if new.size > old.size:
        # The proof is made from the ledger here, and checked like anybody's.
        proof: tuple[bytes, ...] = ()
        if new.size <= ledger.head.size:
            proof = consistency_proof(old.size, new.size, ledger.hashes.subtree)
        goes_on = is_consistent(old.size, new.size, proof, old.root, new.root)
    if not goes_on:
        _keep_both(place, seen, checkpoint)
        raise RefusedError(
            Code.WITNESS_FORK,
            f"size {new.size} root {new.root.hex()} does not go on from size {old.size}"
            f" root {old.root.hex()}, which was seen",
        )


def _keep_both(place: Path, seen: Checkpoint, found: Checkpoint) -> None:
    """Keep both ends: two signed checkpoints that cannot both be true are a proof."""
    for word, each in (("seen", seen), ("found", found)):
        digest = hashlib.sha256(each.encode()).hexdigest()[:16]
        replace_file(place.with_name(f"{place.stem}.{word}-{digest}"), each.encode())


def _require(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        raise RefusedError(
            finding.code,
            f"{finding.where}: expected {finding.expected}, found {finding.found}",
            codes=tuple(each.code for each in findings),
        )


def checkpoints_in(state: LedgerState) -> list[tuple[int, Checkpoint]]:
    """Return the checkpoints that a ledger has of itself, with their records, oldest first."""
    return [(index, said.body.decoded) for index, said in sorted(state.checkpoints.items())]
