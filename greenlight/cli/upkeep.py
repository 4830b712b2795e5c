"""Maintenance by itself: after a command that wrote, when it is due, in a process of its own.

The command does not wait for it, and nobody sees it: what it finds damaged, ``greenlight
maintain`` and ``greenlight verify`` say again.  It is off with ``GREENLIGHT_NO_MAINTAIN=1``,
and in one repository with ``git config greenlight.maintain false``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from greenlight.cli.surroundings import store_of
from greenlight.cli.values import Values
from greenlight.errors import StoreError
from greenlight.store.due import is_due, is_wanted
from greenlight.store.repository import Store

_OFF: Final = "GREENLIGHT_NO_MAINTAIN"
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR")  # no key


@contextmanager
def written_store(arguments: Values) -> Iterator[Store]:
    """Open the store for a command that writes; see to its upkeep when the command is done.

    Raises:
        StoreError: There is none, or it does not serve.
    """
    with store_of(arguments) as store:
        yield store
        with suppress(OSError, StoreError):
            if not os.environ.get(_OFF) and is_due(store) and is_wanted(store):
                _begin(store)


def _begin(store: Store) -> None:
    import subprocess  # noqa: PLC0415 - costs what a short command takes, and is seldom needed

    subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", "greenlight", "maintain", "--store", str(store.git_dir)],
        cwd="/",
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
