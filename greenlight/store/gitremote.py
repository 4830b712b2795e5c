"""Move refs between this repository and another one: the ``git`` executable does it.

It has people's credentials and proxies.  It is started with a list of words, bounded in time,
in output and in what it may fetch (``store.gitrun``), and never with a forced or a deleting
refspec but for refs that we made ourselves for a probe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.primitives.limits import GIB, MIB
from greenlight.primitives.text import escape
from greenlight.store.config import Settings, parse_config
from greenlight.store.durable import sync_directory, wrapped
from greenlight.store.gitobjects import is_oid
from greenlight.store.gitrun import MAX_OUTPUT, Done, run_git, short
from greenlight.store.reconfigure import change_setting
from greenlight.store.repository import Store

SETTING: Final = "greenlight.remote"  # names the remote whose ledger counts
SECONDS: Final = 60.0  # for one exchange; `greenlight.remoteTimeout` sets another
MAX_SECONDS: Final = 3600
PROBE: Final = "refs/greenlight/probe/"  # refs that `greenlight doctor REMOTE` tries out
BRANCH_PROBE: Final = "refs/heads/greenlight-probe/"  # where the ledger is a branch
# Of packs that one command fetches: evidence of years, or a ledger of three million records;
# `greenlight.remoteMaxMiB` sets another.
MAX_BYTES: Final = 4 * GIB
_MAX_MIB: Final = 2**30  # a pebibyte: no limit at all

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,98}")
# Words of git's own, not of the other side's language, by which it says that it lost a race.
_RACE: Final = (
    "non-fast-forward",
    "fetch first",
    "stale info",
    "failed to update ref",
    "cannot lock ref",
    "remote ref updated since checkout",
    "reference already exists",
    "incorrect old value provided",
    "atomic push failed",
    "atomic transaction failed",
    "failed to lock",
)
_FORMATS: Final = (
    b"mismatched algorithms",
    b"object format",
    b"repository's hash algorithm",
    b"unexpected capabilities^{}",  # of an empty repository of the other format
)


class Pushed(StrEnum):
    """What became of a push."""

    TAKEN = "taken"
    RACED = "raced"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """What became of a push, as git tells it.

    Attributes:
        result: taken: git says so; raced: somebody was faster; refused: the other side will
            not have it; failed: it did not answer, and what it did is not known from this.
        said: What git or the other side said, escaped.
        timed_out: Whether it was ended at the deadline.
        sent: Whether the other side may have got it.
    """

    result: Pushed
    said: str = ""
    timed_out: bool = False
    sent: bool = True


def ledger_remote(store: Store) -> GitRemote | None:
    """Return the remote whose ledger counts here, or None where none is configured.

    Raises:
        StoreError: The configuration cannot be read.
        UsageError: REMOTE_UNKNOWN: it names no remote.
    """
    name = configured(store)
    return named_remote(store, name) if name else None


def named_remote(store: Store, name: str) -> GitRemote:
    """Return a remote by its name.

    Raises:
        UsageError: REMOTE_UNKNOWN: there is none.
        StoreError: The configuration cannot be read.
    """
    settings = _require_remote(store, name)
    seconds = _number(settings, "remotetimeout", MAX_SECONDS) or SECONDS
    mebibytes = _number(settings, "remotemaxmib", _MAX_MIB)
    return GitRemote(store, name, float(seconds), Budget(mebibytes * MIB or MAX_BYTES))


def _number(settings: Settings, name: str, most: int) -> int:
    """Return a setting of ours; 0 where it is absent, or no number from 1 to ``most``."""
    text = settings.get(("greenlight", "", name), "")
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    return int(text) if plain and 0 < int(text) <= most else 0


def _require_remote(store: Store, name: str) -> Settings:
    """Return the settings of a repository that has a remote called ``name``.

    Raises:
        UsageError: REMOTE_UNKNOWN.
        StoreError: The configuration cannot be read.
    """
    path = store.git_dir / "config"
    with wrapped(f"read {path}"):
        settings = parse_config(path.read_bytes())
    known = ("remote", name, "url") in settings
    if not known or not _NAME.fullmatch(name) or ".." in name or name.endswith(".lock"):
        raise UsageError(
            Code.REMOTE_UNKNOWN,
            f"no remote is called {escape(name[:99])} here",
            hint="git remote add NAME URL",
        )
    return settings


def configured(store: Store) -> str:
    """Return the name of the remote whose ledger counts; empty where none does.

    Raises:
        StoreError: The configuration cannot be read.
    """
    path = store.git_dir / "config"
    with wrapped(f"read {path}"):
        return parse_config(path.read_bytes()).get(("greenlight", "", "remote"), "")


def configure(store: Store, name: str) -> None:
    """Let the ledger of a remote count; that of this repository where ``name`` is empty.

    Raises:
        UsageError: REMOTE_UNKNOWN.
        StoreError: STORE_BUSY, STORE_DAMAGED, IO_NOSPACE, IO_FAILED.
    """
    if name:
        _require_remote(store, name)
    elif not configured(store):
        return
    section, _, setting = SETTING.partition(".")
    change_setting(store, section, setting, name)


@dataclass(slots=True)
class Budget:
    """How much a command may still fetch.

    Attributes:
        left: Bytes of packs.
    """

    left: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class GitRemote:
    """Another repository, by the name that this one has for it.

    Attributes:
        store: This repository.
        name: Of the remote.
        seconds: After which an exchange is ended.
        budget: How much may still be fetched, by all exchanges together.
    """

    store: Store
    name: str
    seconds: float
    budget: Budget = field(default_factory=Budget, compare=False, repr=False)

    def refs(self, *patterns: str) -> dict[str, str]:
        """Return its refs that fit patterns of full names, with their object ids.

        Raises:
            StoreError: REMOTE_UNREACHABLE, REMOTE_TIMED_OUT, REMOTE_TOO_LARGE, REMOTE_FORMAT.
        """
        words = ("ls-remote", "--refs", self.name, *patterns)
        done = run_git(self.store, words, self.seconds, max_bytes=MAX_OUTPUT)
        self._require(done, "be asked")
        found: dict[str, str] = {}
        for line in done.out.decode("utf-8", "replace").splitlines():
            oid, _, name = line.partition("\t")
            if not is_oid(oid, self.store.object_format):
                raise StoreError(
                    Code.REMOTE_FORMAT,
                    f"{self.name} has object ids of another format than this repository",
                    hint="git init --object-format makes one of the same format",
                )
            found[name] = oid
        return found

    def fetch(self, refs: Mapping[str, str]) -> None:
        """Fetch refs of the other side into refs here that are not there yet; then sync.

        Args:
            refs: Name there to name here.

        Raises:
            StoreError: REMOTE_UNREACHABLE, REMOTE_TIMED_OUT; REMOTE_TOO_LARGE: it sends more than
                may still be fetched; nothing of it stays.
        """
        if not refs:
            return
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-prune")
        more = ("--no-recurse-submodules", "--refmap=", self.name)
        specs = [f"{there}:{here}" for there, here in refs.items()]
        folder = self.store.objects.directory / "pack"
        before, left = _bytes_in(folder), max(1, self.budget.left)
        done = run_git(self.store, (*words, *more, *specs), self.seconds, max_bytes=left)
        hint = f"git config {SETTING}MaxMiB MEBIBYTES lets a command fetch more"
        self._require(done, "be fetched from", more=hint)
        sync_directory(folder)
        self.budget.left -= max(0, _bytes_in(folder) - before)

    def push(self, refs: Mapping[str, str], *, atomic: bool = True) -> PushOutcome:
        """Move refs of the other side, each of which must go forward; all of them or none.

        Args:
            refs: Name there to the object id that it shall have.
            atomic: Whether the other side must move all or none.

        Raises:
            StoreError: TOOL_MISSING, REMOTE_FORMAT.
        """
        # A mirror's setting forbids to name what is pushed.
        words = ["-c", f"remote.{self.name}.mirror=false", "push"]
        words += ["--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"]
        if atomic and len(refs) > 1:
            words.append("--atomic")
        specs = [f"{oid}:{name}" for name, oid in refs.items()]
        done = run_git(self.store, (*words, self.name, *specs), self.seconds)
        if done.code == 0:
            return PushOutcome(Pushed.TAKEN)
        lines = done.out.decode("utf-8", "replace").splitlines()
        refused = [line.split("\t")[-1] for line in lines if line.startswith("!\t")]
        if "does not support --atomic" in done.err.decode("utf-8", "replace"):
            return self._one_by_one(refs)
        if not refused or done.timed_out:
            self._require_format(done)
            return PushOutcome(Pushed.FAILED, done.said, done.timed_out, done.sent)
        # Of several, those that only went down with another say nothing of why.
        own = [said for said in refused if "atomic" not in said] or refused
        if all(any(word in said for word in _RACE) for said in own):
            return PushOutcome(Pushed.RACED, short("; ".join(own)))
        return PushOutcome(Pushed.REFUSED, short(f"{'; '.join(own)}: {_remote_lines(done.err)}"))

    def probe(self, *specs: str, atomic: bool = False, hooks: Path | None = None) -> PushOutcome:
        """Push what may go backwards or delete, to refs that are there to be tried out alone.

        Args:
            specs: ``<oid>:<ref>``, where an empty ``<oid>`` deletes.
            atomic: Whether the other side must move all or none.
            hooks: A folder with a ``pre-push`` hook, which runs when the other side has said
                what it has, and before it is sent anything.

        Raises:
            StoreError: TOOL_MISSING, REMOTE_FORMAT.
            ValueError: A ref that is none to be tried out.
        """
        if not all(spec.partition(":")[2].startswith((PROBE, BRANCH_PROBE)) for spec in specs):
            raise ValueError(specs)
        words = ["-c", f"remote.{self.name}.mirror=false"]
        words += [] if hooks is None else ["-c", f"core.hooksPath={hooks}"]
        words += ["push", "--porcelain", "--force", "--no-follow-tags", "--recurse-submodules=no"]
        words += [] if hooks is not None else ["--no-verify"]
        words += ["--atomic"] if atomic else []
        done = run_git(self.store, (*words, self.name, *specs), self.seconds)
        if done.code == 0:
            return PushOutcome(Pushed.TAKEN)
        lines = done.out.decode("utf-8", "replace").splitlines()
        refused = [line.split("\t")[-1] for line in lines if line.startswith("!\t")]
        if not refused or done.timed_out:
            self._require_format(done)
            return PushOutcome(Pushed.FAILED, done.said, done.timed_out, done.sent)
        said = f"{'; '.join(refused)}: {_remote_lines(done.err)}"
        return PushOutcome(Pushed.REFUSED, short(said))

    def _one_by_one(self, refs: Mapping[str, str]) -> PushOutcome:
        """Push where the other side cannot move several at once: in order, the ledger last."""
        outcome = PushOutcome(Pushed.TAKEN)
        for name, oid in refs.items():
            outcome = self.push({name: oid})
            if outcome.result is not Pushed.TAKEN:
                break
        return outcome

    def _require(self, done: Done, what: str, *, more: str | None = None) -> None:
        if done.too_large:
            raise StoreError(
                Code.REMOTE_TOO_LARGE,
                f"{self.name} sends more than is taken: it cannot {what}",
                hint=more,
            )
        if done.timed_out:
            raise StoreError(
                Code.REMOTE_TIMED_OUT,
                f"{self.name} did not answer within {self.seconds:g} seconds",
                hint=f"git config {SETTING}Timeout SECONDS lets it take longer",
            )
        if done.code != 0:
            self._require_format(done)
            raise StoreError(
                Code.REMOTE_UNREACHABLE, f"{self.name} cannot {what}: {done.said or 'no word'}"
            )

    def _require_format(self, done: Done) -> None:
        if any(words in done.err for words in _FORMATS):
            raise StoreError(
                Code.REMOTE_FORMAT,
                f"{self.name} has object ids of another format than this repository",
                hint="git init --object-format makes one of the same format",
            )


def _bytes_in(folder: Path) -> int:
    """Return how many bytes the packs of a folder have."""
    total = 0
    for path in folder.glob("pack-*.pack"):
        with suppress(OSError):  # joined by git just now
            total += path.stat().st_size
    return total


def _remote_lines(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").splitlines()
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    return " ".join(line for line in said if line)
