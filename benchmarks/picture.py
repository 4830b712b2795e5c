"""Draw the ratios: bars on a logarithmic axis, and a mark where each is to be.

The SVG is written by hand, since it is a dozen rectangles: the same results give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any, Final

_ROW: Final = 22
_LEFT, _WIDTH, _RIGHT = 330, 420, 130  # names, bars, figures; pixels
_TOP: Final = 64
_LOW, _HIGH = 0.01, 100.0  # ratios at the two ends
_TICKS: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
_INK: Final = "#1b2330"
_REACHED, _MISSED, _NEUTRAL = "#2a9d5c", "#d1782a", "#8a94a6"


def draw(results: Sequence[dict[str, Any]], caption: str) -> str:
    """Return the picture of these results, in their order, as the text of an SVG."""
    height = _TOP + _ROW * len(results) + 46
    width = _LEFT + _WIDTH + _RIGHT
    said = "time of greenlight / time of the other; left of 1 it is the faster one"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"',
        f'  font-family="sans-serif" font-size="12"><title>{escape(caption)}</title>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" fill="{_INK}">{said}</text>',
    ]
    for tick in _TICKS:
        x = _place(tick)
        stroke = _INK if tick == 1 else "#d9dee6"
        lines += [
            f'<line x1="{x}" y1="{_TOP - 12}" x2="{x}" y2="{height - 36}" stroke="{stroke}"/>',
            f'<text x="{x}" y="{_TOP - 18}" text-anchor="middle" fill="#5b6575">{tick:g}</text>',
        ]
    for number, result in enumerate(results):
        lines += _row(result, _TOP + number * _ROW)
    lines += [
        f'<text x="12" y="{height - 12}" fill="#5b6575">{escape(caption)}</text>',
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _row(result: dict[str, Any], y: int) -> list[str]:
    ratio = result["ratio_median_percent"] / 100
    target = None if result["target_percent"] is None else result["target_percent"] / 100
    colour = _NEUTRAL if target is None else _REACHED if ratio <= target else _MISSED
    left, right = sorted((_place(1.0), _place(ratio)))
    name = f"{result['workload'].upper()} {result['job']}: {result['peer']}"
    figure = f"{ratio:.2f}" + ("" if target is None else f" (to be {target:g})")
    bar = f'width="{max(1, right - left)}" height="14" fill="{colour}"'
    text = f'y="{y + 14}" fill="{_INK}"'
    drawn = [
        f'<text x="{_LEFT - 10}" text-anchor="end" {text}>{escape(name)}</text>',
        f'<rect x="{left}" y="{y + 3}" {bar}/>',
        f'<text x="{_LEFT + _WIDTH + 8}" {text}>{figure}</text>',
    ]
    if target is not None:
        x = _place(target)
        drawn.append(
            f'<line x1="{x}" y1="{y}" x2="{x}" y2="{y + 20}" stroke="{_INK}" stroke-width="2"/>'
        )
    return drawn


def _place(ratio: float) -> int:
    inside = min(max(ratio, _LOW), _HIGH)
    share = math.log(inside / _LOW) / math.log(_HIGH / _LOW)
    return _LEFT + round(_WIDTH * share)
