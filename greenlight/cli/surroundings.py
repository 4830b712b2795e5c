"""What only the command line knows: environment, home folder, terminal, clock, where we are.

Signing key: ``--signing-key``; ``$GREENLIGHT_KEY``, a file, or ``$GREENLIGHT_SIGNING_KEY``, the
key itself, as a CI keeps secrets; the key that ``keys new`` made in the user's settings;
``~/.ssh/id_ed25519``; the only one in ssh-agent.  The first that is named, or is there.  Its
post-quantum half lies beside its file, or comes in ``$GREENLIGHT_SIGNING_KEY_MLDSA44``.
"""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError, UsageError
from greenlight.execution.conceal import conceal_process
from greenlight.primitives.ed25519 import Signer
from greenlight.services.agent import Agent, AgentSigner, only_key
from greenlight.services.halves import Half, pair
from greenlight.services.keys import load_key, parse_key
from greenlight.store.repository import Store, open_store

_KEY, _PASSPHRASE = "GREENLIGHT_KEY", "GREENLIGHT_PASSPHRASE_FILE"
_SECRET, _AGENT = "GREENLIGHT_SIGNING_KEY", "SSH_AUTH_SOCK"
_HALF_SECRET = "GREENLIGHT_SIGNING_KEY_MLDSA44"  # noqa: S105 - its name
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


def key_path(arguments: Values) -> Path | None:
    """Return the file of the signing key; None where none is named, or in its usual places.

    A file that is named may be missing.
    """
    named: Path | None = arguments.signing_key
    if named is None and os.environ.get(_KEY):
        named = Path(os.environ[_KEY])
    if named is not None:
        return named
    return next((place for place in _usual_places() if place.is_file()), None)


def _usual_places() -> list[Path]:
    folder, home = settings(), _home()
    return [
        *([] if folder is None else [folder / "id_ed25519"]),
        *([] if home is None else [home / ".ssh" / "id_ed25519"]),
    ]


def key_missing() -> StoreError:
    """Return the error that says that there is no signing key."""
    looked = " or ".join(map(str, _usual_places())) or "any place: there is no home folder"
    return StoreError(
        Code.KEY_MISSING,
        f"no signing key in {looked}",
        hint="greenlight keys new, or name one: --signing-key FILE",
    )


def agent() -> Agent | None:
    """Return the ssh-agent of this session; None where there is none."""
    path = os.environ.get(_AGENT)
    return Agent(Path(path)) if path else None


def signer_of(arguments: Values) -> Signer:
    """Load the signing key; ask for its passphrase once, where it has one.

    Raises:
        UsageError: The environment names two keys.
        StoreError: KEY_MISSING, KEY_AGENT, FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE, KEY_PASSPHRASE, KEY_TYPE_WRONG.
    """
    secret, half_secret = _take_secret(_SECRET), _take_secret(_HALF_SECRET)
    if secret is not None and arguments.signing_key is None:
        if os.environ.get(_KEY):
            raise UsageError(
                Code.USAGE,
                f"{_KEY} and {_SECRET} both name a key",
                hint="unset one of them, or say which: --signing-key FILE",
            )
        return _from_secrets(secret, half_secret)
    path = key_path(arguments)
    if path is not None:
        return load_key(path, lambda file: passphrase(f"Passphrase of {file}: "), agent())
    session = agent()
    if session is None:
        raise key_missing()
    return AgentSigner(session, only_key(session))


def _from_secrets(secret: bytes, half_secret: bytes | None) -> Signer:
    given: list[bytes | None] = []

    def ask() -> bytes | None:
        if not given:
            given.append(passphrase(f"Passphrase of ${_SECRET}: "))
        return given[0]

    signer = parse_key(secret, f"${_SECRET}", ask, agent())
    if half_secret is None:
        return signer
    return pair(signer, Half.of(half_secret, f"${_HALF_SECRET}", (ask,)))


def _take_secret(name: str) -> bytes | None:
    """Take the key out of the environment, so that no process that is begun here gets it.

    A CI hands secrets on without their last line end, or with others: they are set right.
    """
    secret = os.environ.pop(name, "")
    if not secret.strip():
        return None
    conceal_process()
    lines = secret.strip().splitlines()
    return "".join(f"{line.strip()}\n" for line in lines).encode("utf-8", "surrogateescape")


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
    """Return the environment, but for keys; a lane gets of it what it allows."""
    hidden = (_SECRET, _HALF_SECRET, _PASSPHRASE)
    return {name: value for name, value in os.environ.items() if name not in hidden}
