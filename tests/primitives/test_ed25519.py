"""Ed25519: what is signed verifies, and what only some libraries accept does not."""

from __future__ import annotations

import hashlib

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor
from greenlight.primitives.ed25519 import PublicKey, SeedSigner, format_uri, parse_uri
from tests.primitives import edwards

# RFC 8032 section 7.1, TEST 1 to 3: seed, public key, message, signature
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
            "cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
            "0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
            "84dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

SIGNER = SeedSigner(bytes(range(32)))
MESSAGE = b"statement"
TORSION = edwards.torsion()
# y = p and y = p + 1 are second spellings of 0 and 1; with the sign bit, x = 0 has two as well.
SECOND_SPELLINGS = [
    (y | sign << 255).to_bytes(32, "little")
    for y, sign in [
        (edwards.P, 0),
        (edwards.P, 1),
        (edwards.P + 1, 0),
        (edwards.P + 1, 1),
        (1, 1),
        (edwards.P - 1, 1),
    ]
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    """The vectors of RFC 8032: key, signature and verification."""
    signer = SeedSigner(bytes.fromhex(seed))
    assert signer.public.raw.hex() == public
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert signer.public.verify(bytes.fromhex(signature), bytes.fromhex(message))


def test_every_flipped_bit_is_refused() -> None:
    """No bit of signature, message or key can change."""
    signature = SIGNER.sign(MESSAGE)
    for at in range(8 * len(signature)):
        assert not SIGNER.public.verify(_flip(signature, at), MESSAGE)
    for at in range(8 * len(MESSAGE)):
        assert not SIGNER.public.verify(signature, _flip(MESSAGE, at))
    for at in range(8 * 32):
        assert not PublicKey(_flip(SIGNER.public.raw, at)).verify(signature, MESSAGE)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 96, 128])
def test_a_signature_has_64_bytes(length: int) -> None:
    """Cut and padded signatures do not verify."""
    signature = (SIGNER.sign(MESSAGE) + bytes(64))[:length]
    assert not SIGNER.public.verify(signature, MESSAGE)


def test_a_second_s_is_refused() -> None:
    """S + L and S + 2 L satisfy the equation, and are not the one spelling of S."""
    signature = SIGNER.sign(MESSAGE)
    scalar = int.from_bytes(signature[32:], "little")
    for multiple in range(1, 15):
        other = signature[:32] + edwards.scalar_bytes(scalar + multiple * edwards.L)
        assert not SIGNER.public.verify(other, MESSAGE)


@pytest.mark.parametrize("point", TORSION)
def test_a_key_of_small_order_verifies_nothing(point: edwards.Point) -> None:
    """Under a key of small order S B = R + k A holds for signatures of nobody."""
    key = edwards.encode(point)
    made = 0
    for number in range(64):
        message = b"anything %d" % number
        r = edwards.encode(edwards.multiply(1 + number, edwards.BASE))
        k = edwards.challenge(r, key, message)
        if edwards.multiply(k, point) != edwards.IDENTITY:
            continue
        made += 1
        assert not PublicKey(key).verify(r + edwards.scalar_bytes(1 + number), message)
    assert made


def test_an_r_of_small_order_is_refused() -> None:
    """R = identity and S = k a satisfy the equation: a signature that no signer makes."""
    secret, key = _scalar_and_key()
    r = edwards.encode(edwards.IDENTITY)
    scalar = edwards.challenge(r, key, MESSAGE) * secret % edwards.L
    assert _equation_holds(r, scalar, key, MESSAGE)
    assert not PublicKey(key).verify(r + edwards.scalar_bytes(scalar), MESSAGE)


@pytest.mark.parametrize("spelling", SECOND_SPELLINGS)
def test_a_point_has_one_spelling(spelling: bytes) -> None:
    """Encodings with y >= p, or with the sign of a zero, are refused as key and as R."""
    secret, key = _scalar_and_key()
    scalar = edwards.challenge(spelling, key, MESSAGE) * secret % edwards.L
    assert not PublicKey(key).verify(spelling + edwards.scalar_bytes(scalar), MESSAGE)
    for number in range(32):
        r = edwards.encode(edwards.multiply(1 + number, edwards.BASE))
        signature = r + edwards.scalar_bytes(1 + number)
        assert not PublicKey(spelling).verify(signature, b"anything %d" % number)


def test_the_equation_is_without_cofactor() -> None:
    """What holds only after multiplying by 8, as batch verifiers do, is refused."""
    secret, _ = _scalar_and_key()
    mixed = edwards.add(edwards.multiply(secret, edwards.BASE), TORSION[1])
    key = edwards.encode(mixed)
    r = edwards.encode(edwards.multiply(7, edwards.BASE))
    message = next(
        text
        for text in (b"message %d" % number for number in range(64))
        if edwards.challenge(r, key, text) % 8
    )
    scalar = (7 + edwards.challenge(r, key, message) * secret) % edwards.L
    assert not PublicKey(key).verify(r + edwards.scalar_bytes(scalar), message)


def test_bytes_that_are_no_point_verify_nothing() -> None:
    """A key that is no point of the curve is a value, and verifies nothing."""
    y = next(y for y in range(2, 99) if edwards.recover(y, 0) is None)
    key = PublicKey(y.to_bytes(32, "little"))
    assert not key.verify(SIGNER.sign(MESSAGE), MESSAGE)


def test_thumbprint_is_that_of_the_cose_key() -> None:
    """RFC 9679: SHA-256 of the deterministic COSE_Key with its required members."""
    cose_key = cbor.encode({1: 1, -1: 6, -2: SIGNER.public.raw})
    assert SIGNER.public.thumbprint == hashlib.sha256(cose_key).digest()


def test_uri_round_trip() -> None:
    """The URI of a key names its thumbprint."""
    uri = SIGNER.public.uri
    assert uri.startswith("urn:ietf:params:oauth:ckt:sha-256:")
    assert len(uri) == 34 + 43
    assert parse_uri(uri) == SIGNER.public.thumbprint
    assert format_uri(parse_uri(uri)) == uri


URI = SIGNER.public.uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        URI + "=",
        URI[:-1],
        URI + "A",
        URI.upper(),
        URI.removeprefix("urn:"),
        URI[:-1] + "é",
        "urn:ietf:params:oauth:ckt:sha-512:" + URI[34:],
        URI[:-1] + "\n",
        # the last digit carries four bits that mean nothing: only one spelling has them zero
        URI[:-1] + chr(ord(URI[-1]) + 1),
    ],
)
def test_a_uri_has_one_spelling(text: str) -> None:
    """Other spellings, padding and other hash functions are refused."""
    with pytest.raises(MalformedError) as raised:
        parse_uri(text)
    assert raised.value.code is Code.MALFORMED


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_and_seeds_have_32_bytes(length: int) -> None:
    """A value of another length cannot be made."""
    with pytest.raises(MalformedError):
        PublicKey(bytes(length))
    with pytest.raises(MalformedError):
        SeedSigner(bytes(length))


def test_a_signer_does_not_show_its_seed() -> None:
    """Neither seed nor secret stand in the representation that logs and tracebacks print."""
    assert SIGNER.seed.hex()[:8] not in repr(SIGNER)
    assert repr(SIGNER) == f"SeedSigner(public={SIGNER.public!r})"


def _flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def _scalar_and_key() -> tuple[int, bytes]:
    secret = 8 * 0x1234567890ABCDEF
    return secret, edwards.encode(edwards.multiply(secret, edwards.BASE))


def _equation_holds(r: bytes, scalar: int, key: bytes, message: bytes) -> bool:
    """Check S B = R + k A for a signature whose R and A are in their one spelling."""
    left = edwards.multiply(scalar, edwards.BASE)
    points = []
    for raw in (r, key):
        number = int.from_bytes(raw, "little")
        point = edwards.recover(number & (1 << 255) - 1, number >> 255)
        assert point is not None
        points.append(point)
    k = edwards.challenge(r, key, message)
    return left == edwards.add(points[0], edwards.multiply(k, points[1]))
