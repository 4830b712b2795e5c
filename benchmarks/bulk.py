"""W2, W3 and W4: many files, large files, many packets; beside git, coreutils and bagit.

The evidence is only read, so every run sees the same folder; stores are fresh for each run.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.backups import backup_pairs
from benchmarks.paired import Command, Pair, Side
from benchmarks.tools import Bench

STORES = "greenlight searches for secrets, stores, signs and syncs all of it before it says done"
CHECKS = "greenlight checks every object, digest, tree, statement, seal, shelf and ledger record"
_LIST = "find . -type f -print0 | sort -z | xargs -0 sha256sum"
_EACH_COMMITTED = (
    "git init -q && for d in p*; do git add -- $d && git commit -q -S -m $d || exit 1; done"
)
_EACH_VERIFIED = (
    "git fsck --full --strict && git rev-list HEAD | while read c; do"
    " git verify-commit $c 2>/dev/null || exit 1; done"
)


def bulk_pairs(bench: Bench) -> list[Pair]:
    """Pair sealing and verifying of every folder in the workload with what people have."""
    folders = sorted(path.name for path in bench.work.iterdir())
    sealing, verifying = _seal_pairs(bench, folders), _verify_pairs(bench, folders)
    backups = backup_pairs(bench, bench.home / "store", sealing[0].ours, folders)
    return [*sealing, *verifying, *backups]


def _seal_pairs(bench: Bench, folders: list[str]) -> list[Pair]:
    template = empty_store(bench, bench.home / "empty-store")

    def greenlight(folder: Path) -> Command:
        store = Path(shutil.copytree(template, folder / "store", symlinks=True))
        return bench.command(bench.work, "greenlight", "seal", "--store", str(store), *folders)

    def git(folder: Path) -> Command:
        env = {**bench.env, "GIT_DIR": str(folder / "git"), "GIT_WORK_TREE": str(bench.work)}
        return Command(("sh", "-c", _EACH_COMMITTED), bench.work, env)

    def at_work(*argv: str) -> Callable[[Path], Command]:
        return lambda _folder: bench.command(bench.work, *argv)

    ours = Side("greenlight seal DIR...", greenlight)
    return [
        Pair(
            "seal",
            ours,
            Side("git add && git commit -S, each", git),
            f"{STORES}; git stores loose objects under SHA-1, signs commits, syncs nothing",
        ),
        Pair(
            "seal",
            ours,
            Side("sha256sum", at_work("sh", "-c", _LIST)),
            f"{STORES}; sha256sum reads and hashes once",
        ),
        Pair(
            "seal",
            ours,
            Side(
                "openssl dgst -sha256",
                at_work("sh", "-c", _LIST.replace("sha256sum", "openssl dgst -sha256")),
            ),
            "the physical limit: one fast hash over every byte",
        ),
    ]


def _verify_pairs(bench: Bench, folders: list[str]) -> list[Pair]:
    store = empty_store(bench, bench.home / "store")
    bench.run(bench.work, "greenlight", "seal", "--store", str(store), *folders)
    env = {**bench.env, "GIT_DIR": str(bench.home / "git"), "GIT_WORK_TREE": str(bench.work)}
    _run(Command(("sh", "-c", _EACH_COMMITTED), bench.work, env))
    sums = bench.home / "sums"
    sums.write_text(bench.run(bench.work, "sh", "-c", _LIST))
    bags = bench.copy(bench.home / "bags")
    bench.run(bags, "bagit.py", "--sha256", *folders)

    def side(name: str, command: Command) -> Side:
        return Side(name, lambda _folder: command)

    ours = side("greenlight verify --all", bench.command(store, "greenlight", "verify", "--all"))
    peers: Iterable[tuple[str, Command, str]] = (
        (
            "git fsck && verify-commit, each",
            Command(("sh", "-c", _EACH_VERIFIED), bench.work, env),
            "git checks its objects' SHA-1 and the signatures of the commits",
        ),
        (
            "sha256sum -c",
            bench.command(bench.work, "sha256sum", "--quiet", "-c", str(sums)),
            "sha256sum compares digests that nobody signed",
        ),
        (
            "bagit.py --validate, 2 processes",
            bench.command(bags, "bagit.py", "--validate", "--quiet", "--processes", "2", *folders),
            "bagit hashes every file and compares; there is no signature",
        ),
        (
            "openssl dgst -sha256",
            bench.command(
                bench.work, "sh", "-c", _LIST.replace("sha256sum", "openssl dgst -sha256")
            ),
            "the physical limit: one fast hash over every byte",
        ),
    )
    return [
        Pair("verify", ours, side(name, command), f"{CHECKS}; {differs}")
        for name, command, differs in peers
    ]


def _run(command: Command) -> None:
    subprocess.run(command.argv, cwd=command.cwd, env=command.env, capture_output=True, check=True)


def empty_store(bench: Bench, folder: Path) -> Path:
    """Make a repository with a store in it, and return its folder."""
    folder.mkdir()
    bench.run(folder, "git", "init", "-q")
    bench.run(folder, "greenlight", "init")
    return folder
