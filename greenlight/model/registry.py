"""The canonical ticket registry as text: what a fold makes of it (requirement B11).

Three forms of file are known: JSON (``{"registry": prefix, "ceiling": n, "tickets":
[{"id": …}, …]}``), a Markdown table with a row for each ticket, and an index that names
the last ticket and the ceiling.  What stands there stays as it is: rows are added, shaped
like the last one, and the ceiling is raised.
"""

from __future__ import annotations

import json
import re
from typing import Any

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.tickets import ticket_name
from greenlight.primitives import cjson


def ceiling_of(data: bytes, prefix: str) -> int:
    """Return the highest number of a registry in JSON.

    Raises:
        MalformedError: REGISTRY_MALFORMED: it is none, or of another prefix.
    """
    return int(_registry(data, prefix)["ceiling"])


def fold_file(data: bytes, prefix: str, ceiling: int, tickets: tuple[str, ...]) -> bytes:
    """Return a registry file with ``tickets`` in it.

    Args:
        data: The file as it is.
        prefix: What stands before each number.
        ceiling: The highest number until now.
        tickets: New ones, by number.

    Raises:
        MalformedError: REGISTRY_MALFORMED: it is none of the forms.
    """
    if data.lstrip()[:1] == b"{":
        return _fold_json(data, prefix, tickets)
    return _fold_text(data, ticket_name(prefix, ceiling), ceiling, tickets)


def _registry(data: bytes, prefix: str) -> dict[str, Any]:
    found = cjson.decode_any(data)
    if not isinstance(found, dict) or found.get("registry") != prefix:
        raise _malformed(f"a registry of {prefix}")
    rows, ceiling = found.get("tickets"), found.get("ceiling")
    if type(ceiling) is not int or ceiling < 0 or not isinstance(rows, list):
        raise _malformed("a ceiling and a list of tickets")
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise _malformed("tickets with an id")
    return found


def _fold_json(data: bytes, prefix: str, tickets: tuple[str, ...]) -> bytes:
    before = _registry(data, prefix)
    rows = before["tickets"]
    last = rows[-1] if rows else {"id": ""}
    after = before | {
        "ceiling": _number(tickets[-1]),
        "tickets": rows + [last | {"id": ticket} for ticket in tickets],
    }
    text = _insert_rows(data.decode("utf-8"), last["id"], before["ceiling"], tickets)
    if text is not None:
        try:
            if cjson.decode_any(text.encode("utf-8")) == after:
                return text.encode("utf-8")
        except MalformedError:
            pass  # a shape that lines do not follow: written anew, below
    return (json.dumps(after, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def _insert_rows(text: str, last: str, ceiling: int, tickets: tuple[str, ...]) -> str | None:
    lines = text.split("\n")
    found = [number for number, line in enumerate(lines) if f'"{last}"' in line]
    if not last or len(found) != 1:
        return None
    at = found[0]
    row = lines[at].rstrip().removesuffix(",")
    rows = [row.replace(f'"{last}"', f'"{ticket}"') for ticket in tickets]
    end = lines[at].rstrip()[len(row) :]
    lines[at : at + 1] = [f"{each}," for each in (row, *rows[:-1])] + [rows[-1] + end]
    number = _number(tickets[-1])
    return re.sub(rf'("ceiling"\s*:\s*){ceiling}\b', rf"\g<1>{number}", "\n".join(lines), count=1)


def _fold_text(data: bytes, last: str, ceiling: int, tickets: tuple[str, ...]) -> bytes:
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8") from error
    row = re.compile(rf"\|\s*{re.escape(last)}\s*\|")
    rows = [number for number, line in enumerate(lines) if row.match(line)]
    if rows:
        at = rows[-1]
        added = [lines[at].replace(last, ticket, 1) for ticket in tickets]
        lines[at + 1 : at + 1] = added
        text = "\n".join(lines)
    else:
        text = re.sub(rf"{re.escape(last)}(?![0-9])", tickets[-1], "\n".join(lines))
    text = re.sub(rf"(?i)\b(ceiling:\s*){ceiling}\b", rf"\g<1>{_number(tickets[-1])}", text)
    if tickets[-1] not in text:
        raise _malformed(f"a file that names {last}, the last ticket until now")
    return text.encode("utf-8")


def _number(ticket: str) -> int:
    return int(ticket.rpartition("-")[2])


def _malformed(expected: str) -> MalformedError:
    return MalformedError(Code.REGISTRY_MALFORMED, f"expected {expected}")
