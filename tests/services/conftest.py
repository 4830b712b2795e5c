"""A bench to run lanes on."""

from __future__ import annotations

import pytest

from tests.lanes_helper import Bench


@pytest.fixture
def bench(tmp_path):
    made = Bench.make(tmp_path)
    with made.store:
        yield made
