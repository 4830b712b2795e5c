"""Modules of greenlight that run as programs of their own: the same package, and nothing around it.

``-P`` keeps the working directory off the path: a benchmark runs in somebody's repository, which
may hold a folder called ``greenlight``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from greenlight.execution.steps import DEFAULT_ENVIRONMENT, PYTHON

_PACKAGE = Path(__file__).resolve().parents[1]


def with_python(argv: Sequence[str]) -> tuple[str, ...]:
    """Return a command whose ``@python`` is the interpreter that runs greenlight."""
    return (sys.executable, *argv[1:]) if argv[:1] and argv[0] == PYTHON else tuple(argv)


def own_command(module: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command and the whole environment that run a module of this package."""
    argv = (sys.executable, "-P", "-s", "-m", module)
    return argv, {**DEFAULT_ENVIRONMENT, "PYTHONPATH": str(_PACKAGE.parent)}
