"""Is the signer somebody whom the reader trusts?  Pure: a key and what is trusted in.

Trust comes from the reader: keys given on the command line or pinned, or an
``allowed_signers`` file; never from what came along with the packet.  Nothing given is
not a yes: the signer is then unknown, and the packet UNVERIFIABLE.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.openssh import AllowedSigner, format_public

NAMESPACE: Final = "greenlight"  # what an allowed_signers line must let a key sign
_WHERE: Final = "seal/signer.pub"


def verify_signer(
    key: PublicKey,
    trusted: Sequence[PublicKey | AllowedSigner],
    *,
    at: datetime | None = None,
) -> list[Finding]:
    """Check that something in ``trusted`` vouches for ``key``.

    Args:
        key: The key that made the seal.
        trusted: Keys, and lines of ``allowed_signers`` files.
        at: When the seal was made.  A line that is valid for a time only vouches for
            nothing where this is not known.
    """
    if not trusted:
        return [
            Finding(
                Code.SIGNER_UNKNOWN,
                _WHERE,
                "a trusted key, an allowed_signers file or a trust root to look the signer up in",
                f"none was given; the signer is {format_public(key)}",
            )
        ]
    if any(_vouches(one, key, at) for one in trusted):
        return []
    same = [one for one in trusted if isinstance(one, AllowedSigner) and one.key == key]
    return [
        Finding(
            Code.SIGNER_NOT_TRUSTED,
            _WHERE,
            f"one of {len(trusted)} trusted keys",
            f"{format_public(key)}, which is {why_not(same[0], at) if same else 'not among them'}",
        )
    ]


def _vouches(one: PublicKey | AllowedSigner, key: PublicKey, at: datetime | None) -> bool:
    if isinstance(one, PublicKey):
        return one == key
    return one.key == key and not why_not(one, at)


def why_not(line: AllowedSigner, at: datetime | None, namespace: str = NAMESPACE) -> str:
    """Say why a line with the right key does not vouch for it; empty where it does."""
    if line.cert_authority:
        return "given as an authority for certificates only"
    if line.namespaces is not None and not matches(namespace, line.namespaces):
        return f"not given for the namespace {namespace}"
    if at is None:
        limited = line.valid_after is not None or line.valid_before is not None
        return "given for a time only, and the time of the seal is not known" if limited else ""
    if line.valid_after is not None and at < line.valid_after:
        return f"not valid before {line.valid_after:%Y-%m-%dT%H:%M:%SZ}"
    if line.valid_before is not None and at > line.valid_before:
        return f"not valid after {line.valid_before:%Y-%m-%dT%H:%M:%SZ}"
    return ""


def matches(text: str, patterns: Sequence[str]) -> bool:
    """Match as OpenSSH does: ``*`` and ``?``, and a pattern after ``!`` that hits refuses."""
    hits = [pattern for pattern in patterns if fnmatchcase(text, pattern.removeprefix("!"))]
    return bool(hits) and not any(pattern.startswith("!") for pattern in hits)
