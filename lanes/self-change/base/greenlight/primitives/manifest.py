"""``MANIFEST.sha256``: coreutils lines, bytewise sorted by path, one spelling.

Each line is 64 lower-case hex digits, two spaces, a path and LF; this checks it::

    sha256sum -c --strict MANIFEST.sha256

The second space says "text mode", which on POSIX is the same as binary.  Paths
are packet paths, so coreutils' escapes for backslash and LF never occur.
``seal/SHA256SUMS`` has the same format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_MANIFEST_BYTES, MAX_PACKET_FILES
from greenlight.primitives.packet_path import path_problem

_SHA256_BYTES: Final = 32
_PATH_AT: Final = 2 * _SHA256_BYTES + 2


def format_manifest(digests: Mapping[str, bytes]) -> bytes:
    """Return the manifest of files given by path and raw SHA-256.

    Raises:
        MalformedError: A path is no packet path, or a digest has not 32 bytes.
    """
    # Code points sort as their UTF-8 bytes do.
    return "".join([_line(path, digests[path]) for path in sorted(digests)]).encode("utf-8")


def parse_manifest(data: bytes) -> dict[str, bytes]:
    """Return path and raw SHA-256 of each file that ``data`` names, in its order.

    Raises:
        MalformedError: ``data`` is not what ``format_manifest`` writes.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise _malformed(f"at most {MAX_MANIFEST_BYTES} bytes", f"{len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8", f"another byte at offset {error.start}") from error
    lines = text.split("\n")  # not splitlines, which splits at U+2028 and others too
    if lines.pop():
        raise _malformed("LF at the end", "none")
    if len(lines) > MAX_PACKET_FILES:
        raise _malformed(f"at most {MAX_PACKET_FILES} lines", f"{len(lines)}")
    digests: dict[str, bytes] = {}
    previous = ""
    for number, line in enumerate(lines, start=1):
        path = line[_PATH_AT:]
        try:
            digest = bytes.fromhex(line[: 2 * _SHA256_BYTES])
        except ValueError:
            digest = b""
        if len(digest) != _SHA256_BYTES or _line(path, digest) != line + "\n":
            raise _malformed("64 hex digits, two spaces, a path", f"{line[:160]!a}", number)
        if path <= previous:
            raise _malformed(f"a path that sorts after {previous!a}", f"{path!a}", number)
        digests[path] = digest
        previous = path
    return digests


def _line(path: str, digest: bytes) -> str:
    problem = path_problem(path)
    if problem is not None:
        raise _malformed("a packet path", f"{path[:160]!a} ({problem.meaning})")
    if len(digest) != _SHA256_BYTES:
        raise _malformed("a SHA-256 of 32 bytes", f"{len(digest)}")
    return f"{digest.hex()}  {path}\n"


def _malformed(expected: str, found: str, line: int | None = None) -> MalformedError:
    where = "" if line is None else f"line {line}: "
    return MalformedError(Code.MANIFEST_MALFORMED, f"{where}expected {expected}, found {found}")
