"""Sign by ssh-agent: the key stays in the agent, and greenlight never sees it.

The protocol of draft-ietf-sshm-ssh-agent: a length and a message each way, over the UNIX
socket that ``SSH_AUTH_SOCK`` names.  Two requests are used, 11 (list keys) and 13 (sign).  An
Ed25519 signature by the agent is one over the bytes as they are, so seals and entries are the
same as those by a key file.

Each request has a connection of its own: worker processes sign too, and share none.  The agent
is not believed: a signature that the key does not verify is refused.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.primitives.ed25519 import SIGNATURE_BYTES, PublicKey
from greenlight.primitives.openssh import (
    KEY_TYPE,
    format_public_blob,
    pack_string,
    parse_public_blob,
    unpack_string,
)

MAX_MESSAGE_BYTES: Final = 256 * 1024  # what OpenSSH's agent takes and gives
SECONDS: Final = 120.0  # a person may have to confirm

_FAILURE, _LIST, _LISTED, _SIGN, _SIGNED = 5, 11, 12, 13, 14
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Agent:
    """An ssh-agent.

    Attributes:
        path: Its socket.
    """

    path: Path

    def keys(self) -> list[PublicKey]:
        """Return the Ed25519 keys that the agent holds, in its order.

        Raises:
            StoreError: KEY_AGENT: it does not answer, or not with a list of keys.
        """
        answer = self._ask(_LIST, b"", _LISTED)
        found = []
        try:
            (count,) = _LENGTH.unpack_from(answer)
            at = _LENGTH.size
            for _ in range(count):
                blob, at = unpack_string(answer, at)
                _, at = unpack_string(answer, at)  # the comment
                key = parse_public_blob(blob)
                if key is not None:
                    found.append(key)
        except (ValueError, struct.error) as error:
            raise self._refused("its list of keys is not one") from error
        if at != len(answer):
            raise self._refused("something follows its list of keys")
        return found

    def signer(self, public: PublicKey) -> AgentSigner:
        """Return a signer by one of the agent's keys.

        Raises:
            StoreError: KEY_AGENT: it does not answer, or does not hold the key.
        """
        if public not in self.keys():
            raise StoreError(
                Code.KEY_AGENT,
                f"the agent at {self.path} does not hold {public.uri}",
                hint="ssh-add the key, or name its private file: --signing-key FILE",
            )
        return AgentSigner(self, public)

    def sign(self, public: PublicKey, message: bytes) -> bytes:
        """Return a signature, verified.

        Raises:
            StoreError: KEY_AGENT.
        """
        request = pack_string(format_public_blob(public)) + pack_string(message) + bytes(4)
        answer = self._ask(_SIGN, request, _SIGNED)
        try:
            blob, end = unpack_string(answer, 0)
            kind, at = unpack_string(blob, 0)
            signature, last = unpack_string(blob, at)
        except ValueError as error:
            raise self._refused("its signature is not one") from error
        if end != len(answer) or last != len(blob) or kind != KEY_TYPE.encode("ascii"):
            raise self._refused("its signature is not one of Ed25519")
        if len(signature) != SIGNATURE_BYTES or not public.verify(signature, message):
            raise self._refused("its signature is not one by that key over what was asked")
        return signature

    def _ask(self, kind: int, body: bytes, wanted: int) -> bytes:
        """Return the body of the answer, which must be of the kind that is wanted."""
        if len(body) + 1 > MAX_MESSAGE_BYTES:
            raise self._refused(f"{len(body)} bytes are more than an agent takes")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(SECONDS)
                connection.connect(str(self.path))
                connection.sendall(_LENGTH.pack(len(body) + 1) + bytes([kind]) + body)
                (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
                if not 1 <= length <= MAX_MESSAGE_BYTES:
                    raise self._refused(f"it announces an answer of {length} bytes")
                answer = _exactly(connection, length)
        except TimeoutError as error:
            raise self._refused(f"no answer within {SECONDS:.0f} s") from error
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._refused(reason.lower()) from error
        if answer[0] == _FAILURE:
            raise self._refused("it refused")
        if answer[0] != wanted:
            raise self._refused(f"it answered with message {answer[0]}")
        return answer[1:]

    def _refused(self, why: str) -> StoreError:
        return StoreError(Code.KEY_AGENT, f"the agent at {self.path} did not serve: {why}")


@dataclass(frozen=True, slots=True)
class AgentSigner:
    """A signer whose key an agent holds.

    Attributes:
        agent: Which.
        public: The key.
    """

    agent: Agent
    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of a signature over ``message``.

        Raises:
            StoreError: KEY_AGENT: the agent refuses, is gone, or signs something else.
        """
        return self.agent.sign(self.public, message)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise EOFError("it hung up")
        found += piece
    return bytes(found)


def only_key(agent: Agent) -> PublicKey:
    """Return the one Ed25519 key that an agent holds.

    Raises:
        StoreError: KEY_AGENT: it does not answer; KEY_MISSING: it holds none, or several.
    """
    found = agent.keys()
    if len(found) == 1:
        return found[0]
    what = "none" if not found else f"{len(found)}"
    raise StoreError(
        Code.KEY_MISSING,
        f"no key file, and the agent at {agent.path} holds {what} Ed25519 keys, not one",
        hint="say which: --signing-key KEY.pub, or $GREENLIGHT_KEY",
    )
