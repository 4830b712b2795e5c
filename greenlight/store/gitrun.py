"""Run the ``git`` executable on a repository, against another one: bounded in all it can use.

It is started with a list of words, in a process group of its own that is ended at the deadline,
without a terminal to ask on and without hooks.  What it prints is bounded, and, where that is
asked, the size of every file that it writes: a remote decides how much it sends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape
from greenlight.store.repository import Store

MAX_OUTPUT: Final = 16 * MIB  # of ls-remote: 100,000 refs
MAX_SAID: Final = 400  # characters of a remote's message that are shown
_LOOK_SECONDS: Final = 0.5  # between looks at how much it has written
_BLOCK: Final = 512  # bytes, of a POSIX shell's ``ulimit -f``
# Whoever writes more is told so and can clean up; where the signal is not known, it is ended.
_BOUNDED: Final = 'trap "" XFSZ 2>/dev/null; ulimit -f "$0" && exec "$@"'

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

# By these it says that it did not come as far as sending; by those, that it did.
_NOT_SENT: Final = (
    b"Could not read from remote repository",
    b"unable to access",
    b"does not appear to be a git repository",
)
_SENT: Final = (b"hung up unexpectedly", b"RPC failed", b"unexpected disconnect")
# And by these that it may not write a file as large as that.
_TOO_LARGE: Final = (b"File too large", b"died of signal 25", b"File size limit exceeded")
_NOT_FOUND: Final = 127  # what env says of a program that is not there
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
_TEMPORARY: Final = "tmp_pack_*"  # of git's index-pack, which leaves it where it fails


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a run of git.

    Attributes:
        code: Its exit code; negative where it was ended.
        out: What it printed.
        err: What it complained about.
        timed_out: Whether it was ended at the deadline.
        too_large: Whether it would have written a larger file, or more, than it may.
    """

    code: int
    out: bytes
    err: bytes
    timed_out: bool = False
    too_large: bool = False

    @property
    def sent(self) -> bool:
        """Whether it may have sent something."""
        early = any(words in self.err for words in _NOT_SENT)
        return self.timed_out or not early or any(words in self.err for words in _SENT)

    @property
    def said(self) -> str:
        """The last words of standard error, escaped."""
        lines = [line.strip() for line in self.err.decode("utf-8", "replace").splitlines()]
        return short("; ".join(line for line in lines if line)[-MAX_SAID:])


def run_git(store: Store, words: Sequence[str], seconds: float, *, max_bytes: int = 0) -> Done:
    """Run git on a repository, in a process group of its own, ended at the deadline.

    Args:
        store: The repository.
        words: Its arguments.
        seconds: Until the deadline.
        max_bytes: Of each file that it, or what it starts on this machine, may write; 0 for any.

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
    if max_bytes:
        argv = ["sh", "-c", _BOUNDED, str(max(1, max_bytes // _BLOCK)), *argv]
    # As git itself: a URL that is a relative path begins at the work tree, or at a bare repository.
    top = git_dir.parent if git_dir.name == ".git" else git_dir
    began = time.time()
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
        done = _done(code, out, err)
    if done.code != 0:
        for pause in _PAUSES:  # whoever was killed lets go of its files a moment later
            if not remove_unfinished(store.objects.directory / "pack", began):
                break
            time.sleep(pause)
    return done


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


def _done(code: int | None, out: IO[bytes], err: IO[bytes]) -> Done:
    sizes = [os.fstat(file.fileno()).st_size for file in (out, err)]
    said = _read(err)
    too_large = max(sizes) > MAX_OUTPUT or (
        code not in (0, None) and any(words in said for words in _TOO_LARGE)
    )
    timed_out = code is None and not too_large
    return Done(-1 if code is None else code, _read(out), said, timed_out, too_large)


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(MAX_OUTPUT)


def remove_unfinished(folder: Path, began: float) -> int:
    """Remove the packs that a git which was ended, or had too much, had begun to write.

    Whose a file is its name does not tell: what is older than ``began``, somebody else's, or held
    open by any process stays for ``git gc``.

    Returns:
        How many were held open.
    """
    left = 0
    with suppress(OSError):
        mine = [path for path in folder.glob(_TEMPORARY) if _is_mine(path, began)]
        held = set(_held_open()) if mine else set()
        for path in mine:
            found = path.stat()
            if (found.st_dev, found.st_ino) in held:
                left += 1
            else:
                path.unlink(missing_ok=True)
    return left


def _is_mine(path: Path, began: float) -> bool:
    found = path.lstat()
    return found.st_uid == os.geteuid() and found.st_mtime >= began - 1


def _held_open() -> Iterator[tuple[int, int]]:
    """Yield device and inode of what processes of this user hold open.

    Raises:
        OSError: This system does not say.
    """
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):  # it has just ended, or is another user's
            for entry in (process / "fd").iterdir():
                with suppress(OSError):
                    found = entry.stat()
                    yield found.st_dev, found.st_ino


def short(text: str) -> str:
    """Return what a remote said, on one line that can be shown."""
    return escape(" ".join(text.split()))[:MAX_SAID]
