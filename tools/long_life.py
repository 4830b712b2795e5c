"""Let a store of ten thousand packets live, and measure what each command of it needs.

``python -m tools.long_life [--packets N]`` makes N folders of 22 files, founds a store, and
then runs greenlight and git as a user would: everything sealed in one call, packed, verified;
one in a hundred purged, gc, verified again; cloned by git's own fetch, with the trust root's
digest, and verified there.  It prints the table of ``docs/long-runs.md``.  The exit code is 1
where a command failed, took more than LIMIT of memory in any process, or said something else
than it must.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LIMIT_MIB = 256
FILES = 22
EACH = 100  # of so many packets one is purged
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that is over.

    Attributes:
        seconds: Wall time.
        mib: The most that any one process of it held in memory.
        size: MiB of the store after it.
    """

    what: str
    seconds: float
    mib: float
    size: float


@dataclass(slots=True)
class Life:
    """A store, and what was done with it."""

    home: Path
    rows: list[Ran] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __call__(self, what: str, *words: object, cwd: Path, exits: int = 0) -> str:
        """Run a command and note what it needed; return its output."""
        env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        env |= {"PYTHONPATH": str(ROOT), "GREENLIGHT_NO_MAINTAIN": "1"}
        command = [str(word) for word in words]
        if command[0] == "greenlight":
            command[:1] = [sys.executable, "-m", "greenlight"]
        began = time.monotonic()
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(command, cwd=cwd, env=env, stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - began
            out.seek(0)
            text = out.read().decode()
        # Of the process and of all that it waited for, the largest.
        mib = usage.ru_maxrss / 1024
        self.rows.append(Ran(what, seconds, mib, _size(cwd)))
        print(f"{what}: {seconds:.1f} s, {mib:.0f} MiB", file=sys.stderr, flush=True)
        if process.returncode != exits:
            self.wrong.append(f"{what}: exit code {process.returncode}")
        if mib > LIMIT_MIB and command[0] == sys.executable:
            self.wrong.append(f"{what}: {mib:.0f} MiB, more than {LIMIT_MIB}")
        return text

    def expect(self, what: str, text: str, *wanted: str) -> None:
        """Note where an output does not say what it must."""
        self.wrong += [f"{what}: it does not say {each!r}" for each in wanted if each not in text]


def _size(folder: Path) -> float:
    git = folder / ".git"
    files = (path.lstat() for path in git.rglob("*")) if git.is_dir() else ()
    return sum(status.st_size for status in files) / 2**20


def live(home: Path, packets: int) -> Life:
    """Do all of it."""
    life = Life(home)
    evidence, store, clone = home / "evidence", home / "store", home / "clone"
    for folder in (evidence, store, clone):
        folder.mkdir()
    for number in range(packets):
        _write(evidence / f"p{number:05d}", number)
    life("key", "greenlight", "keys", "new", "--json", cwd=home)
    for folder in (store, clone):
        life("git init", "git", "init", "-q", "--object-format=sha256", cwd=folder)
    life("init", "greenlight", "init", cwd=store)
    root = json.loads(life("trust", "greenlight", "trust", "show", "--json", cwd=store))
    folders = sorted(evidence.iterdir())
    life.rows.clear()

    sealed = json.loads(
        life(f"seal {packets} folders", "greenlight", "seal", *folders, "--json", cwd=store)
    )["packets"]
    life("maintain", "greenlight", "maintain", cwd=store)
    _all(life, "verify --all", store, packets)
    gone = [row["packet_id"] for row in sealed[::EACH]]
    _purge(life, store, gone)
    life("git gc --prune=now", "git", "gc", "-q", "--prune=now", cwd=store)
    for folder in folders[::EACH]:  # its first file has bytes that no other packet has
        blob = _git(store, "hash-object", str(folder / "f00.txt")).stdout.strip()
        if _git(store, "cat-file", "-e", blob).returncode == 0:
            life.wrong.append(f"git gc: {folder.name} was purged, and its bytes are here")
    life("git fsck", "git", "fsck", "--no-progress", "--connectivity-only", cwd=store)
    text = _all(life, "verify --all, after it", store, packets)
    life.expect("verify --all, after it", text, *(f"WITHHELD  -  {each}" for each in gone[:3]))
    life("maintain again", "greenlight", "maintain", cwd=store)

    refs = [f"refs/greenlight/{name}:refs/greenlight/{name}" for name in ("ledger", "shelf/*")]
    life("git fetch, elsewhere", "git", "fetch", "-q", store, *refs, cwd=clone)
    trusting = root.get("trust_root") or root["digest"]
    life("init --trust", "greenlight", "init", "--trust", trusting, cwd=clone)
    life("git fsck, elsewhere", "git", "fsck", "--no-progress", "--connectivity-only", cwd=clone)
    text = _all(life, "verify --all, elsewhere", clone, packets)
    life.expect("verify elsewhere", text, *(f"WITHHELD  -  {each}" for each in gone[:3]))
    return life


def _git(store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=store, capture_output=True, text=True, check=False)


def _write(folder: Path, number: int) -> None:
    folder.mkdir()
    for index in range(FILES):
        words = f"packet {number} file {index}\n" * (8 + index)
        (folder / f"f{index:02d}.txt").write_text(words)


def _all(life: Life, what: str, store: Path, packets: int) -> str:
    text = life(what, "greenlight", "verify", "--all", cwd=store)
    life.expect(what, text, f"INTACT  {packets} packets and their ledger")
    return text


def _purge(life: Life, store: Path, packets: Sequence[str]) -> None:
    """Purge one by one, as people do; the row is their sum."""
    before = len(life.rows)
    for packet in packets:
        life("purge", "greenlight", "purge", packet, "--reason", "asked for", cwd=store)
    rows, life.rows[before:] = life.rows[before:], []
    seconds, most = sum(row.seconds for row in rows), max(row.mib for row in rows)
    life.rows.append(Ran(f"purge, {len(rows)} times", seconds, most, rows[-1].size))


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="greenlight-life-") as name:
        yield Path(name)


def main() -> int:
    """Print the table; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=10_000)
    arguments = parser.parse_args()
    with _home() as home:
        life = live(home, arguments.packets)
    print("| command | seconds | MiB of its largest process | MiB of the store |")
    print("|---|---|---|---|")
    for row in life.rows:
        print(f"| {row.what} | {row.seconds:.1f} | {row.mib:.0f} | {row.size:.0f} |")
    versions = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    print(f"\n{arguments.packets} packets of {FILES} files, {versions}")
    for each in life.wrong:
        print(f"wrong: {each}", file=sys.stderr)
    return 1 if life.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
