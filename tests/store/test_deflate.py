from __future__ import annotations

import os
import zlib

import pytest

from greenlight.store.deflate import MIN_SAMPLED_BYTES, compress, deflater, is_compressible

TEXT = b"all work and no play makes jack a dull boy\n"


@pytest.mark.parametrize("size", [0, 1, MIN_SAMPLED_BYTES - 1, MIN_SAMPLED_BYTES, 65_536, 300_000])
@pytest.mark.parametrize("make", [os.urandom, lambda size: (TEXT * size)[:size], bytes])
def test_zlib_inflates_it(size, make):
    """Whatever way was chosen, it is one zlib stream and nothing behind it."""
    body = make(size)
    assert zlib.decompress(compress(body)) == body
    stream = deflater(body[:100])
    pieces = [
        bytes(each) for at in range(0, size, 1000) for each in stream.add(body[at : at + 1000])
    ]
    pieces += [bytes(each) for each in stream.finish()]
    assert zlib.decompress(b"".join(pieces)) == body


def test_noise_is_stored():
    """Random bytes grow by five bytes a block, and not by a quarter."""
    noise = os.urandom(1_000_000)
    assert not is_compressible(noise)
    assert len(compress(noise)) < 1_000_100
    assert len(compress(TEXT * 1000)) < 2000
