"""Pages made from tables: reject codes, exit codes, and the numbered steps of docstrings."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from greenlight.cli.exit_codes import RESERVED, Exit
from greenlight.codes import Code, Giver

_GROUP = re.compile(r"\n\n    # ([^\n]+)\n|^    ([A-Z0-9_]+) = \(", re.MULTILINE)
_LINK = re.compile(r"\(docs/([a-z/-]+\.md)\)")


def code_groups(source: Path) -> dict[str, list[Code]]:
    """Return the codes under the headings that stand above them in ``codes.py``."""
    groups: dict[str, list[Code]] = {}
    heading = ""
    text = source.read_text(encoding="utf-8").partition("class Code(Enum)")[2]
    for match in _GROUP.finditer(text):
        if match[1]:
            heading = match[1]
        else:
            groups.setdefault(heading, []).append(Code[match[2]])
    return groups


def codes_table(source: Path) -> str:
    """Return a section a group, each with a table of its codes."""
    parts = []
    for heading, codes in code_groups(source).items():
        rows = ["| code | giver | meaning |", "|---|---|---|"]
        rows += [f"| `{code.name}` | {code.giver.value} | {code.meaning} |" for code in codes]
        shown = heading.partition(" (docs/")[0]
        link = _LINK.search(heading)
        parts.append(f"## {shown}")
        if link:
            parts.append(f"See [{link[1]}]({link[1]}).")
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def decisions_table(folder: Path) -> str:
    """Return the index of the decision records, by number."""
    rows = ["| number | decision | status |", "|---|---|---|"]
    for path in sorted(folder.glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        number, _, title = text.split("\n", maxsplit=1)[0].removeprefix("# ").partition(": ")
        status = text.partition("## Status\n\n")[2].split("\n\n", maxsplit=1)[0].rstrip(".")
        rows.append(f"| [{number}]({path.name}) | {title} | {' '.join(status.split()).lower()} |")
    return "\n".join(rows)


def givers_table() -> str:
    """Return how many codes each giver has."""
    counts = {giver: sum(code.giver is giver for code in Code) for giver in Giver}
    return ", ".join(f"{count} {giver.value}" for giver, count in counts.items())


def exits_table() -> str:
    """Return the exit codes with their names and meanings."""
    rows = ["| exit | name | meaning |", "|---|---|---|"]
    rows += [f"| {code.value} | {code.name} | {code.meaning} |" for code in Exit]
    return "\n".join(rows)


def reserved_table() -> str:
    """Return the numbers that are never given yet, with whose they are."""
    rows = ["| exit | reserved for |", "|---|---|"]
    rows += [f"| {number} | {owner} |" for number, owner in RESERVED.items()]
    return "\n".join(rows)


def steps_of(module: ModuleType) -> str:
    """Return the numbered steps of a module's docstring as a list.

    Raises:
        ValueError: The docstring has none, or they are not numbered from 1.
    """
    steps: list[str] = []
    for line in (module.__doc__ or "").split("\n"):
        begins = re.match(r"\(?(\d+)[.)] (.+)", line)
        if begins:
            if int(begins[1]) != len(steps) + 1:
                raise ValueError(f"{module.__name__}: step {begins[1]} after {len(steps)}")
            steps.append(begins[2])
        elif steps and line.startswith("   "):
            steps[-1] += " " + line.strip()
        elif steps and not line.strip():
            break
    if not steps:
        raise ValueError(f"{module.__name__}: no numbered steps")
    lines = (f"{n}. {step.replace('``', '`')}" for n, step in enumerate(steps, start=1))
    return "\n".join(lines)
