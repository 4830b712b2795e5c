"""Whose signature under a baseline counts: read from files, bytes, or the store's trust root."""

from __future__ import annotations

from pathlib import Path

from greenlight.errors import MalformedError
from greenlight.ledger.pin import read_pin
from greenlight.model.finding import Report
from greenlight.model.trust import TrustRoot
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.limits import MAX_ALLOWED_SIGNERS_BYTES
from greenlight.primitives.openssh import parse_public
from greenlight.primitives.text import escape
from greenlight.services.gpg import MAX_KEYRING_BYTES
from greenlight.services.packets import ledger_of
from greenlight.services.reading import read_bounded
from greenlight.store.repository import Store


def root_in_force(store: Store, digest: Digest | None) -> TrustRoot | None:
    """Return the trust root in force of a store's ledger; None where nothing says which counts.

    Args:
        store: The store.
        digest: Of the trust root that was given; None for the one that is pinned.

    Raises:
        RejectedError: The ledger is broken, or begins with another trust root.
        StoreError: It cannot be read.
    """
    if digest is None and read_pin(store) is None:
        return None
    ledger = ledger_of(store, digest)
    Report.of(ledger.findings).require()
    return ledger.state.trust


def read_keyring(path: Path) -> bytes:
    """Read a file of GPG keys, as ``gpg --export`` writes it.

    Raises:
        StoreError: FILE_UNREADABLE.
    """
    return read_bounded(path, MAX_KEYRING_BYTES)


def read_revoked(path: Path) -> frozenset[PublicKey]:
    """Read a file of revoked keys: one OpenSSH line each, as ``ssh-keygen -Y verify -r`` reads it.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE, with the line: a key that is not read is not revoked.
    """
    found = set()
    text = read_bounded(path, MAX_ALLOWED_SIGNERS_BYTES).decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.add(parse_public(line.strip())[0])
            except MalformedError as error:
                raise MalformedError(
                    error.code, f"{escape(str(path))}: line {number}: {error}"
                ) from error
    return frozenset(found)
