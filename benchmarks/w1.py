"""W1, one packet of 22 small files: sealed and verified by each program in its own way.

Every side is what a person would type, as a whole process.  Folders, stores and keys are
made before the clock starts, for each run anew.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.paired import Command, Pair, Side
from benchmarks.tools import IN_TOTO_KEY, Bench, packet_id, write_in_toto_layout

STORES = (
    "greenlight stores every byte in Git, signs statement, commit and ledger entry, and syncs"
    " all of it to the disk before it says done"
)
CHECKS = (
    "greenlight reads its store and checks paths, manifest, tree, statement, seal and the ledger"
)


def seal_pairs(bench: Bench) -> list[Pair]:
    """Pair `greenlight seal` with what makes evidence elsewhere."""
    template = _empty_store(bench, bench.home / "empty-store")

    def greenlight(folder: Path) -> Command:
        store = Path(shutil.copytree(template, folder / "store", symlinks=True))
        return bench.command(store, "greenlight", "seal", str(bench.work))

    def in_toto(folder: Path) -> Command:
        return bench.command(bench.copy(folder / "work"), *_in_toto_run(bench))

    def git(folder: Path) -> Command:
        work = bench.copy(folder / "work")
        bench.run(work, "git", "init", "-q")
        return bench.command(work, "sh", "-c", "git add -A && git commit -q -S -m sealed")

    def bagit(folder: Path) -> Command:
        return bench.command(folder, "bagit.py", "--sha256", str(bench.copy(folder / "work")))

    ours = Side("greenlight seal", greenlight)
    return [
        Pair(
            "seal",
            ours,
            Side("in-toto-run", in_toto),
            f"{STORES}; in-toto-run hashes the files twice (materials, products), signs one"
            " link, stores no content and syncs nothing",
        ),
        Pair(
            "seal",
            ours,
            Side("git add && git commit -S", git),
            f"{STORES}; git stores every byte under SHA-1, signs one commit, and does not sync"
            " loose objects by default",
        ),
        Pair(
            "seal",
            ours,
            Side("bagit.py --sha256", bagit),
            f"{STORES}; bagit moves the files, writes manifests, and signs and syncs nothing",
        ),
    ]


def verify_pairs(bench: Bench) -> list[Pair]:
    """Pair `greenlight verify` with what checks evidence elsewhere."""
    store = _empty_store(bench, bench.home / "store")
    sealed = packet_id(bench.run(store, "greenlight", "seal", str(bench.work), "--json"))

    signed = bench.copy(bench.home / "in-toto")
    bench.run(signed, *_in_toto_run(bench))
    write_in_toto_layout(bench, signed)

    commit = bench.copy(bench.home / "git")
    bench.run(commit, "git", "init", "-q")
    bench.run(commit, "git", "add", "-A")
    bench.run(commit, "git", "commit", "-q", "-S", "-m", "sealed")

    bag = bench.copy(bench.home / "bag")
    bench.run(bench.home, "bagit.py", "--sha256", str(bag))

    def copied(source: Path) -> Callable[[Path], Path]:
        return lambda folder: Path(shutil.copytree(source, folder / "work", symlinks=True))

    def side(name: str, source: Path, *argv: str) -> Side:
        copy = copied(source)
        return Side(name, lambda folder: bench.command(copy(folder), *argv))

    keys = str(bench.home / "in-toto.pub")
    ours = side("greenlight verify", store, "greenlight", "verify", sealed)
    return [
        Pair(
            "verify",
            ours,
            side(
                "in-toto-verify",
                signed,
                *("in-toto-verify", "-l", "root.layout", "--verification-keys", keys),
            ),
            f"{CHECKS}; in-toto-verify checks layout and link, runs one inspection, and hashes"
            " every file again before and after it",
        ),
        Pair(
            "verify",
            ours,
            side(
                "git fsck --full && verify-commit",
                commit,
                *("sh", "-c", "git fsck --full --strict && git verify-commit HEAD"),
            ),
            f"{CHECKS}; git checks its objects' SHA-1 and one commit's signature",
        ),
        Pair(
            "verify",
            ours,
            side("bagit.py --validate", bag, "bagit.py", "--validate", "."),
            f"{CHECKS}; bagit hashes every file and compares, and there is no signature",
        ),
    ]


def startup_pairs(bench: Bench) -> list[Pair]:
    """Pair `greenlight --version` with an interpreter that does nothing."""

    def at(*argv: str) -> Callable[[Path], Command]:
        return lambda folder: bench.command(folder, *argv)

    return [
        Pair(
            "start",
            Side("greenlight --version", at("greenlight", "--version")),
            Side("python -c pass", at(sys.executable, "-c", "pass")),
            "the interpreter alone is the least that any command of greenlight can cost",
        )
    ]


def _empty_store(bench: Bench, folder: Path) -> Path:
    """Make a repository with a fresh greenlight store."""
    folder.mkdir()
    bench.run(folder, "git", "init", "-q")
    bench.run(folder, "greenlight", "init")
    return folder


def _in_toto_run(bench: Bench) -> list[str]:
    key = str(bench.home / IN_TOTO_KEY)
    return ["in-toto-run", "-n", "seal", "--signing-key", key, "-x", "-m", ".", "-p", "."]
