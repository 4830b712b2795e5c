"""Sign a trust root, as one of its owners or one of those before."""

from __future__ import annotations

import base64

from greenlight.model.trust import CONTENT_TYPE, RootSignature, TrustRoot
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.hybrid import HybridSigner, half_of


def sign_root(root: TrustRoot, signer: Signer) -> RootSignature:
    """Return a signature over a root's body without its signatures, by both halves of a key."""
    payload, subject, issuer = root.signed_bytes(), root.signature_subject, signer.public.uri
    first = cose.sign1(payload, signer, content_type=CONTENT_TYPE, subject=subject, detached=True)
    half = half_of(signer)
    second = b""
    if half is not None:
        second = cose.sign1_post_quantum(
            payload, half, issuer=issuer, content_type=CONTENT_TYPE, subject=subject
        )
    return RootSignature(issuer, _text(first), _text(second))


def add_signature(root: TrustRoot, signer: Signer, before: TrustRoot | None = None) -> TrustRoot:
    """Return the root with a signature by ``signer``, in place of one it had.

    A half that neither root names is left out: nobody could verify what it signed.
    """
    key, half = signer.public.uri, half_of(signer)
    named = [
        held.half
        for each in (before, root)
        if each is not None and (held := each.find(key)) is not None
    ]
    if isinstance(signer, HybridSigner) and half is not None and half.public not in named:
        signer = signer.classical
    others = (one for one in root.signatures if one.key != key)
    return root.with_signatures((*others, sign_root(root, signer)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
