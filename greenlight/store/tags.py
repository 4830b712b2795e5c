"""Annotated tags that ``git verify-tag`` reads: signed as Git signs them, made once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from greenlight.primitives import sshsig
from greenlight.primitives.ed25519 import Signer
from greenlight.store.repository import Store

PREFIX: Final = "refs/tags/"
BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"  # where Git cuts the message from the signature
_NAMESPACE: Final = "git"


def encode_tag(  # noqa: PLR0913 - the fields of a tag
    *, target: str, name: str, tagger: str, time: datetime, message: str, signer: Signer
) -> bytes:
    """Return the body of a tag on a commit, with its SSH signature behind the message.

    Args:
        target: Object id of the commit.
        name: Below ``refs/tags/``.
        tagger: ``Name <address>``.
        time: Cut to seconds, written in UTC.
        message: Text; holds no line that begins a signature.
        signer: Signs everything before the signature (namespace ``git``).
    """
    stamp = f"{tagger} {int(time.astimezone(UTC).timestamp())} +0000"
    head = f"object {target}\ntype commit\ntag {name}\ntagger {stamp}\n\n"
    body = (head + message.rstrip("\n") + "\n").encode("utf-8")
    return body + sshsig.sign(body, signer, _NAMESPACE).encode("ascii")


def write_tag(store: Store, name: str, body: bytes) -> str:
    """Write a tag and its ref, which must not be there; return its object id.

    Raises:
        UsageError: The name is none.
        ConflictError: There is such a tag.
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    oid = store.objects.write("tag", body)
    store.objects.flush()
    store.refs.swap(f"{PREFIX}{name}", old=None, new=oid)
    return oid
