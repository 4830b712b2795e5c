"""What only the command line knows: environment, home folder, terminal, clock, where we are.

Signing key: ``--signing-key``, ``$GREENLIGHT_KEY``, the key that ``keys new`` made in the
user's settings, ``~/.ssh/id_ed25519``; the first that is named, or is there.
"""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services.keys import load_key
from greenlight.store.repository import Store, open_store

_KEY, _PASSPHRASE = "GREENLIGHT_KEY", "GREENLIGHT_PASSPHRASE_FILE"
_MAX_PASSPHRASE_BYTES = 4096  # a line that somebody remembers


def clock() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def here() -> Path:
    """Return the folder we are in.

    Raises:
        StoreError: It was removed.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise StoreError(Code.IO_FAILED, "the current folder is gone") from error


def store_of(arguments: Values) -> Store:
    """Open the store that is named, or the repository around.

    Raises:
        StoreError: There is none, or it does not serve.
    """
    return open_store(arguments.store, here())


def store_for(arguments: Values, *packets: str) -> Store | None:
    """Open the store; None where only folders are named and no store serves."""
    try:
        return store_of(arguments)
    except StoreError:
        if arguments.store is None and packets and all(Path(name).is_dir() for name in packets):
            return None
        raise


def settings() -> Path | None:
    """Return the folder of the user's settings, which may not exist; None without a home."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    if configured.startswith("/"):  # the XDG specification: a relative path is ignored
        return Path(configured) / "greenlight"
    home = _home()
    return None if home is None else home / ".config" / "greenlight"


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def new_key_path() -> Path:
    """Return where ``keys new`` puts a key that nobody named a place for.

    Raises:
        StoreError: There is no home folder.
    """
    folder = settings()
    if folder is None:
        raise StoreError(Code.IO_FAILED, "no home folder: say where the key shall be")
    return folder / "id_ed25519"


def key_path(arguments: Values) -> Path:
    """Return the signing key's file.

    Raises:
        StoreError: KEY_MISSING: none is named, and none is in its usual places.
    """
    named: Path | None = arguments.signing_key
    if named is None and os.environ.get(_KEY):
        named = Path(os.environ[_KEY])
    if named is not None:
        return named
    folder, home = settings(), _home()
    places = [
        *([] if folder is None else [folder / "id_ed25519"]),
        *([] if home is None else [home / ".ssh" / "id_ed25519"]),
    ]
    for place in places:
        if place.is_file():
            return place
    looked = " or ".join(map(str, places)) or "any place: there is no home folder"
    raise StoreError(
        Code.KEY_MISSING,
        f"no signing key in {looked}",
        hint="greenlight keys new, or name one: --signing-key FILE",
    )


def signer_of(arguments: Values) -> SeedSigner:
    """Load the signing key; ask for its passphrase once, where it has one.

    Raises:
        StoreError: KEY_MISSING, FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE, KEY_PASSPHRASE.
    """
    path = key_path(arguments)
    return load_key(path, lambda: passphrase(f"Passphrase of {path}: "))


def passphrase(prompt: str) -> bytes | None:
    """Return the passphrase from its file, or ask on the terminal; None where there is none.

    Raises:
        StoreError: FILE_UNREADABLE: the file that is named cannot be read.
    """
    named = os.environ.get(_PASSPHRASE)
    if named:
        try:
            with Path(named).open("rb") as file:
                return file.read(_MAX_PASSPHRASE_BYTES).removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise StoreError(
                Code.FILE_UNREADABLE, f"cannot read {_PASSPHRASE} {named}: {reason}"
            ) from error
    if not sys.stdin.isatty():
        return None
    try:
        return getpass.getpass(prompt).encode("utf-8", "surrogateescape")
    except EOFError:
        return None


def new_passphrase() -> bytes:
    """Ask for a passphrase twice, or read it from its file.

    Raises:
        MalformedError: KEY_PASSPHRASE: none was given, or two that differ.
    """
    first = passphrase("New passphrase: ")
    if not first:
        raise MalformedError(
            Code.KEY_PASSPHRASE,
            "no passphrase was given",
            hint=f"run this on a terminal, or name a file in {_PASSPHRASE}",
        )
    if not os.environ.get(_PASSPHRASE) and passphrase("The same again: ") != first:
        raise MalformedError(Code.KEY_PASSPHRASE, "the two passphrases differ; nothing was written")
    return first


def variables() -> dict[str, str]:
    """Return the environment; a lane gets of it what it allows."""
    return dict(os.environ)
