"""Commands of greenlight under a clock that stands still where a test puts it.

A server process has imported greenlight under libfaketime, which gives every question for the
time the answer that a file says, and forks a child for each command; what that starts lives
at the same time.  Clocks that only measure, for time-outs, go on.

``python -m tests.cli.clocked`` is the server: a line of JSON in, a line of JSON out.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.cli.conftest import ROOT, Done
from tests.tools import need_faketime

_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


class Clocked:
    """The server, as a test uses it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "now"
        self._fake = {
            "LD_PRELOAD": str(need_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.file.write_text("2026-01-01 00:00:00\n")
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TZ": "UTC"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.clocked"],
            cwd=ROOT,
            env=env | self._fake,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(  # noqa: PLR0913 - a command, its surroundings, its clock
        self,
        when: datetime,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        zone: str = "UTC",
        step: float = 0.0,
    ) -> Done:
        """Run a command at a moment.

        Args:
            when: What the clock says.
            words: The command line.
            cwd: Where.
            env: Its environment.
            zone: Where the machine stands, whose wall clock shows another time.
            step: By how many seconds the clock jumps after each question.
        """
        moment = when.astimezone(ZoneInfo(zone)).strftime(_FORMAT)
        self.file.write_text(f"@{moment} i{step}\n" if step else f"{moment}\n")
        job = {"words": [*words], "cwd": str(cwd), "env": {**env, **self._fake, "TZ": zone}}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return Done(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def serve() -> None:
    """Answer jobs until the input ends."""
    from greenlight.cli import program  # noqa: F401, PLC0415 - so that no child has to
    from greenlight.services import receipts, run  # noqa: F401, PLC0415 - likewise

    # Python sleeps until a moment of the measuring clock, which libfaketime takes for one of the
    # other: close to 1970 that would be hours.
    time.sleep = lambda seconds: select.select((), (), (), seconds)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


def _run(job: dict[str, object]) -> dict[str, object]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _be_child(job, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))
    return {"exit": status, "out": said[0], "err": said[1]}


def _be_child(job: dict[str, object], out: int, err: int) -> None:
    status = 70
    try:
        env, words = job["env"], job["words"]
        assert isinstance(env, dict)
        assert isinstance(words, list)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(str(job["cwd"]))
        for target, source in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
            os.dup2(source, target)
        from greenlight.cli.main import main  # noqa: PLC0415 - imported by the server

        tempfile.tempdir = None
        status = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve()
