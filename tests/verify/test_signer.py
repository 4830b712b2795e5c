"""Trust in a signer comes from the reader, and nothing given is no trust."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from greenlight.codes import Code
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import format_public, parse_allowed_signers
from greenlight.verify.signer import verify_signer

KEY = SeedSigner(bytes(32)).public
OTHER = SeedSigner(bytes(range(32))).public
LINE = format_public(KEY)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def codes(text: str, at: datetime | None = None) -> list[Code]:
    return [finding.code for finding in verify_signer(KEY, parse_allowed_signers(text), at=at)]


def test_a_given_key() -> None:
    """A key that was given vouches for itself."""
    assert verify_signer(KEY, [OTHER, KEY]) == []


def test_nothing_given() -> None:
    """Without anything to look the signer up in it is unknown, and the finding shows its key."""
    (finding,) = verify_signer(KEY, [])
    assert finding.code is Code.SIGNER_UNKNOWN
    assert LINE in finding.found
    assert codes("# nobody yet\n") == [Code.SIGNER_UNKNOWN]


def test_other_keys_given() -> None:
    """Other keys do not vouch."""
    (finding,) = verify_signer(KEY, [OTHER])
    assert finding.code is Code.SIGNER_NOT_TRUSTED
    assert LINE in finding.found


@pytest.mark.parametrize(
    ("options", "at", "trusted"),
    [
        ("", None, True),
        ('namespaces="git,greenlight" ', None, True),
        ('namespaces="green*" ', None, True),
        ('namespaces="*" ', None, True),
        ('namespaces="git" ', None, False),
        ('namespaces="*,!greenlight" ', None, False),
        ('namespaces="!git" ', None, False),
        ("cert-authority ", None, False),
        ('valid-after="20260131Z" ', NOON, True),
        ('valid-after="20260131120001Z" ', NOON, False),
        ('valid-before="202601311200Z" ', NOON, True),
        ('valid-before="202601311159Z" ', NOON, False),
        ('valid-after="20200101Z" ', None, False),
        ('valid-before="20990101Z" ', None, False),
    ],
)
def test_what_a_line_vouches_for(options: str, at: datetime | None, trusted: bool) -> None:
    """Namespaces, times and authority for certificates limit what a line says."""
    expected = [] if trusted else [Code.SIGNER_NOT_TRUSTED]
    assert codes(f"me@example.org {options}{LINE}\n", at) == expected


def test_one_line_that_vouches_is_enough() -> None:
    """A line that does not vouch takes nothing from one that does."""
    text = f"a cert-authority {LINE}\nb {LINE}\n"
    assert codes(text) == []


def test_an_unsupported_key_vouches_for_nothing() -> None:
    """A file with other kinds of keys only is trust given, and not in this signer."""
    assert codes("me ssh-rsa AAAAB3NzaC1yc2E=\n") == [Code.SIGNER_NOT_TRUSTED]
