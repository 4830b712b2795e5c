"""COSE_Sign1: one shape, every bit of it signed or compared."""

from __future__ import annotations

import cbor2
import pytest
from dilithium_py.ml_dsa import ML_DSA_44

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import PublicKey, SeedSigner
from greenlight.primitives.mldsa import MldsaSigner

SIGNER = SeedSigner(bytes(range(32)))
OTHER = SeedSigner(bytes(range(1, 33)))
PAYLOAD = b"the statement"
TYPE = "application/vnd.greenlight.statement+cbor"
SUBJECT = "sha256:" + "0" * 64


def make(*, detached: bool = True, signer: SeedSigner = SIGNER) -> bytes:
    return cose.sign1(PAYLOAD, signer, content_type=TYPE, subject=SUBJECT, detached=detached)


def open_(data: bytes, key: PublicKey | None = SIGNER.public) -> cose.Sign1:
    return cose.open_sign1(data, key=key, payload=PAYLOAD, content_type=TYPE)


def signed(protected: bytes, **changes: object) -> bytes:
    """Return a message whose signature is right, whatever else is wrong with it."""
    signature = SIGNER.sign(cose.sig_structure(protected, PAYLOAD))
    parts = {"unprotected": {}, "payload": None, "signature": signature, **changes}
    return cbor2.dumps(cbor2.CBORTag(18, [protected, *parts.values()]))


def header(**changes: object) -> dict[object, object]:
    key = SIGNER.public
    claims = {1: key.uri, 2: SUBJECT}
    values = {"alg": -8, "type": TYPE, "kid": key.thumbprint, "claims": claims, **changes}
    return dict(zip((1, 3, 4, 15), values.values(), strict=True))


@pytest.mark.parametrize("detached", [True, False])
def test_round_trip(detached: bool) -> None:
    """What is signed opens, with the bytes kept beside the parts."""
    data = make(detached=detached)
    payload = PAYLOAD if detached else None
    message = cose.open_sign1(data, key=SIGNER.public, payload=payload, content_type=TYPE)
    assert message == cose.parse_sign1(data, TYPE)
    assert message.raw == data
    assert message.kid == SIGNER.public.thumbprint
    assert message.issuer == SIGNER.public.uri
    assert message.subject == SUBJECT
    assert message.payload == (None if detached else PAYLOAD)
    assert signed(message.protected) == make()


def test_the_bytes() -> None:
    """The message is byte for byte what RFC 9052 and the profile give."""
    protected = bytes.fromhex("a401270378") + b"\x29" + TYPE.encode() + bytes.fromhex("045820")
    protected += SIGNER.public.thumbprint + bytes.fromhex("0fa201784d")
    protected += SIGNER.public.uri.encode() + bytes.fromhex("027847") + SUBJECT.encode()
    structure = bytes.fromhex("846a") + b"Signature1" + bytes.fromhex("59") + b"\x00\xfa"
    structure = structure.replace(b"\x59\x00\xfa", b"\x58" + bytes([len(protected)])) + protected
    structure += b"\x40" + bytes([0x40 + len(PAYLOAD)]) + PAYLOAD
    assert cose.sig_structure(protected, PAYLOAD) == structure
    head = bytes.fromhex("d284 58") + bytes([len(protected)])
    assert make() == head + protected + bytes.fromhex("a0f65840") + SIGNER.sign(structure)


@pytest.mark.parametrize("detached", [True, False])
def test_every_flipped_bit_is_refused(detached: bool) -> None:
    """There is no bit in a message that can change."""
    data = make(detached=detached)
    payload = PAYLOAD if detached else None
    for bit in range(8 * len(data)):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedError, RejectedError)):
            cose.open_sign1(bytes(bad), key=SIGNER.public, payload=payload, content_type=TYPE)


def test_every_cut_and_every_addition_is_refused() -> None:
    """A message has no prefix and no extension that opens."""
    data = make()
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            open_(data[:length])
    for extra in (b"\0", b"\xf6", data):
        with pytest.raises(MalformedError):
            open_(data + extra)


def test_every_flipped_bit_of_the_payload_is_refused() -> None:
    """The payload is signed, all of it."""
    for bit in range(8 * len(PAYLOAD)):
        bad = bytearray(PAYLOAD)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError) as raised:
            cose.open_sign1(make(), key=SIGNER.public, payload=bytes(bad), content_type=TYPE)
        assert raised.value.code is Code.SEAL_SIGNATURE_INVALID


KEY = SIGNER.public
HEADERS = {
    "another algorithm": header(alg=-7),
    "EdDSA by its newer number": header(alg=-19),
    "algorithm as text": header(alg="EdDSA"),
    "algorithm as a boolean": header(alg=True),
    "another content type": header(type="application/cbor"),
    "content type as a number": header(type=60),
    "kid cut short": header(kid=KEY.thumbprint[:31]),
    "kid as text": header(kid=KEY.uri),
    "no claims": {1: -8, 3: TYPE, 4: KEY.thumbprint},
    "claims that are no map": header(claims=[KEY.uri, SUBJECT]),
    "no subject": header(claims={1: KEY.uri}),
    "no issuer": header(claims={2: SUBJECT}),
    "one claim more": header(claims={1: KEY.uri, 2: SUBJECT, 6: 0}),
    "issuer that is no key": header(claims={1: "https://example.org", 2: SUBJECT}),
    "issuer as bytes": header(claims={1: KEY.thumbprint, 2: SUBJECT}),
    "subject as a number": header(claims={1: KEY.uri, 2: 1}),
    "one label more": {**header(), 16: "application/cose"},
    "critical headers": {1: -8, 2: [3], 3: TYPE, 4: KEY.thumbprint, 15: header()[15]},
    "a private label": {**header(), -65537: 0},
    "no labels": {},
    "an array": [1],
}


@pytest.mark.parametrize("value", HEADERS.values(), ids=HEADERS.keys())
def test_another_protected_header(value: object) -> None:
    """A header that is not exactly the profile's is refused, though its signature is right."""
    with pytest.raises(MalformedError) as raised:
        open_(signed(cbor2.dumps(value)))
    assert raised.value.code is Code.SEAL_MALFORMED


GOOD = cose.parse_sign1(make(), TYPE)
SHAPES = {
    "unprotected header": signed(GOOD.protected, unprotected={4: b"kid"}),
    "unprotected header that is no map": signed(GOOD.protected, unprotected=[]),
    "payload that is text": signed(GOOD.protected, payload="text"),
    "signature cut short": signed(GOOD.protected, signature=GOOD.signature[:63]),
    "signature as text": signed(GOOD.protected, signature="signature"),
    "empty protected header": signed(b""),
    "protected header out of order": signed(cbor2.dumps(dict(reversed(header().items())))),
    "protected header with bytes after it": signed(GOOD.protected + b"\0"),
    "protected header with a longer head": signed(b"\xa4\x18\x01" + GOOD.protected[2:]),
    "no tag": make()[1:],
    "tag of COSE_Sign": b"\xd8\x62" + make()[1:],
    "tag with a longer head": b"\xd8\x12" + make()[1:],
    "inside a CWT": b"\xd8\x3d" + make(),
    "three parts": cbor2.dumps(cbor2.CBORTag(18, [GOOD.protected, {}, GOOD.signature])),
    "five parts": cbor2.dumps(
        cbor2.CBORTag(18, [GOOD.protected, {}, None, GOOD.signature, None])
    ),
    "not an array": cbor2.dumps(cbor2.CBORTag(18, {1: 2})),
    "protected header as a map": cbor2.dumps(
        cbor2.CBORTag(18, [header(), {}, None, GOOD.signature])
    ),
    "indefinite array": b"\xd2\x9f" + make()[2:] + b"\xff",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("data", SHAPES.values(), ids=SHAPES.keys())
def test_another_shape(data: bytes) -> None:
    """What is not the profile's COSE_Sign1 is refused, though its signature may be right."""
    with pytest.raises(MalformedError) as raised:
        open_(data)
    assert raised.value.code is Code.SEAL_MALFORMED


def test_a_payload_stands_in_one_place() -> None:
    """A payload both inside and beside the message, or in neither place, is refused."""
    for data, payload in ((make(detached=False), PAYLOAD), (make(), None)):
        with pytest.raises(MalformedError) as raised:
            cose.open_sign1(data, key=SIGNER.public, payload=payload, content_type=TYPE)
        assert raised.value.code is Code.SEAL_MALFORMED


def test_no_key_verifies_nothing() -> None:
    """Without a key nothing is handed out."""
    with pytest.raises(RejectedError) as raised:
        open_(make(), key=None)
    assert raised.value.code is Code.SEAL_SIGNATURE_INVALID


def test_another_key() -> None:
    """A message that names another key, by kid or by issuer, is not this key's."""
    other = OTHER.public
    claims = {1: other.uri, 2: SUBJECT}
    for data, key in (
        (make(), other),
        (make(signer=OTHER), SIGNER.public),
        (signed(cbor2.dumps(header(kid=other.thumbprint))), SIGNER.public),
        (signed(cbor2.dumps(header(claims=claims))), SIGNER.public),
    ):
        with pytest.raises(RejectedError) as raised:
            open_(data, key=key)
        assert raised.value.code is Code.SEAL_KEY_MISMATCH


def test_size_is_limited() -> None:
    """More bytes than the caller reads are refused before they are parsed."""
    with pytest.raises(MalformedError, match="at most 100"):
        cose.parse_sign1(make(), TYPE, max_bytes=100)


# --- the post-quantum half

HALF = MldsaSigner(bytes(range(2, 34)))


def second(payload: bytes = PAYLOAD) -> bytes:
    return cose.sign1_post_quantum(
        payload, HALF, issuer=SIGNER.public.uri, content_type=TYPE, subject=SUBJECT
    )


def open_second(data: bytes, **changes: object) -> cose.Sign1:
    wanted = {"key": HALF.public, "issuer": SIGNER.public.uri, "payload": PAYLOAD}
    return cose.open_post_quantum(data, **(wanted | changes), content_type=TYPE)


def test_the_second_signature_opens() -> None:
    """It names both halves: by kid the one that signed, by issuer the one that people know."""
    message = open_second(second())
    assert message.kid == HALF.public.thumbprint
    assert message.issuer == SIGNER.public.uri
    assert (message.subject, message.payload) == (SUBJECT, None)
    assert cbor2.loads(message.protected)[1] == -48


def test_another_implementation_reads_the_second_signature() -> None:
    """Sig_structure by hand, ML-DSA by dilithium-py."""
    protected, _, _, signature = cbor2.loads(second()).value
    signed_bytes = cbor2.dumps(["Signature1", protected, b"", PAYLOAD])
    assert ML_DSA_44.verify(HALF.public.raw, signed_bytes, signature)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payload": b"another"}, Code.SEAL_SIGNATURE_INVALID),
        ({"key": MldsaSigner(bytes(32)).public}, Code.SEAL_KEY_MISMATCH),
        ({"issuer": OTHER.public.uri}, Code.SEAL_KEY_MISMATCH),
    ],
    ids=str,
)
def test_a_second_signature_of_something_else_is_refused(
    changes: dict[str, object], code: Code
) -> None:
    """Another payload, another key, another holder."""
    with pytest.raises(RejectedError) as caught:
        open_second(second(), **changes)
    assert caught.value.code is code


def test_every_flipped_byte_of_the_second_signature_is_refused() -> None:
    """As in the first: nothing in it can change."""
    data = second()
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1 << at % 8
        with pytest.raises((MalformedError, RejectedError)):
            open_second(bytes(bad))


def test_a_cut_second_signature_is_refused() -> None:
    """Wherever it is cut."""
    data = second()
    for size in {*range(0, len(data), 97), len(data) - 1}:
        with pytest.raises(MalformedError):
            open_second(data[:size])


def test_the_two_kinds_do_not_stand_for_each_other() -> None:
    """An Ed25519 signature is no post-quantum one, and the other way round."""
    with pytest.raises(MalformedError):
        open_second(make())
    with pytest.raises(MalformedError):
        open_(second())


def test_a_second_signature_has_no_payload_inside() -> None:
    """Which bytes are signed is said by whoever verifies."""
    protected, _, _, signature = cbor2.loads(second()).value
    data = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, PAYLOAD, signature]))
    with pytest.raises(MalformedError):
        open_second(data)
