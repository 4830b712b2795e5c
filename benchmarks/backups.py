"""Beside programs that keep backups: restic and borg, where they are installed.

They encrypt or authenticate what they store, keep pieces apart by content, and know nothing of
who vouches for what; people reach for them to keep evidence all the same.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.paired import Command, Pair, Side
from benchmarks.tools import Bench

_DIFFERS = {
    "restic": "restic encrypts and stores by pieces; nothing is signed, and no claim is checked",
    "borg": "borg stores by pieces, here without encryption; nothing is signed or claimed",
}
_SECRET = {"RESTIC_PASSWORD": "bench", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}


def installed() -> list[str]:
    """Return which of the two are here."""
    return [name for name in _DIFFERS if shutil.which(name)]


def backup_pairs(bench: Bench, store: Path, seal: Side, folders: list[str]) -> list[Pair]:
    """Pair sealing and verifying of the workload with a backup of it, and a check of that.

    Args:
        bench: The workload.
        store: A store that has it sealed.
        seal: Our side of sealing.
        folders: What is sealed.
    """
    env = {**bench.env, **_SECRET}
    verify = Side(
        "greenlight verify --all",
        lambda _folder: bench.command(store, "greenlight", "verify", "--all"),
    )
    pairs = []
    for name in installed():
        first = bench.home / f"{name}-repository"
        _make(bench, env, name, first)
        bench.run_in(bench.work, env, *_keep(name, first, folders))
        checked = Command(_check(name, first), bench.work, env)

        def begin(folder: Path, name: str = name) -> Command:
            repository = folder / "repository"
            _make(bench, env, name, repository)
            return Command(_keep(name, repository, folders), bench.work, env)

        keeping = "restic backup" if name == "restic" else "borg create"
        checking = "restic check --read-data" if name == "restic" else "borg check --verify-data"
        pairs += [
            Pair("seal", seal, Side(keeping, begin), _DIFFERS[name]),
            Pair(
                "verify",
                verify,
                Side(checking, lambda _folder, command=checked: command),
                _DIFFERS[name],
            ),
        ]
    return pairs


def _make(bench: Bench, env: dict[str, str], name: str, repository: Path) -> None:
    words = ["restic", "-q", "-r", str(repository), "init"]
    if name == "borg":
        words = ["borg", "init", "-e", "none", str(repository)]
    bench.run_in(bench.home, env, *words)


def _keep(name: str, repository: Path, folders: list[str]) -> list[str]:
    if name == "restic":
        return ["restic", "-q", "-r", str(repository), "backup", *folders]
    return ["borg", "create", f"{repository}::one", *folders]


def _check(name: str, repository: Path) -> list[str]:
    if name == "restic":
        return ["restic", "-q", "-r", str(repository), "check", "--read-data"]
    return ["borg", "check", "--verify-data", str(repository)]
