"""Whether a checkpoint vouches for a ledger.  Pure: bytes, keys and numbers in, findings out.

1. it is a note whose text is a head;
2. its origin is the ledger's;
3. one of the log keys signed it; a line under a log key's name and id that does not
   verify is a forgery and not a stranger;
4. as many witnesses as are asked for cosigned it, each counted once by its key;
5. it is not older than is allowed, by the earliest of the cosignatures that count;
6. the ledger has so many records, and its root at that size is the checkpoint's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from greenlight.codes import Code
from greenlight.model.checkpoint import Checkpoint, log_key, witness_key
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.note import is_by, signed_at, verifies

_WHERE = "checkpoint"


@dataclass(frozen=True, slots=True)
class Vouching:
    """Whose word counts, and how much of it is asked.

    Attributes:
        origin: Of the ledger.
        logs: Log keys.
        witnesses: Witness keys.
        quorum: How many distinct witnesses must have cosigned.
        not_before: Seconds since 1970: cosignatures that are older do not count; none where None.
    """

    origin: str
    logs: tuple[PublicKey, ...]
    witnesses: tuple[PublicKey, ...] = ()
    quorum: int = 0
    not_before: int | None = None


def check_signatures(checkpoint: Checkpoint, vouching: Vouching) -> tuple[Finding, ...]:
    """Say what is wrong with a checkpoint by itself: steps 2 to 5."""
    return tuple(_signatures(checkpoint, vouching))


def _signatures(checkpoint: Checkpoint, vouching: Vouching) -> Iterator[Finding]:
    head = checkpoint.head
    if head.origin != vouching.origin:
        yield Finding(Code.CHECKPOINT_ORIGIN, _WHERE, vouching.origin, head.origin)
    signed, forged = _by_logs(checkpoint, vouching.logs)
    if forged:
        yield Finding(
            Code.CHECKPOINT_SIGNATURE, _WHERE, "signatures of log keys that verify", forged
        )
    if not signed:
        found = ", ".join(each.name for each in checkpoint.note.signatures)
        yield Finding(Code.CHECKPOINT_UNSIGNED, _WHERE, "a signature of a log key", found)
    counted = set(cosigners(checkpoint, vouching.witnesses, vouching.not_before))
    if len(counted) < vouching.quorum:
        every = set(cosigners(checkpoint, vouching.witnesses, None))
        code = Code.CHECKPOINT_WITNESSES
        if len(every) >= vouching.quorum:
            code = Code.CHECKPOINT_STALE
        expected = f"{vouching.quorum} witnesses"
        yield Finding(code, _WHERE, expected, f"{len(counted)} of {len(every)} count")


def _by_logs(checkpoint: Checkpoint, keys: Iterable[PublicKey]) -> tuple[bool, str]:
    signed, forged = False, ""
    for key in (log_key(checkpoint.head.origin, each) for each in keys):
        for signature in checkpoint.note.signatures:
            if is_by(signature, key):
                good = verifies(signature, key, checkpoint.note.text)
                signed, forged = signed or good, forged if good else signature.line.strip()
    return signed, forged


def cosigners(
    checkpoint: Checkpoint, keys: Iterable[PublicKey], not_before: int | None
) -> Iterator[PublicKey]:
    """Yield the witnesses whose cosignature verifies and is not too old."""
    for key in keys:
        named = witness_key(key)
        for signature in checkpoint.note.signatures:
            seconds = signed_at(signature)
            young = not_before is None or (seconds is not None and seconds >= not_before)
            if young and verifies(signature, named, checkpoint.note.text):
                yield key
                break


def check_contained(
    head: Head, size: int, root_at: Callable[[int], bytes], *, where: str = _WHERE
) -> tuple[Finding, ...]:
    """Say whether a ledger of ``size`` records contains a head: step 6.

    Args:
        head: What was signed or seen.
        size: Records of the ledger.
        root_at: Its root at any size up to that.
        where: What the finding is about.
    """
    if head.size > size:
        found = f"{size} records"
        return (Finding(Code.CHECKPOINT_SIZE, where, f"{head.size} records", found),)
    root = root_at(head.size)
    if root != head.root:
        said = f"size {head.size} root {head.root.hex()}"
        return (Finding(Code.CHECKPOINT_ROOT, where, said, f"root {root.hex()}"),)
    return ()
