"""Settings for every test: how hard properties are searched."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: a property is about values, and a busy machine is no counter-example.
settings.register_profile("quick", deadline=None)
# `make long`; a test that sets its own number of examples keeps it.
settings.register_profile(
    "long", deadline=None, max_examples=int(os.environ.get("HYPOTHESIS_MAX_EXAMPLES", "20000"))
)
settings.load_profile("long" if os.environ.get("GREENLIGHT_LONG") == "1" else "quick")
