"""Keys: OpenSSH Ed25519 files, made here or with ssh-keygen, and what others are trusted by.

A private key file is written once, for its owner alone (0600), with its public half
beside it as ``NAME.pub``; neither is ever overwritten.  The post-quantum half of a key is a
pair of files of its own, ``NAME.mldsa44`` and ``NAME.mldsa44.pub`` (``services.halves``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.execution.reading import open_root, read_stable
from greenlight.primitives.ed25519 import PublicKey, SeedSigner, Signer
from greenlight.primitives.limits import (
    MAX_ALLOWED_SIGNERS_BYTES,
    MAX_POST_QUANTUM_PUBLIC_BYTES,
    MAX_PRIVATE_KEY_BYTES,
    MAX_PUBLIC_KEY_BYTES,
)
from greenlight.primitives.mldsa import MldsaSigner, PostQuantumKey
from greenlight.primitives.mldsa_file import format_half, format_half_private
from greenlight.primitives.openssh import (
    KEY_TYPE,
    AllowedSigner,
    format_public,
    parse_allowed_signers,
    parse_public,
)
from greenlight.primitives.openssh_private import format_private, parse_private, parse_public_of
from greenlight.primitives.text import escape
from greenlight.services.agent import Agent, AgentSigner
from greenlight.services.halves import Half, half_path, pair, parse_half_line
from greenlight.store.durable import make_directories, sync_directory, wrapped, write_new

_PRIVATE_FILE, _PUBLIC_FILE = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key and where it lies.

    Attributes:
        path: The private key file.
        public: Its public half.
        comment: Of the public key line; empty where there is none.
        post_quantum: The public key of its post-quantum half, where that lies beside it.
    """

    path: Path
    public: PublicKey
    comment: str = ""
    post_quantum: PostQuantumKey | None = None

    @property
    def line(self) -> str:
        return format_public(self.public, self.comment)

    @property
    def half_line(self) -> str:
        """The public line of the post-quantum half; empty where there is none."""
        return "" if self.post_quantum is None else format_half(self.post_quantum, self.comment)

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "path": str(self.path),
            "post_quantum": self.half_line,
            "public": self.line,
            "uri": self.public.uri,
        }


def new_key(
    path: Path,
    *,
    seed: bytes,
    half_seed: bytes | None = None,
    passphrase: bytes | None = None,
    comment: str = "",
) -> KeyFile:
    """Write a new key pair, and where that is wanted its post-quantum half.

    Args:
        path: The private key file; ``path.pub`` becomes the public one.
        seed: 32 random bytes.
        half_seed: 32 others, for ``path.mldsa44`` and its public file; None for no such half.
        passphrase: Encrypts the private files, where given.
        comment: For people.

    Raises:
        RefusedError: KEY_EXISTS: one of the files is there; nothing was written.
        MalformedError: The comment or passphrase cannot be used.
        StoreError: IO_NOSPACE or IO_FAILED; TOOL_MISSING.
    """
    half = None if half_seed is None else MldsaSigner(half_seed).public
    made = KeyFile(path, SeedSigner(seed).public, comment, half)
    public_path = _public_path(path)
    files = [
        (path, format_private(seed, passphrase, comment), _PRIVATE_FILE),
        (public_path, made.line.encode() + b"\n", _PUBLIC_FILE),
    ]
    if half_seed is not None:
        secret = format_half_private(half_seed, passphrase, comment)
        files.append((half_path(path), secret, _PRIVATE_FILE))
        files.append((half_path(public_path), made.half_line.encode() + b"\n", _PUBLIC_FILE))
    # Without a half of its own, a key must not be given another's.
    for taken in (path, public_path, half_path(path), half_path(public_path)):
        if os.path.lexists(taken):
            raise RefusedError(
                Code.KEY_EXISTS,
                f"{escape(str(taken))} is there already, and a key is never overwritten",
                hint="greenlight keys new OTHER-FILE",
            )
    for directory in make_directories(path.parent):
        sync_directory(directory)
    for file, data, mode in files:
        with wrapped(f"write {file}"):
            # Exclusive: whoever made the file in between keeps it.
            write_new(file, data, mode=mode)
    sync_directory(path.parent)
    return made


def load_key(path: Path, ask: Callable[[Path], bytes | None], agent: Agent | None = None) -> Signer:
    """Read a private key; or a public one, whose private half an ssh-agent holds.

    The post-quantum half that lies beside it is taken along, and opened when it signs.

    Args:
        path: The file.
        ask: Called with a file that needs a passphrase: once where no agent holds the key, and
            for the other half where the first one's does not open it; it returns None where
            nobody can be asked.
        agent: The agent, where there is one.

    Raises:
        StoreError: KEY_MISSING, KEY_AGENT, FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE, KEY_PASSPHRASE.
    """
    data = _read(path, MAX_PRIVATE_KEY_BYTES, Code.KEY_MISSING)
    given: list[bytes | None] = []

    def once() -> bytes | None:
        if not given:
            given.append(ask(path))
        return given[0]

    return pair(
        _load(path, data, once, agent), _load_half(path, lambda: given[0] if given else None, ask)
    )


def _load_half(
    path: Path, same: Callable[[], bytes | None], ask: Callable[[Path], bytes | None]
) -> Half | None:
    file = half_path(path.with_suffix("") if path.suffix == ".pub" else path)
    if not file.is_file():
        return None
    data = _read(file, MAX_PRIVATE_KEY_BYTES, Code.KEY_MISSING)
    return Half.of(data, escape(str(file)), (same, lambda: ask(file)))


def _load(
    path: Path, data: bytes, ask: Callable[[], bytes | None], agent: Agent | None
) -> SeedSigner | AgentSigner:
    if data.startswith(KEY_TYPE.encode("ascii")):
        if agent is None:
            raise StoreError(
                Code.KEY_AGENT,
                f"{escape(str(path))} is a public key, and there is no ssh-agent to sign by",
                hint="name the private key, or begin an agent: ssh-agent, ssh-add",
            )
        return agent.signer(read_public(path).public)
    return parse_key(data, escape(str(path)), ask, agent)


def parse_key(
    data: bytes, where: str, ask: Callable[[], bytes | None], agent: Agent | None = None
) -> SeedSigner | AgentSigner:
    """Read the bytes of a private key file, as ``load_key`` does.

    Raises:
        MalformedError: KEY_UNREADABLE, KEY_PASSPHRASE; ``where`` names them.
    """
    try:
        return parse_private(data, None)
    except MalformedError as error:
        if error.code is not Code.KEY_PASSPHRASE:
            raise _at(where, error) from error
    public = parse_public_of(data)
    if agent is not None and public is not None:
        with suppress(StoreError):  # it has it, and nobody need be asked; or it has not
            return agent.signer(public)
    passphrase = ask()
    if not passphrase:
        raise MalformedError(
            Code.KEY_PASSPHRASE,
            f"{where} needs its passphrase, and there is no terminal to ask on",
            hint="ssh-add it, or put the passphrase into a file: GREENLIGHT_PASSPHRASE_FILE",
        )
    try:
        return parse_private(data, passphrase)
    except MalformedError as error:
        raise _at(where, error) from error


def read_public(path: Path) -> KeyFile:
    """Read a public key file, or the public half that lies beside a private one.

    Raises:
        StoreError: KEY_MISSING, FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE.
    """
    beside = _public_path(path)
    if path.suffix != ".pub" and beside.is_file():
        path = beside
    text = _read(path, MAX_PUBLIC_KEY_BYTES, Code.KEY_MISSING).decode("utf-8", "replace")
    try:
        public, comment = parse_public(text)
    except MalformedError as error:
        raise _in_file(path, error) from error
    private = path.with_suffix("") if path.suffix == ".pub" else path
    return KeyFile(private, public, comment, _read_half(half_path(private)))


def _read_half(private: Path) -> PostQuantumKey | None:
    """Return the key of the public file of a half; None where there is no such file."""
    public = _public_path(private)
    if public.is_file():
        data = _read(public, MAX_POST_QUANTUM_PUBLIC_BYTES, Code.KEY_MISSING)
        return parse_half_line(data, public)
    return None


def read_allowed_signers(path: Path) -> tuple[AllowedSigner, ...]:
    """Read an ``allowed_signers`` file.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: ALLOWED_SIGNERS_MALFORMED, with the line.
    """
    data = _read(path, MAX_ALLOWED_SIGNERS_BYTES, Code.FILE_UNREADABLE)
    try:
        return parse_allowed_signers(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedError(
            Code.ALLOWED_SIGNERS_MALFORMED, f"{escape(str(path))}: not UTF-8"
        ) from error
    except MalformedError as error:
        raise _in_file(path, error) from error


def read_trusted(path: Path) -> tuple[PublicKey | AllowedSigner, ...]:
    """Read what ``--key`` takes, as RERUN.sh does: a public key, or an ``allowed_signers`` file.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE.
    """
    try:
        return read_allowed_signers(path)
    except MalformedError:
        return (read_public(path).public,)  # a line of either is never one of the other


def _public_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.pub")


def _read(path: Path, limit: int, missing: Code) -> bytes:
    pieces = bytearray()
    # People link their keys; what is read is the file behind the link.
    path = Path(os.path.realpath(path))
    if not path.exists():
        hint = "greenlight keys new, or name one: --signing-key FILE"
        raise StoreError(
            missing,
            f"{escape(str(path))}: no such file",
            hint=hint if missing is Code.KEY_MISSING else None,
        )
    folder = open_root(path.parent)
    try:
        read_stable(folder, path.name, pieces.extend, max_bytes=limit)
    except StoreError as error:
        raise StoreError(
            Code.FILE_UNREADABLE, f"cannot read {escape(str(path))}: {error}"
        ) from error
    finally:
        os.close(folder)
    return bytes(pieces)


def _in_file(path: Path, error: MalformedError) -> MalformedError:
    return _at(escape(str(path)), error)


def _at(where: str, error: MalformedError) -> MalformedError:
    return MalformedError(error.code, f"{where}: {error}", hint=error.hint)
