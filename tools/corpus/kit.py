"""What a case of the hostile corpus is made by: its bytes, and the answer that must come."""

from __future__ import annotations

from typing import Any, Final

ACCEPT, REFUSE, EITHER = "accept", "refuse", "either"
Bytes = bytes | list[bytes | tuple[bytes, int]]

CASES: Final[list[dict[str, Any]]] = []


def case(  # noqa: PLR0913 - the columns of a table
    name: str, data: Bytes, expect: str, *, means: str = "", others: str = "", about: str
) -> None:
    """Add a case; ``means`` names the value that it spells, where others spell it too."""
    parts = data if isinstance(data, list) else [data]
    kind = name.partition("/")[0]
    CASES.append(
        {
            "about": about,
            "expect": expect,
            "format": kind,
            "means": means,
            "name": name,
            # Which of several spellings another parser takes is its own affair: one of them.
            "others": others or (ACCEPT if expect == ACCEPT else EITHER if means else REFUSE),
            "parts": [_part(part) for part in parts],
        }
    )


def _part(part: bytes | tuple[bytes, int]) -> dict[str, Any]:
    data, times = part if isinstance(part, tuple) else (part, 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    shown = all(char == "\n" or " " <= char <= "~" for char in text)
    return {
        "hex": "" if shown else data.hex(),
        "text": text if shown else "",
        "times": times,
    }
