"""When a store is due for maintenance, and whether its owner wants it by itself."""

from __future__ import annotations

import re
from typing import Final

from greenlight.store.config import parse_config
from greenlight.store.durable import replace_file, wrapped
from greenlight.store.loose import estimate_loose
from greenlight.store.ownpacks import count_noted
from greenlight.store.repository import Store

MAX_PACKS: Final = 50  # that came since the last time; as git's gc.autoPackLimit
MAX_LOOSE: Final = 6700  # objects that came since; as git's gc.auto

_STATE = "maintained"  # what was left the last time
_LINES = re.compile(rb"packs ([0-9]{1,9})\nloose ([0-9]{1,9})\n")
_MAX_STATE_BYTES = 64
_NO = frozenset({"false", "no", "off", "0"})


def is_due(store: Store) -> bool:
    """Report whether so much has come since the last maintenance that it is time again."""
    packs, loose = _left_then(store)
    return (
        count_noted(store.git_dir) - packs > MAX_PACKS or estimate_loose(store) - loose > MAX_LOOSE
    )


def is_wanted(store: Store) -> bool:
    """Report whether the repository's config leaves maintenance on: ``greenlight.maintain``.

    Raises:
        StoreError: The config cannot be read.
    """
    path = store.git_dir / "config"
    with wrapped(f"read {path}"):
        settings = parse_config(path.read_bytes())
    return settings.get(("greenlight", "", "maintain"), "true").lower() not in _NO


def note_state(store: Store) -> None:
    """Note what there is: the next maintenance is due when so much more has come.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    packs, loose = count_noted(store.git_dir), estimate_loose(store)
    replace_file(store.own_dir / _STATE, f"packs {packs}\nloose {loose}\n".encode("ascii"))


def _left_then(store: Store) -> tuple[int, int]:
    try:
        with (store.own_dir / _STATE).open("rb") as file:
            match = _LINES.fullmatch(file.read(_MAX_STATE_BYTES))
    except OSError:
        match = None
    return (int(match[1]), int(match[2])) if match else (0, 0)
