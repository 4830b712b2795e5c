"""A bench to run lanes on."""

from __future__ import annotations

import pytest

from tests.lanes_helper import Bench
from tests.store.conftest import git

__all__ = ["bench", "git"]


@pytest.fixture
def bench(tmp_path):
    made = Bench.make(tmp_path)
    with made.store:
        yield made
