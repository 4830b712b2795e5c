"""W5: a store that has grown to ten thousand packets, held against the same work when it was small.

Here the peer is greenlight itself: what is asked is that the cost of a packet stays what it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.bulk import empty_store
from benchmarks.paired import Command, Pair, Side
from benchmarks.tools import Bench

TENTH = 10  # W4 is a tenth of it
FEW = 10  # packets of a small store
NEW = 100  # packets that came after a check

_SAME = "the same program; what differs is how much the store holds"


def grown_pairs(bench: Bench) -> list[Pair]:
    """Pair work in, or of, the large store with the same in, or of, a smaller one."""
    folders = sorted(path.name for path in bench.work.iterdir())
    all_but_new, new = folders[:-NEW], folders[-NEW:]
    empty = empty_store(bench, bench.home / "empty-store")
    few = _sealed(bench, empty, "few", folders[:FEW])
    tenth = _sealed(bench, empty, "tenth", folders[: len(folders) // TENTH])
    large = _sealed(bench, empty, "large", all_but_new)
    check = _check(bench, large)
    _seal(bench, large, new)
    bench.run(large, "greenlight", "maintain")
    one = _first_id(bench, large)

    def at(store: Path, *words: str) -> Callable[[Path], Command]:
        return lambda _folder: bench.command(store, "greenlight", *words)

    def sealing(store: Path, what: list[str]) -> Callable[[Path], Command]:
        def prepare(folder: Path) -> Command:
            copy = Path(shutil.copytree(store, folder / "store", symlinks=True))
            words = ("greenlight", "seal", "--store", str(copy), *what)
            return bench.command(bench.work, *words)

        return prepare

    def pair(job: str, ours: tuple[str, object], peer: tuple[str, object]) -> Pair:
        return Pair(job, Side(*ours), Side(*peer), _SAME)  # type: ignore[arg-type]

    tenths = folders[: len(folders) // TENTH]
    return [
        pair(
            "seal",
            (f"seal {len(folders)} packets", sealing(empty, folders)),
            (f"{len(tenths)} packets, in one call", sealing(empty, tenths)),
        ),
        pair(
            "verify",
            ("verify --all", at(large, "verify", "--all")),
            (f"{len(tenths)} packets", at(tenth, "verify", "--all")),
        ),
        pair(
            "seal",
            ("seal one more", sealing(large, folders[:1])),
            ("the first", sealing(empty, folders[:1])),
        ),
        pair(
            "find",
            ("show PACKET", at(large, "show", one)),
            (f"in a store of {FEW}", at(few, "show", _first_id(bench, few))),
        ),
        pair(
            "verify",
            ("verify --all --since", at(large, "verify", "--all", "--since", check)),
            ("all, not only the new 100", at(large, "verify", "--all")),
        ),
    ]


def _sealed(bench: Bench, empty: Path, name: str, folders: list[str]) -> Path:
    store = Path(shutil.copytree(empty, bench.home / name, symlinks=True))
    _seal(bench, store, folders)
    return store


def _seal(bench: Bench, store: Path, folders: list[str]) -> None:
    bench.run(bench.work, "greenlight", "seal", "--store", str(store), *folders)


def _check(bench: Bench, store: Path) -> str:
    return str(json.loads(bench.run(store, "greenlight", "verify", "--all", "--json"))["check"])


def _first_id(bench: Bench, store: Path) -> str:
    log = json.loads(bench.run(store, "greenlight", "log", "--json"))
    return str(log["packets"][-1]["packet_id"])
