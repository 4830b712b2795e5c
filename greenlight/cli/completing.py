"""What could come next on a command line; loads the parser's declarations and no service.

Packet ids are read from the local snapshot, which proves nothing and need not: they
only save typing.  Whatever goes wrong, there is no answer and no message.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from greenlight.cli.declared import DECLARED
from greenlight.cli.table import COMMANDS, COMMON, GROUPS

Candidate = tuple[str, str]
_MAX_IDS = 200  # more is no help


def complete(words: Sequence[str]) -> int:
    """Print the candidates for the last of ``words``, a line each: word, tab, description."""
    try:
        lines = [f"{word}\t{about}\n" for word, about in candidates(list(words) or [""])]
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
    except (OSError, ValueError):
        return 0  # a shell that asks for words wants no message
    return 0


def candidates(words: list[str]) -> list[Candidate]:
    """Return what the last word could become; nothing where it is a file's name."""
    *before, last = words
    before, store = _without_common(before)
    found = [pair for pair in _possible(before, last, store) if pair[0].startswith(last)]
    return sorted(found, key=lambda pair: pair[0].startswith("-"))


def _without_common(words: list[str]) -> tuple[list[str], Path | None]:
    """Return the words without the options of every command, and the store they name."""
    kept: list[str] = []
    store = None
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name not in COMMON:
            kept.append(word)
        elif COMMON[name]:
            value = value if equals else next(rest, "")
            store = Path(value) if name == "--store" else store
    return kept, store


def _possible(before: list[str], last: str, store: Path | None) -> Iterator[Candidate]:
    command = " ".join(before[:2]) if before and before[0] in GROUPS else "".join(before[:1])
    if command in COMMANDS:
        yield from _of_command(command, before[len(command.split()) :], last, store)
    elif command in GROUPS:
        group = f"{command} "
        for name, known in COMMANDS.items():
            if name.startswith(group):
                yield name.removeprefix(group), known.help
    elif not command:
        for name in dict.fromkeys(name.split()[0] for name in COMMANDS):
            yield name, COMMANDS[name].help if name in COMMANDS else ", ".join(_members(name))
        for option in (*COMMON, "--help", "--version"):
            yield option, ""


def _members(group: str) -> list[str]:
    return [name.split()[1] for name in COMMANDS if name.startswith(f"{group} ")]


def _of_command(
    command: str, before: list[str], last: str, store: Path | None
) -> Iterator[Candidate]:
    params = DECLARED[command]
    options = {name: p for p in params if p.option for name in (p.option, p.short) if name}
    waiting = options.get(before[-1]) if before else None
    if waiting is not None and waiting.kind != "flag":
        yield from ((choice, "") for choice in waiting.choices)
        return
    places = [param for param in params if not param.option]
    given = sum(not word.startswith("-") for word in before)
    place = places[given] if given < len(places) else None
    if place is not None and place.name in {"packet", "other"}:
        yield from _packets(store, last)
    elif place is not None and place.name == "name":
        yield from ((name, "") for name in _schemas())
    elif place is not None:
        yield from ((choice, "") for choice in place.choices)
    if last.startswith("-") or place is None:
        for name, option in options.items():
            if name.startswith("--"):
                yield name, option.help


def _packets(store: Path | None, last: str) -> list[Candidate]:
    from greenlight.ledger.peek import peek  # noqa: PLC0415 - only where a packet is wanted

    return peek(store or Path.cwd(), last, _MAX_IDS)


def _schemas() -> tuple[str, ...]:
    from greenlight.shipped import schema_names  # noqa: PLC0415 - only where one is wanted

    return schema_names()
