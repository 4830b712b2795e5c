"""A line on a terminal's stderr for whoever waits more than a second; else nothing.

A thread draws it, so that work without a hook shows at least that it goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from greenlight.primitives.text import escape

_AFTER_SECONDS = 1.0  # sooner it would only flicker
_EVERY_SECONDS = 0.2
_WIDTH = 20  # characters of the bar
_CLEAR = "\r\x1b[K"


class Progress:
    """How far a command is.

    Attributes:
        label: What it does.
        total: Number of parts; 0 where nobody knows.
        done: How many of them are done.
        bytes: How many bytes went through.
        drawn: Whether a line has been drawn.
    """

    def __init__(self, label: str, total: int = 0) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self.bytes = 0
        self.drawn = False
        self._began = time.monotonic()

    def step(self, label: str) -> None:
        """Begin the next part."""
        self.label = label
        self.done += 1

    def advance(self, parts: int, size: int = 0) -> None:
        """Note that parts and bytes were done."""
        self.done += parts
        self.bytes += size

    def clear(self) -> None:
        """Wipe the line, so that something can be printed; it is drawn again by itself."""
        if self.drawn and sys.stderr.isatty():
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def line(self) -> str:
        """Return the line to draw: a bar where the total is known, rates, and the time."""
        passed = time.monotonic() - self._began
        label = escape(self.label)[:60]
        rate = f" {self.bytes / max(passed, 0.001) / 2**20:.0f} MiB/s" if self.bytes else ""
        if not self.total:
            count = f" {self.done}" if self.done else ""
            return f"greenlight: {label}{count}{rate} … {int(passed)} s"
        done = min(self.done, self.total)
        bar = ("#" * (_WIDTH * done // self.total)).ljust(_WIDTH, ".")
        left = f", {passed / done * (self.total - done):.0f} s left" if done > 0 else ""
        return f"greenlight: [{bar}] {done}/{self.total} {label}{rate} … {int(passed)} s{left}"


@contextmanager
def progress(label: str, total: int = 0) -> Iterator[Progress]:
    """Show how far the block is, where stderr is a terminal."""
    shown = Progress(label, total)
    if not sys.stderr.isatty():
        yield shown
        return
    over = Event()
    thread = Thread(target=_draw, args=(shown, over), daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        over.set()
        thread.join()


def _draw(shown: Progress, over: Event) -> None:
    wait = _AFTER_SECONDS
    while not over.wait(wait):
        sys.stderr.write(f"{_CLEAR}{shown.line()}")
        sys.stderr.flush()
        shown.drawn, wait = True, _EVERY_SECONDS
    if shown.drawn:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
