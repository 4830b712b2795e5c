"""Settings for every test: how hard properties are searched."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# No deadline: a property is about values, and a busy machine is no counter-example.
settings.register_profile("quick", deadline=None)
# `make long`; a test that sets its own number of examples keeps it.
settings.register_profile(
    "long", deadline=None, max_examples=int(os.environ.get("HYPOTHESIS_MAX_EXAMPLES", "20000"))
)
settings.load_profile("long" if os.environ.get("GREENLIGHT_LONG") == "1" else "quick")


# Suites of whole processes at many moments or calls: a seventh of them runs with all tests, all of
# them where they are asked for by name, and with GREENLIGHT_LONG=1.
SAMPLED = ("test_clock.py",)
EACH = 7


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out most of what is sampled; pytest says how many that were."""
    asked = " ".join(config.args)
    if os.environ.get("GREENLIGHT_LONG") == "1" or any(name in asked for name in SAMPLED):
        return
    sampled = [item for item in items if item.path.name in SAMPLED and "[" in item.name]
    left_out = set(sampled) - set(sampled[::EACH])
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))
