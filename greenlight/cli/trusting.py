"""Whom the user trusts: options first, then the store's pin, then the user's settings."""

from __future__ import annotations

from dataclasses import replace

from greenlight.cli.surroundings import settings
from greenlight.cli.values import Values
from greenlight.ledger.pin import read_pin
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.openssh import AllowedSigner
from greenlight.services.keys import read_allowed_signers, read_trusted
from greenlight.services.packets import Located
from greenlight.services.verifying import Trust
from greenlight.store.repository import Store


def given_trust(arguments: Values) -> Trust:
    """Return what the options say.

    Raises:
        MalformedError: A key, file or digest cannot be read.
        StoreError: A file cannot be read.
    """
    signers: list[PublicKey | AllowedSigner] = []
    sources = []
    if arguments.key is not None:
        signers += read_trusted(arguments.key)
        sources.append(f"--key {arguments.key}")
    if arguments.allowed_signers is not None:
        signers += read_allowed_signers(arguments.allowed_signers)
        sources.append(f"--allowed-signers {arguments.allowed_signers}")
    root = None
    if arguments.trust_root is not None:
        root = Digest.parse(arguments.trust_root)
        sources.append(f"--trust-root {root}")
    return Trust(
        signers=tuple(signers),
        root=root,
        source=" and ".join(sources) or "nothing",
        unsigned_ok=getattr(arguments, "unsigned_ok", False),
    )


def trust_for(trust: Trust, located: Located, store: Store | None) -> Trust:
    """Complete what the options say for a folder that nothing was said about.

    A folder that was checked out of a ledger that is pinned here is held against that pin;
    any other one against the ``allowed_signers`` of the user's settings.  What lies in the
    folder only says which of them applies.
    """
    if located.commit or trust.signers or trust.root is not None:
        return trust
    pin = None if store is None else read_pin(store)
    first = located.ledger.get("records/0.cbor")
    if pin is not None and first is not None and Digest.of(first) == pin.digest:
        return replace(trust, root=pin.digest, source="the trust root pinned for this store")
    folder = settings()
    if folder is not None and (folder / "allowed_signers").is_file():
        signers = read_allowed_signers(folder / "allowed_signers")
        return replace(trust, signers=signers, source=str(folder / "allowed_signers"))
    return trust
