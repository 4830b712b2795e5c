"""ML-DSA-44: what the library signs another implementation verifies, and the other way round."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from dilithium_py.ml_dsa import ML_DSA_44
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor, mldsa
from greenlight.primitives.mldsa import MldsaSigner, PostQuantumKey

SEED = bytes(range(32))
SIGNER = MldsaSigner(SEED)
MESSAGE = b"the statement"


def second_signer(seed: bytes) -> tuple[bytes, bytes]:
    """Return public and secret key, as the other implementation derives them from a seed."""
    return ML_DSA_44.key_derive(seed)


def test_one_seed_gives_one_key_in_both_implementations() -> None:
    """FIPS 204 algorithm 6, by two programs that share no line."""
    public, _ = second_signer(SEED)
    assert SIGNER.public.raw == public
    assert len(public) == mldsa.PUBLIC_BYTES


@settings(max_examples=8, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_each_verifies_what_the_other_signed(seed: bytes, message: bytes) -> None:
    """Whole messages, no context: FIPS 204 algorithms 2 and 3."""
    public, secret = second_signer(seed)
    assert ML_DSA_44.verify(public, message, MldsaSigner(seed).sign(message))
    assert mldsa.verify(public, message, ML_DSA_44.sign(secret, message))
    assert not mldsa.verify(public, message, ML_DSA_44.sign(secret, message, ctx=b"other"))


def test_round_trip_and_another_message() -> None:
    """A signature is over one message, by one key; two of one message differ."""
    one, other = SIGNER.sign(MESSAGE), SIGNER.sign(MESSAGE)
    assert one != other
    assert all(SIGNER.public.verify(each, MESSAGE) for each in (one, other))
    assert not SIGNER.public.verify(one, MESSAGE + b"!")
    assert not MldsaSigner(bytes(32)).public.verify(one, MESSAGE)


def test_every_flipped_byte_of_a_signature_is_refused() -> None:
    """FIPS 204 signatures are strongly unforgeable: no byte is without meaning."""
    signature = SIGNER.sign(MESSAGE)
    for at in range(len(signature)):
        bad = bytearray(signature)
        bad[at] ^= 1 << at % 8
        assert not SIGNER.public.verify(bytes(bad), MESSAGE), at


@pytest.mark.parametrize("size", [0, 1, 64, 2419, 2421, 3309, 100_000])
def test_a_signature_of_another_size_never_reaches_the_library(size: int) -> None:
    """64 is an Ed25519 signature, 3,309 one of ML-DSA-65."""
    assert not SIGNER.public.verify(bytes(size), MESSAGE)


@pytest.mark.parametrize("size", [0, 32, 1311, 1313, 1952])
def test_a_key_of_another_size_is_none(size: int) -> None:
    """32 bytes are an Ed25519 key, 1,952 one of ML-DSA-65."""
    with pytest.raises(MalformedError) as caught:
        PostQuantumKey(bytes(size))
    assert caught.value.code is Code.KEY_TYPE_WRONG
    assert not mldsa.verify(bytes(size), MESSAGE, SIGNER.sign(MESSAGE))


@pytest.mark.parametrize("size", [0, 31, 33, 2560])
def test_a_seed_of_another_size_is_none(size: int) -> None:
    """2,560 bytes are the expanded form of FIPS 204, which nobody writes."""
    with pytest.raises(MalformedError) as caught:
        MldsaSigner(bytes(size))
    assert caught.value.code is Code.KEY_TYPE_WRONG


@pytest.mark.parametrize("fill", [0, 255])
def test_a_key_of_constant_bytes_verifies_nothing(fill: int) -> None:
    """Every 1,312 bytes are a key; only its holder's signatures are by it."""
    assert not mldsa.verify(bytes([fill]) * 1312, MESSAGE, SIGNER.sign(MESSAGE))


def test_base64_has_one_spelling() -> None:
    """What is not what the key writes is refused."""
    key = SIGNER.public
    assert PostQuantumKey.parse(key.text) == key
    for bad in ("", key.text[:-4], f"{key.text}\n", key.text.replace("A", "-", 1)):
        with pytest.raises(MalformedError) as caught:
            PostQuantumKey.parse(bad)
        assert caught.value.code is Code.KEY_TYPE_WRONG


def test_the_thumbprint_is_that_of_the_cose_key() -> None:
    """RFC 9679 over the required members of an AKP key (RFC 9964)."""
    key = cbor.encode({1: 7, 3: -48, -1: SIGNER.public.raw})
    assert SIGNER.public.thumbprint == hashlib.sha256(key).digest()


def test_the_library_is_not_loaded_for_a_key() -> None:
    """Reading a trust root costs no import of 30 ms."""
    program = (
        "import sys; from greenlight.primitives.mldsa import PostQuantumKey;"
        "PostQuantumKey(bytes(1312)).thumbprint;"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
