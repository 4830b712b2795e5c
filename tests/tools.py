"""Other people's programs, as second readers: run where installed, and say why not where not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from greenlight.execution.box.ability import find_ability
from greenlight.execution.workspace import DEFAULT_PARENT


def need(program: str) -> str:
    """Return the path of ``program``; skip the test with a reason where it is not installed.

    With GREENLIGHT_REQUIRE_TOOLS=1, as in ``.ci/run``, a missing program fails instead.
    """
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is not installed, so nobody but greenlight would have read this"
        if os.environ.get("GREENLIGHT_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def need_faketime() -> Path:
    """Return libfaketime's library; skip the test with a reason, or fail it, as ``need`` does."""
    found = [
        path
        for folder in ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
        for path in sorted(Path(folder).glob("**/faketime/libfaketime.so.1"))
    ]
    if not found:
        reason = "libfaketime is not installed, so no clock could be set for this"
        if os.environ.get("GREENLIGHT_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found[0]


def confines() -> bool:
    """Report whether this host can make a box of everything; what a packet says depends on it."""
    return find_ability(DEFAULT_PARENT).full


def need_box() -> None:
    """Skip the test with a reason where this host cannot confine; fail it as ``need`` does."""
    ability = find_ability(DEFAULT_PARENT)
    if not ability.full:
        reason = f"this host cannot make a whole box: {ability.why}"
        if os.environ.get("GREENLIGHT_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


# What takes minutes, because it breaks every bit and not a sample: `make long`.
long_run = pytest.mark.skipif(
    os.environ.get("GREENLIGHT_LONG") != "1", reason="a long run: make long"
)
