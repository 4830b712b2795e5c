"""What gates, the audit and the reading of a forge cost beyond the work itself.

``python -m benchmarks.gates [--page docs/benchmarks.md]``; a minute on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from benchmarks.growth import pairs
from benchmarks.growth_page import Figure
from greenlight.execution.confined import Confined
from greenlight.model.consumers import Consumer, Registry, Ssti
from greenlight.model.gate import Gate
from greenlight.model.settings import DEFAULTS
from greenlight.primitives.digest import Digest
from greenlight.services.baselines import BaselineVerdict, Where
from greenlight.services.gates.running import Place, run_gate, run_gates
from greenlight.services.protection import check_protection
from greenlight.services.settings import Judging

BEGIN, END = "<!-- gates: begin -->", "<!-- gates: end -->"
HEAD: Final = (
    "| job | times | peer | greenlight ms | peer ms | ratio | from to | asked | reached |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
CONSUMERS, CONNECTIONS, DELAY = 1000, 16, 0.05
_RUNS: Final = 15


def figures() -> Iterator[Figure]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory(prefix="greenlight-gates-") as name:
        root = Path(name)
        yield from overhead(root)
        yield at_once(root)
        yield auditing(root)
    yield reading()


def place(root: Path) -> Place:
    """Return a folder to run gates in."""
    return Place(
        root=root,
        repository=None,
        store=None,
        head="",
        judging=Judging(DEFAULTS, Digest.of(b""), "", "", ""),
        variables={"PATH": os.environ["PATH"]},
        baseline=lambda _path: None,
        verdict=lambda: BaselineVerdict(Where(root)),
        clock=lambda: datetime.now(UTC),
    )


def overhead(root: Path) -> Iterator[Figure]:
    """What a gate costs beyond its command, of ``sh -c`` of the same command."""
    scripts = {
        "nothing": "echo '{}'",
        "python3": "/usr/bin/python3 -c 'print({})'",
        "50 ms of work": "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo '{}'",
    }
    around = place(root)
    for confinement, how in ((Confined.here(), "in a box"), (None, "without one")):
        for name, script in scripts.items():
            gate = Gate(name="g", command=("sh", "-c", script))

            def ours(gate: Gate = gate, confinement: Confined | None = confinement) -> None:
                found = run_gate(around, gate, confinement)
                if found.verdict != "green":
                    raise SystemExit(found.reason)

            found = pairs(ours, _shell(script), _RUNS)
            beyond = [(max(0.0, mine - shell), shell) for mine, shell in found]
            yield Figure(f"beyond a gate of {name}, {how}", f"sh -c {name}", 1, beyond, 3)


def _shell(script: str) -> Callable[[], object]:
    env = {"PATH": os.environ["PATH"]}
    return lambda: subprocess.run(
        ["sh", "-c", script], env=env, check=True, stdout=subprocess.DEVNULL
    )


def at_once(root: Path) -> Figure:
    """Independent gates, against the slowest of them."""
    slow = Gate(name="slow", command=("sh", "-c", "sleep 1; echo '{}'"))
    gates = [slow, Gate(name="b", command=("sh", "-c", "sleep 0.9; echo '{}'"))]
    around = place(root)
    found = pairs(lambda: run_gates(around, gates), lambda: run_gates(around, [slow]), 5)
    return Figure("two gates at once", "the slower alone", 2, found, 1.1)


def auditing(root: Path) -> Figure:
    """The audit of a folder that has nothing, against starting the command line."""
    folder = root / "audited"
    folder.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(root)}
    greenlight = [sys.executable, "-m", "greenlight"]

    def command(*words: str, code: int) -> Callable[[], object]:
        def run() -> None:
            done = subprocess.run(
                [*greenlight, *words], cwd=folder, env=env, capture_output=True, check=False
            )
            if done.returncode != code:
                raise SystemExit(done.stderr.decode())

        return run

    found = pairs(command("audit", code=6), command("platform", "check", code=0), 7)
    return Figure("audit, by default", "greenlight platform check", 1, found, 10)


def reading() -> Figure:
    """The rules of a thousand consumers, against what the forge's answers take."""
    consumers = tuple(
        Consumer(
            name=f"c{number}",
            repository=f"omega/r{number}",
            branch="main",
            owner="o",
            required_checks=("ci",),
            ssti_protection=Ssti.ENFORCED,
        )
        for number in range(CONSUMERS)
    )
    registry = Registry(registry=1, consumers=consumers)
    asked = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            nonlocal asked
            asked += 1
            time.sleep(DELAY)
            plain = b'{"message": "Branch not protected"}', 404
            body, status = (b"[]", 200) if "/rules/" in self.path else plain
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    seconds = []
    for _ in range(3):
        asked = 0
        began = time.perf_counter()
        found = check_protection(
            registry,
            base=base,
            token="x" * 8,
            seconds=600,
            connections=CONNECTIONS,
        )
        took = time.perf_counter() - began
        if found.to_dict()["consumers_checked"] != CONSUMERS:
            raise SystemExit(found.reason)
        seconds.append((took, asked * DELAY / CONNECTIONS))
    server.shutdown()
    peer = f"{DELAY * 1000:.0f} ms for each answer, {CONNECTIONS} at once"
    return Figure("rules of 1000 consumers", peer, CONSUMERS, seconds, 1.5)


def with_table(page: str, head: str, found: Sequence[Figure]) -> str:
    """Return the page with these figures between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no {BEGIN} and {END}")
    table = "\n".join([head, "", HEAD, *(figure.line() for figure in found)])
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Print the table, and put it into a page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gates", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--page", type=Path, help="put the table between the marks of this page")
    arguments = parser.parse_args()
    head = (
        f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, {platform.machine()}, Linux"
        f" {platform.release()}, Python {platform.python_version()}"
    )
    print(head, HEAD, sep="\n\n")
    found = []
    for figure in figures():
        found.append(figure)
        print(figure.line(), flush=True)
    if arguments.page:
        page = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(with_table(page, head, found), encoding="utf-8")


if __name__ == "__main__":
    main()
