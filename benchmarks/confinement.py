"""The box beside bubblewrap, strace and nothing: `python -m benchmarks.confinement [--page FILE]`.

In one process and in turn, A, B, A, B: what is timed is a step, and not the start of Python.
bubblewrap lists nothing and records nothing; strace records and keeps from nothing.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from greenlight.execution.box.changes import changes
from greenlight.execution.confined import Confined, require_enforced
from greenlight.execution.steps import StepSpec
from greenlight.execution.workspace import Workspace

BEGIN, END = "<!-- box: begin -->", "<!-- box: end -->"
READ = "cat /usr/lib/*/lib*.so* /usr/bin/* >/dev/null 2>&1; true"
WORK = "i=0; while [ $i -lt 200 ]; do /bin/true; echo x > f$i; i=$((i+1)); done"
FILES = 10_000
TMP = "/tmp"  # noqa: S108 - a workspace makes a private folder in it


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        target: What the ratio is to be at most; None where nothing is asked.
    """

    what: str
    peer: str
    ours: list[float]
    theirs: list[float]
    target: float | None

    def line(self) -> str:
        """Return it as a row of the page's table."""
        ratios = [a / b for a, b in zip(self.ours, self.theirs, strict=True)]
        ratio = median(ratios)
        asked = "" if self.target is None else f"{self.target:g}"
        reached = "" if self.target is None else "yes" if ratio <= self.target else "no"
        return (
            f"| {self.what} | {self.peer} | {median(self.ours) * 1000:.1f} |"
            f" {median(self.theirs) * 1000:.1f} | {ratio:.2f} |"
            f" {min(ratios):.2f} to {max(ratios):.2f} | {asked} | {reached} |"
        )


def _timed(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _pair(  # noqa: PLR0913, PLR0917 - a comparison
    what: str,
    peer: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    runs: int,
    target: float | None,
    *,
    before: Callable[[], object] = lambda: None,
) -> Row:
    pairs = []
    for _ in range(runs + 1):  # the first only warms the caches
        before()
        first = _timed(ours)
        before()
        pairs.append((first, _timed(theirs)))
    del pairs[0]
    return Row(what, peer, [a for a, _ in pairs], [b for _, b in pairs], target)


def rows(parent: Path) -> Iterator[Row]:
    """Measure all of it."""
    confinement = Confined.here(parent)
    require_enforced(confinement.ability)
    with Workspace.create(parent) as workspace:
        bwrap = [
            "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr",
            "--ro-bind", "/etc", "/etc", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",
            "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
            "--tmpfs", TMP, "--bind", str(workspace.root), "/workspace", "--chdir",
            "/workspace",
        ]  # fmt: skip
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=%file,%network,execve"]

        def boxed(*argv: str) -> Callable[[], object]:
            spec = StepSpec(argv, timeout_seconds=600)

            def run() -> None:
                code = confinement.run(spec, workspace).code
                if code is not None:
                    raise SystemExit(f"{argv}: {code}")

            return run

        def process(*argv: str) -> Callable[[], object]:
            return lambda: subprocess.run(argv, cwd=workspace.root, check=True)

        def empty() -> None:
            for path in workspace.root.iterdir():
                path.unlink()

        yield _pair("start `true`", "bubblewrap", boxed("true"), process(*bwrap, "true"), 21, 5)
        shell = ("sh", "-c", READ)
        yield _pair("read 1 GB of files", "bare", boxed(*shell), process(*shell), 5, 1.3)
        shell = ("sh", "-c", WORK)
        what = "200 programs, 200 writes"
        yield _pair(what, "bare", boxed(*shell), process(*shell), 7, 3.5, before=empty)
        yield _pair(
            what, "bubblewrap", boxed(*shell), process(*bwrap, *shell), 7, 1.5, before=empty
        )
        if shutil.which("strace"):
            yield _pair(
                what, "strace", boxed(*shell), process(*strace, *shell), 5, None, before=empty
            )
    yield _listing(parent)


def _listing(parent: Path) -> Row:
    """Compare the list of changes of many files with find and openssl over the same files."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        lower, upper = Path(name, "lower"), Path(name, "upper")
        for folder, word in ((lower, "before"), (upper, "after")):
            for number in range(FILES):
                path = folder / f"d{number % 100}" / f"f{number}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{word} {number}\n" * 20)
        command = f"find {lower} {upper} -type f -print0 | xargs -0 openssl dgst -sha256 >/dev/null"

        def theirs() -> None:
            subprocess.run(["sh", "-c", command], check=True)

        def ours() -> None:
            if len(changes(lower, upper)) != FILES:
                raise SystemExit("the list is not whole")

        what = f"list {FILES} changed files, before and after"
        return _pair(what, "find, openssl dgst", ours, theirs, 5, 1)


def main() -> None:
    """Print the table, and put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, help="put the table between the marks of this page")
    arguments = parser.parse_args()
    bwrap = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True)
    head = (
        f"{datetime.now(UTC):%d %B %Y}, {platform.machine()}, Linux {platform.release()}, Python"
        f" {platform.python_version()}, {bwrap.stdout.strip()}"
    )
    lines = [
        head,
        "",
        "| step | peer | box ms | peer ms | ratio | from to | asked | reached |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows(Path(TMP)):
        lines.append(row.line())
        print(lines[-1], flush=True)
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        table = "\n".join(lines)
        arguments.page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
