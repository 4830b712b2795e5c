"""Exit codes: one table, chosen by who can do something about it."""

from __future__ import annotations

import pytest

from greenlight.cli.exit_codes import RESERVED, Exit, exit_code_for
from greenlight.codes import Code
from greenlight.errors import (
    ConflictError,
    GreenlightError,
    MalformedError,
    RefusedError,
    RejectedError,
    StoreError,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (RejectedError(Code.TREE_MISMATCH, "x"), 1),
        (UsageError(Code.PACKET_UNKNOWN, "x"), 64),
        (MalformedError(Code.LANE_MALFORMED, "x"), 65),
        (StoreError(Code.STORE_BUSY, "x"), 69),
        (ConflictError("x", current=""), 69),
        (ZeroDivisionError(), 70),
        (SystemError(), 70),
        (RefusedError(Code.DELEGATION_MISSING, "x"), 77),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_has_its_number(error: BaseException, number: int) -> None:
    """What was not raised on purpose is a bug, and nothing may be concluded."""
    assert exit_code_for(error) == number


def test_every_class_of_error_has_a_number_of_its_own_kind() -> None:
    """No error that greenlight raises on purpose is shown as a bug."""
    for cls in GreenlightError.__subclasses__():
        assert exit_code_for(cls(Code.USAGE, "x")) not in {Exit.OK, Exit.BUG}


def test_every_number_says_what_it_means() -> None:
    """docs/exit-codes.md is made from these."""
    meanings = [code.meaning for code in Exit]
    assert all(meanings)
    assert len(set(meanings)) == len(Exit)


def test_numbers_of_the_sources_stay_unused() -> None:
    """5 and 24 belong to commands that do not exist yet; 2 is a broken chain's, 6 a baseline's."""
    assert set(RESERVED) == {24}
    assert (Exit.CHAIN_BROKEN, Exit.BASELINE) == (2, 6)
    assert RESERVED.keys().isdisjoint(set(Exit))
