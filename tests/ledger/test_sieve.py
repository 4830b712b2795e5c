"""A sieve never lets through what is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenlight.ledger.sieve import Sieve

KEYS = st.sets(st.tuples(st.sampled_from(["claim", "uuid"]), st.text(max_size=8)), max_size=60)


@given(KEYS)
def test_what_went_in_is_never_lacking(keys):
    sieve = Sieve(0)
    for kind, key in keys:
        sieve.add(kind, key)
    assert not any(sieve.lacks(kind, key) for kind, key in keys)


def test_most_of_what_did_not_is():
    """Sized for its ledger, it asks the tables in vain for few keys; at first for none."""
    sieve = Sieve(10_000)
    assert all(sieve.lacks("claim", f"run/{n}") for n in range(1000))
    for n in range(40_000):
        sieve.add("claim", f"run/{n}")
    asked = sum(not sieve.lacks("claim", f"grant/{n}") for n in range(10_000))
    assert asked < 300
