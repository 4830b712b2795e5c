"""Move refs between this repository and another one: the ``git`` executable does it.

It has people's credentials and proxies.  It is started with a list of words, bounded in
time and output, in a process group that is ended at the deadline, without a terminal to
ask on, without hooks, and never with a forced or a deleting refspec but for refs that we
made ourselves for a probe.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape
from greenlight.store.config import Settings, parse_config
from greenlight.store.durable import sync_directory, wrapped
from greenlight.store.gitobjects import is_oid
from greenlight.store.reconfigure import change_setting
from greenlight.store.repository import Store

SETTING: Final = "greenlight.remote"  # names the remote whose ledger counts
SECONDS: Final = 60.0  # for one exchange; `greenlight.remoteTimeout` sets another
MAX_SECONDS: Final = 3600
MAX_OUTPUT: Final = 16 * MIB  # of ls-remote: 100,000 refs
_LOOK_SECONDS: Final = 0.5  # between looks at how much it has written
PROBE: Final = "refs/greenlight/probe/"  # refs that `greenlight doctor REMOTE` tries out
BRANCH_PROBE: Final = "refs/heads/greenlight-probe/"  # where the ledger is a branch
MAX_SAID: Final = 400  # characters of a remote's message that are shown

# What would lead git elsewhere than to the repository that was opened; what people configure by
# the environment, as a CI does its credentials, stays.
_UNSET: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_TRACE",
)
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "fetch.unpackLimit=1",  # one pack, which git syncs; loose objects it does not
    "transfer.unpackLimit=1",
    "core.fsync=all",  # whatever is configured: a ref of ours will lead to what is fetched
    "core.fsyncMethod=fsync",
    "fetch.fsckObjects=true",  # what comes is strictly read here too, but others read it as well
    "protocol.ext.allow=never",
    "push.followTags=false",
    "push.gpgSign=false",
    "advice.pushUpdateRejected=false",
)
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


# By these it says that it did not come as far as sending; by those, that it did.
_NOT_SENT: Final = (
    b"Could not read from remote repository",
    b"unable to access",
    b"does not appear to be a git repository",
)
_SENT: Final = (b"hung up unexpectedly", b"RPC failed", b"unexpected disconnect")
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
    seconds = settings.get(("greenlight", "", "remotetimeout"), "")
    plain = seconds.isascii() and seconds.isdigit() and 0 < int(seconds[:6]) <= MAX_SECONDS
    return GitRemote(store, name, float(seconds) if plain else SECONDS)


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


@dataclass(frozen=True, slots=True)
class GitRemote:
    """Another repository, by the name that this one has for it.

    Attributes:
        store: This repository.
        name: Of the remote.
        seconds: After which an exchange is ended.
    """

    store: Store
    name: str
    seconds: float

    def refs(self, *patterns: str) -> dict[str, str]:
        """Return its refs that fit patterns of full names, with their object ids.

        Raises:
            StoreError: REMOTE_UNREACHABLE, REMOTE_TIMED_OUT, REMOTE_FORMAT.
        """
        done = _run(self.store, ("ls-remote", "--refs", self.name, *patterns), self.seconds)
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
            StoreError: REMOTE_UNREACHABLE, REMOTE_TIMED_OUT.
        """
        if not refs:
            return
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-prune")
        more = ("--no-recurse-submodules", "--refmap=", self.name)
        specs = [f"{there}:{here}" for there, here in refs.items()]
        done = _run(self.store, (*words, *more, *specs), self.seconds)
        self._require(done, "be fetched from")
        sync_directory(self.store.git_dir / "objects" / "pack")

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
        done = _run(self.store, (*words, self.name, *specs), self.seconds)
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
            return PushOutcome(Pushed.RACED, _short("; ".join(own)))
        return PushOutcome(Pushed.REFUSED, _short(f"{'; '.join(own)}: {_remote_lines(done.err)}"))

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
        done = _run(self.store, (*words, self.name, *specs), self.seconds)
        if done.code == 0:
            return PushOutcome(Pushed.TAKEN)
        lines = done.out.decode("utf-8", "replace").splitlines()
        refused = [line.split("\t")[-1] for line in lines if line.startswith("!\t")]
        if not refused or done.timed_out:
            self._require_format(done)
            return PushOutcome(Pushed.FAILED, done.said, done.timed_out, done.sent)
        said = f"{'; '.join(refused)}: {_remote_lines(done.err)}"
        return PushOutcome(Pushed.REFUSED, _short(said))

    def _one_by_one(self, refs: Mapping[str, str]) -> PushOutcome:
        """Push where the other side cannot move several at once: in order, the ledger last."""
        outcome = PushOutcome(Pushed.TAKEN)
        for name, oid in refs.items():
            outcome = self.push({name: oid})
            if outcome.result is not Pushed.TAKEN:
                break
        return outcome

    def _require(self, done: _Done, what: str) -> None:
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

    def _require_format(self, done: _Done) -> None:
        if any(words in done.err for words in _FORMATS):
            raise StoreError(
                Code.REMOTE_FORMAT,
                f"{self.name} has object ids of another format than this repository",
                hint="git init --object-format makes one of the same format",
            )


# --- git


@dataclass(frozen=True, slots=True)
class _Done:
    code: int
    out: bytes
    err: bytes
    timed_out: bool

    @property
    def sent(self) -> bool:
        """Whether it may have sent something."""
        early = any(words in self.err for words in _NOT_SENT)
        return self.timed_out or not early or any(words in self.err for words in _SENT)

    @property
    def said(self) -> str:
        """The last words of standard error, escaped."""
        lines = [line.strip() for line in self.err.decode("utf-8", "replace").splitlines()]
        return _short("; ".join(line for line in lines if line)[-MAX_SAID:])


def _run(store: Store, words: Sequence[str], seconds: float) -> _Done:
    """Run git on a repository, in a process group of its own, ended at the deadline.

    Raises:
        StoreError: TOOL_MISSING.
    """
    argv = ["env", *(word for name in _UNSET for word in ("-u", name))]
    argv += ["GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0"]
    # Rubbish among the refs here, of whomever, is passed over and does not stop an exchange.
    argv += ["GIT_NO_REPLACE_OBJECTS=1", "GIT_REF_PARANOIA=0", "git"]
    argv += [word for setting in _SETTINGS for word in ("-c", setting)]
    git_dir = store.git_dir.absolute()
    argv += ["--git-dir", str(git_dir), *words]
    # As git itself: a URL that is a relative path begins at the work tree, or at a bare repository.
    top = git_dir.parent if git_dir.name == ".git" else git_dir
    # Files and not pipes: whatever holds them open afterwards is not waited for.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own words, names that were checked
                argv,
                cwd=top,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise StoreError(Code.TOOL_MISSING, "git cannot be started") from error
        try:
            code = _wait(process, (out, err), seconds)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code == _NOT_FOUND:
            raise StoreError(Code.TOOL_MISSING, "git is not installed")
        return _Done(-1 if code is None else code, _read(out), _read(err), code is None)


def _wait(
    process: subprocess.Popen[bytes], files: Sequence[IO[bytes]], seconds: float
) -> int | None:
    """Return what a process ends with; None at the deadline, or where it writes without end."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(min(left, _LOOK_SECONDS))
        if any(os.fstat(file.fileno()).st_size > MAX_OUTPUT for file in files):
            break
    return None


_NOT_FOUND: Final = 127  # what env says of a program that is not there


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(MAX_OUTPUT)


def _remote_lines(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").splitlines()
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    return " ".join(line for line in said if line)


def _short(text: str) -> str:
    return escape(" ".join(text.split()))[:MAX_SAID]
