"""The corpus that ships with greenlight."""

from __future__ import annotations

from functools import cache

from greenlight import shipped
from greenlight.model.corpus import Corpus, decode_corpus
from greenlight.primitives.digest import Digest


@cache
def shipped_corpus() -> Corpus:
    """Return the corpus."""
    return decode_corpus(shipped.hostile_corpus())


def corpus_digest() -> str:
    """Return ``sha256:<hex>`` of the corpus's file."""
    return str(Digest.of(shipped.hostile_corpus()))
