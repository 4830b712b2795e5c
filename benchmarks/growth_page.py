"""The table of the ledger's growth in a page, and its picture: nobody copies figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Final

BEGIN: Final = "<!-- growth: begin -->"
END: Final = "<!-- growth: end -->"
HEAD: Final = (
    "| job | records | peer | greenlight ms | peer ms | ratio | from to | asked | reached |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
_DRAWN: Final = {  # jobs that have a line, and its colour
    "append": "#2a6fdb",
    "prove": "#2a9d5c",
    "log -n 20": "#8a4fbf",
}
_LEFT, _TOP, _WIDTH, _HEIGHT = 70, 50, 560, 300
_MOST_RECORDS: Final = 1_000_000
_LEAST_MS, _MOST_MS = 1.0, 1000.0
_SAID: Final = "milliseconds by records of the ledger"
_INK, _FAINT = "#1b2330", "#d9dee6"


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison in a ledger of one length.

    Attributes:
        job: What is done.
        peer: What it is held against.
        records: Length of the ledger.
        seconds: Ours and the other's, pair by pair.
        target: What the ratio is to be at most; None where nothing is asked.
    """

    job: str
    peer: str
    records: int
    seconds: Sequence[tuple[float, float]]
    target: float | None

    @property
    def ours_ms(self) -> float:
        return median(ours for ours, _ in self.seconds) * 1000

    @property
    def ratio(self) -> float:
        """Median of the pairs' ratios."""
        return median(ours / theirs for ours, theirs in self.seconds)

    def line(self) -> str:
        """Return it as a row of the page's table."""
        ratios = [ours / theirs for ours, theirs in self.seconds]
        theirs_ms = median(theirs for _, theirs in self.seconds) * 1000
        asked = "" if self.target is None else f"{self.target:g}"
        reached = "" if self.target is None else "yes" if self.ratio <= self.target else "**no**"
        digits = 4 if self.ratio < 0.1 else 2  # noqa: PLR2004 - two that count
        return (
            f"| {self.job} | {self.records:,} | {self.peer} | {self.ours_ms:.1f} |"
            f" {theirs_ms:.1f} | {self.ratio:.{digits}f} |"
            f" {min(ratios):.{digits}f} to {max(ratios):.{digits}f} | {asked} | {reached} |"
        )


def with_figures(page: str, head: str, figures: Sequence[Figure]) -> str:
    """Return the page with these figures between its marks.

    Raises:
        SystemExit: It has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no {BEGIN} and {END}")
    table = "\n".join([head, "", HEAD, *(figure.line() for figure in figures)])
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def draw(figures: Sequence[Figure], caption: str) -> str:
    """Return the picture of what grows, and what does not: milliseconds by records."""
    height = _TOP + _HEIGHT + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 120} {height}"',
        f'  role="img" font-family="sans-serif" font-size="12"><title>{escape(caption)}</title>',
        f'<rect width="{_LEFT + _WIDTH + 120}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" fill="{_INK}">{_SAID}</text>',
    ]
    for power in range(7):
        x, below = _x(10**power), _TOP + _HEIGHT + 16
        lines += [
            f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{_TOP + _HEIGHT}" stroke="{_FAINT}"/>',
            f'<text x="{x}" y="{below}" text-anchor="middle" fill="{_INK}">{10**power:,}</text>',
        ]
    for tick in (1, 10, 100, 1000):
        y = _y(tick)
        lines += [
            f'<line x1="{_LEFT}" y1="{y}" x2="{_LEFT + _WIDTH}" y2="{y}" stroke="{_FAINT}"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end" fill="{_INK}">{tick}</text>',
        ]
    for job, colour in _DRAWN.items():
        lines += _line(job, colour, figures)
    lines += [
        f'<text x="12" y="{height - 12}" fill="#5b6575">{escape(caption)}</text>',
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _line(job: str, colour: str, figures: Sequence[Figure]) -> list[str]:
    points = {figure.records: figure.ours_ms for figure in figures if figure.job == job}
    places = [(_x(records), _y(points[records])) for records in sorted(points)]
    if not places:
        return []
    path = " ".join(f"{x},{y}" for x, y in places)
    dots = [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
    x, y = places[-1]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *dots,
        f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{escape(job)}</text>',
    ]


def _x(records: float) -> int:
    return _LEFT + round(_WIDTH * math.log10(max(records, 1)) / math.log10(_MOST_RECORDS))


def _y(milliseconds: float) -> int:
    inside = min(max(milliseconds, _LEAST_MS), _MOST_MS)
    return _TOP + round(_HEIGHT * (1 - math.log10(inside / _LEAST_MS) / 3))
