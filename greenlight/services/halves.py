"""The post-quantum half of a key: ``FILE.mldsa44`` beside ``FILE``, and its public line.

It is read when a post-quantum signature is wanted, and not before: no command that has no use
for it asks for its passphrase, and none pays for its library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.hybrid import HybridSigner
from greenlight.primitives.mldsa import MldsaSigner, PostQuantumKey
from greenlight.primitives.mldsa_file import (
    KIND,
    parse_half,
    parse_half_private,
    public_of_half,
)
from greenlight.primitives.text import escape

SUFFIX: Final = ".mldsa44"


def half_path(path: Path) -> Path:
    """Return where the post-quantum half of a key file lies, private or public as the file."""
    if path.suffix == ".pub":
        return path.with_name(f"{path.stem}{SUFFIX}.pub")
    return path.with_name(f"{path.name}{SUFFIX}")


@dataclass(frozen=True, slots=True)
class Half:
    """A post-quantum signer that opens its file when it first signs.

    Attributes:
        data: The private file.
        where: What to call it.
        passphrases: Asked for one after the other, as long as they do not fit.
        public: Its key, which no passphrase hides.
    """

    data: bytes = field(repr=False)
    where: str
    passphrases: tuple[Callable[[], bytes | None], ...] = field(repr=False)
    public: PostQuantumKey
    _opened: list[MldsaSigner] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(
        cls, data: bytes, where: str, passphrases: tuple[Callable[[], bytes | None], ...]
    ) -> Half:
        """Read what a private file says of itself.

        Raises:
            MalformedError: KEY_UNREADABLE, KEY_TYPE_WRONG; ``where`` names it.
        """
        try:
            public = public_of_half(data)
        except MalformedError as error:
            raise _at(where, error) from error
        return cls(data, where, passphrases, public)

    def sign(self, message: bytes) -> bytes:
        """Return a signature over ``message``.

        Raises:
            MalformedError: KEY_UNREADABLE, KEY_PASSPHRASE.
            StoreError: TOOL_MISSING.
        """
        if not self._opened:
            self._opened.append(self._open())
        return self._opened[0].sign(message)

    def _open(self) -> MldsaSigner:
        try:
            return parse_half_private(self.data, None)
        except MalformedError as error:
            wrong = _at(self.where, error)
        for ask in self.passphrases:
            if wrong.code is not Code.KEY_PASSPHRASE:
                break
            passphrase = ask()
            if not passphrase:
                continue
            try:
                return parse_half_private(self.data, passphrase)
            except MalformedError as error:
                wrong = _at(self.where, error)
        raise wrong


def pair(signer: Signer, half: Half | None) -> Signer:
    """Return a signer by both halves, where there is a second."""
    return signer if half is None else HybridSigner(signer, half)


def parse_half_line(data: bytes, path: Path) -> PostQuantumKey:
    """Read the public file of a half.

    Raises:
        MalformedError: KEY_UNREADABLE, KEY_TYPE_WRONG; it names the file.
    """
    try:
        return parse_half(data.decode("ascii"))[0]
    except UnicodeDecodeError as error:
        raise MalformedError(
            Code.KEY_UNREADABLE, f"{escape(str(path))}: not a line of a {KIND} key"
        ) from error
    except MalformedError as error:
        raise _at(escape(str(path)), error) from error


def _at(where: str, error: MalformedError) -> MalformedError:
    return MalformedError(error.code, f"{where}: {error}", hint=error.hint)
