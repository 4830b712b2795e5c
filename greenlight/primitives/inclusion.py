"""Inclusion receipts: a COSE Receipt (RFC 9942) that a record stands in a ledger.

A COSE_Sign1 whose payload, the root, is detached: whoever checks it computes the root from
the record and the proof, and the signature must fit.  One shape:

* protected ``{1: -8, 4: kid, 15: {1: iss, 2: sub}, 395: 1}``: EdDSA, the log key's thumbprint,
  the log key and the ledger's origin, and RFC9162_SHA256 as the verifiable data structure;
* unprotected ``{396: {-1: [bytes]}}``: one inclusion proof, ``[size, index, [hashes]]``.

A signed statement with such receipts under label 394 of its unprotected header is a
transparent statement (RFC 9943).  The proof is of the ledger's record, which holds the
statement as its entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor
from greenlight.primitives.cose import EDDSA, SIGN1_TAG, sig_structure
from greenlight.primitives.ed25519 import SIGNATURE_BYTES, PublicKey, Signer
from greenlight.primitives.limits import MAX_ENTRY_BYTES, MAX_INT64, MAX_RECEIPT_BYTES
from greenlight.primitives.merkle import HASH_BYTES, leaf_hash
from greenlight.primitives.merkleproof import MAX_HASHES, root_of_inclusion

RECEIPTS: Final = 394  # RFC 9942: receipts of a statement
_ALG, _KID, _CWT, _VDS, _VDP = 1, 4, 15, 395, 396
_ISS, _SUB = 1, 2
_RFC9162_SHA256: Final = 1
_INCLUSION: Final = -1


@dataclass(frozen=True, slots=True)
class InclusionReceipt:
    """An inclusion receipt in its parts, not verified.

    Attributes:
        protected: The protected header, as it was signed.
        kid: Thumbprint of the log key.
        issuer: Thumbprint URI of the log key.
        origin: Of the ledger.
        size: Records of the tree.
        index: Of the record.
        proof: Its audit path.
        signature: 64 bytes.
    """

    protected: bytes
    kid: bytes
    issuer: str
    origin: str
    size: int
    index: int
    proof: tuple[bytes, ...]
    signature: bytes


def sign_receipt(  # noqa: PLR0913 - the parts of a receipt
    *, root: bytes, size: int, index: int, proof: Sequence[bytes], origin: str, signer: Signer
) -> bytes:
    """Return the receipt that a record stands at ``index`` in a tree of ``size`` with ``root``."""
    key = signer.public
    protected = cbor.encode(
        {
            _ALG: EDDSA,
            _KID: key.thumbprint,
            _CWT: {_ISS: key.uri, _SUB: origin},
            _VDS: _RFC9162_SHA256,
        }
    )
    path = cbor.encode([size, index, list(proof)])
    signature = signer.sign(sig_structure(protected, root))
    unprotected = {_VDP: {_INCLUSION: [path]}}
    return cbor.encode((protected, unprotected, None, signature), tag=SIGN1_TAG)


def parse_receipt(data: bytes) -> InclusionReceipt:
    """Take a receipt apart.

    Raises:
        MalformedError: INCLUSION_MALFORMED: it is not of this shape.
    """
    try:
        return _parse(data)
    except MalformedError as error:
        raise MalformedError(
            Code.INCLUSION_MALFORMED, f"no inclusion receipt of ours: {error}"
        ) from error


def _parse(data: bytes) -> InclusionReceipt:
    body = cbor.decode(data, max_bytes=MAX_RECEIPT_BYTES, tag=SIGN1_TAG)
    if not isinstance(body, list) or len(body) != 4:  # noqa: PLR2004  # RFC 9052 section 4.2
        raise _malformed("an array of four")
    protected, unprotected, payload, signature = body
    if payload is not None or not isinstance(protected, bytes):
        raise _malformed("a detached payload and an encoded header")
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise _malformed(f"a signature of {SIGNATURE_BYTES} bytes")
    kid, issuer, origin = _header(protected)
    size, index, proof = _path(unprotected)
    return InclusionReceipt(protected, kid, issuer, origin, size, index, proof, signature)


def _header(protected: bytes) -> tuple[bytes, str, str]:
    header = cbor.decode(protected)
    if not isinstance(header, dict) or set(header) != {_ALG, _KID, _CWT, _VDS}:
        raise _malformed("exactly the labels 1, 4, 15 and 395")
    claims, kid = header[_CWT], header[_KID]
    if header[_ALG] != EDDSA or header[_VDS] != _RFC9162_SHA256 or header[_VDS] is True:
        raise _malformed("EdDSA and RFC9162_SHA256")
    if not isinstance(claims, dict) or set(claims) != {_ISS, _SUB} or not isinstance(kid, bytes):
        raise _malformed("a kid, and exactly iss and sub")
    issuer, origin = claims[_ISS], claims[_SUB]
    if not isinstance(issuer, str) or not isinstance(origin, str):
        raise _malformed("texts in iss and sub")
    return kid, issuer, origin


def _path(unprotected: object) -> tuple[int, int, tuple[bytes, ...]]:
    if not isinstance(unprotected, dict) or set(unprotected) != {_VDP}:
        raise _malformed("exactly the label 396 unprotected")
    proofs = unprotected[_VDP]
    if not isinstance(proofs, dict) or set(proofs) != {_INCLUSION}:
        raise _malformed("inclusion proofs alone")
    listed = proofs[_INCLUSION]
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], bytes):
        raise _malformed("one inclusion proof")
    path = cbor.decode(listed[0])
    if not isinstance(path, list) or len(path) != 3:  # noqa: PLR2004 - size, index, hashes
        raise _malformed("size, index and hashes")
    size, index, hashes = path
    if type(size) is not int or type(index) is not int or not 0 <= index < size <= MAX_INT64:
        raise _malformed("an index below a size")
    if not isinstance(hashes, list) or len(hashes) > MAX_HASHES:
        raise _malformed("at most 63 hashes")
    if any(not isinstance(each, bytes) or len(each) != HASH_BYTES for each in hashes):
        raise _malformed("hashes of 32 bytes")
    return size, index, tuple(hashes)


def receipt_root(receipt: InclusionReceipt, record: bytes, key: PublicKey) -> bytes | None:
    """Return the root that a receipt proves a record to be under; None where it proves nothing.

    Args:
        receipt: As it was parsed.
        record: The record's bytes.
        key: The log key that it must be signed by.
    """
    if receipt.kid != key.thumbprint or receipt.issuer != key.uri:
        return None
    root = root_of_inclusion(leaf_hash(record), receipt.index, receipt.size, receipt.proof)
    if root is None:
        return None
    signed = sig_structure(receipt.protected, root)
    return root if key.verify(receipt.signature, signed) else None


def transparent_statement(statement: bytes, receipts: Sequence[bytes]) -> bytes:
    """Return a signed statement with receipts in its unprotected header.

    Args:
        statement: A COSE_Sign1 with an attached payload and an empty unprotected header.
        receipts: Inclusion receipts.

    Raises:
        MalformedError: It is no such statement.
    """
    body = cbor.decode(statement, max_bytes=MAX_ENTRY_BYTES, tag=SIGN1_TAG)
    if not isinstance(body, list) or len(body) != 4 or body[1] != {} or body[2] is None:  # noqa: PLR2004
        raise _malformed("a signed statement with its payload and nothing unprotected")
    protected, _, payload, signature = body
    unprotected = {RECEIPTS: list(receipts)}
    return cbor.encode((protected, unprotected, payload, signature), tag=SIGN1_TAG)


def _malformed(expected: str) -> MalformedError:
    return MalformedError(Code.INCLUSION_MALFORMED, f"expected {expected}")
