"""Limits are numbers with a reason, and consistent with each other."""

from __future__ import annotations

import inspect

from greenlight.primitives import limits


def test_every_limit_states_its_reason():
    """No limit is a bare number: its line says why it is that number."""
    lines = [line for line in inspect.getsource(limits).splitlines() if line.startswith("MAX_")]
    assert len(lines) > 20
    for line in lines:
        assert len(line.partition("  # ")[2]) > 10, line


def test_a_record_holds_the_largest_entry():
    """What may be signed can also be recorded."""
    assert limits.MAX_RECORD_BYTES > limits.MAX_ENTRY_BYTES


def test_a_statement_holds_the_longest_lineage():
    """MAX_LINEAGE trees, each `sha256:` and 64 digits with a two byte head, fit a statement."""
    assert limits.MAX_LINEAGE * (2 + 71) + 4096 < limits.MAX_STATEMENT_BYTES
