"""A good packet folder from the words of docs/spec alone: no greenlight, so that two readers meet.

Bytes are written out by hand (hashlib for digests and Git objects, PyNaCl for the signature), which
makes this an independent maker of seals, and the script is tested against it before greenlight is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

SCRIPT = Path(__file__).parents[2] / "greenlight/data/rerun-v1.sh"
CONTENT_TYPE = b"application/vnd.greenlight.statement+cbor"

FILES: Mapping[str, bytes] = {
    "header.json": b'{\n  "kind": "header"\n}\n',
    "REPORT.md": b"# Report\n",
    "artifacts/empty": b"",
    "artifacts/a b/c'd\"e$(f)": b"a name that a careless shell would obey\n",
    "artifacts/MANIFEST.sha256": b"a manifest that is only an artifact\n",
    "artifacts/-rf": b"a name that looks like an option\n",
    "artifacts/h\u00e4kchen/\u4e2d": b"\x00\xff not text\n",
}


def text(value: bytes) -> bytes:
    """Encode a CBOR text string of up to 255 bytes."""
    return (
        bytes([0x60 + len(value)]) + value
        if len(value) < 24
        else b"\x78" + bytes([len(value)]) + value
    )


def byte_string(value: bytes) -> bytes:
    """Encode a CBOR byte string of 24 bytes or more."""
    for head, size in ((b"\x58", 1), (b"\x59", 2)):
        if len(value) < 256**size:
            return head + len(value).to_bytes(size, "big") + value
    return b"\x5a" + len(value).to_bytes(4, "big") + value


def integer(value: int) -> bytes:
    """Encode a small CBOR integer."""
    if value < 24:
        return bytes([value])
    return b"\x18" + bytes([value]) if value < 256 else b"\x19" + value.to_bytes(2, "big")


def git_object(kind: bytes, body: bytes) -> bytes:
    """Return the id of a Git object in SHA-256 object format."""
    return hashlib.sha256(kind + b" " + str(len(body)).encode() + b"\x00" + body).digest()


def packet_tree(files: Mapping[str, bytes]) -> str:
    """Return the Git tree id: what `git write-tree` prints in a SHA-256 repository."""

    def tree(level: Mapping[bytes, bytes]) -> bytes:
        entries: dict[bytes, tuple[bytes, bytes, bytes]] = {}
        folders: dict[bytes, dict[bytes, bytes]] = {}
        for path, data in level.items():
            head, slash, rest = path.partition(b"/")
            if slash:
                folders.setdefault(head, {})[rest] = data
            else:
                entries[head] = (b"100644", head, git_object(b"blob", data))
        for name, inner in folders.items():
            # Git sorts a directory as if its name ended with a slash.
            entries[name + b"/"] = (b"40000", name, tree(inner))
        body = b"".join(
            mode + b" " + name + b"\x00" + oid for _, (mode, name, oid) in sorted(entries.items())
        )
        return git_object(b"tree", body)

    return tree({path.encode(): data for path, data in files.items()}).hex()


@dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 key and its names."""

    key: SigningKey

    @classmethod
    def of(cls, seed: int) -> Signer:
        return cls(SigningKey(bytes([seed]) * 32))

    @property
    def public(self) -> bytes:
        return bytes(self.key.verify_key)

    @property
    def thumbprint(self) -> bytes:
        return hashlib.sha256(bytes.fromhex("a301012006215820") + self.public).digest()

    @property
    def uri(self) -> bytes:
        encoded = base64.urlsafe_b64encode(self.thumbprint).rstrip(b"=")
        return b"urn:ietf:params:oauth:ckt:sha-256:" + encoded

    @property
    def line(self) -> bytes:
        blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + self.public
        return b"ssh-ed25519 " + base64.b64encode(blob) + b"\n"


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return what sha256sum prints for the files, sorted bytewise by path."""
    lines = {path.encode(): hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return b"".join(
        digest.encode() + b"  " + path + b"\n" for path, digest in sorted(lines.items())
    )


def statement(tree: str, signer: Signer, lineage: int = 0, version: int = 1) -> bytes:
    """Encode a statement: a map of twelve, keys 1 to 12."""
    parents = b"".join(text(b"sha256:" + b"%064x" % index) for index in range(lineage))
    count = bytes([integer(lineage)[0] + 0x80]) + integer(lineage)[1:]
    values = [
        text(b"sha256:" + tree.encode()),
        text(b"lane-8b0a2a3e-0000-4000-8000-000000000001"),
        text(b"8b0a2a3e-0000-4000-8000-000000000001"),
        text(b"lane"),
        text(b"staging"),
        text(b"APPLIED_CLEAN"),
        integer(9),
        integer(300),
        text(b"2026-11-20T12:00:00Z"),
        count + parents,
        text(signer.uri),
        integer(version),
    ]
    return b"\xac" + b"".join(integer(key) + value for key, value in enumerate(values, start=1))


def cose(payload: bytes, tree: str, signer: Signer) -> bytes:
    """Sign a statement: a detached COSE_Sign1 of greenlight's profile."""
    claims = b"\xa2\x01" + text(signer.uri) + b"\x02" + text(b"sha256:" + tree.encode())
    protected = b"\xa4\x01\x27\x03" + text(CONTENT_TYPE) + b"\x04" + byte_string(signer.thumbprint)
    protected += b"\x0f" + claims
    to_sign = (
        b"\x84" + text(b"Signature1") + byte_string(protected) + b"\x40" + byte_string(payload)
    )
    signature = signer.key.sign(to_sign).signature
    return b"\xd2\x84" + byte_string(protected) + b"\xa0\xf6" + byte_string(signature)


def write(root: Path, files: Mapping[str, bytes]) -> None:
    """Write files under a folder."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def build(
    root: Path,
    *,
    signer: Signer,
    files: Mapping[str, bytes] = FILES,
    script: bytes | None = None,
    lineage: int = 0,
) -> Path:
    """Write packet/ and seal/ into ``root`` and return it."""
    packet = dict(files) | {"RERUN.sh": SCRIPT.read_bytes() if script is None else script}
    packet["MANIFEST.sha256"] = sums(packet)
    tree = packet_tree(packet)
    payload = statement(tree, signer, lineage)
    seal = {
        "statement.cbor": payload,
        "seal.cose": cose(payload, tree, signer),
        "signer.pub": signer.line,
    }
    write(root / "packet", packet)
    write(root / "seal", seal | {"SHA256SUMS": sums(seal)})
    return root
