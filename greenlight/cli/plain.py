"""Read a command line that is spelled plainly; leave every other to typer.

Plainly: options by their whole names, each value a word of its own that does not begin
with a dash, nothing twice, nothing missing, nothing wrong.  Building a parser takes longer
than verifying a small packet, and most command lines need none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from greenlight.cli.declared import DECLARED, MAX_COUNT, Param
from greenlight.cli.values import Values


def read_plain(command: str, words: Sequence[str]) -> Values | None:
    """Return the values of a plain command line, or None where typer has to read it."""
    params = DECLARED[command]
    options = {name: p for p in params if p.option for name in (p.option, p.short) if name}
    places = [param for param in params if not param.option]
    given: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            param = options.get(word)
            text = "" if param is None or param.kind == "flag" else next(rest, "-")
        else:
            param, text = (places[0] if places else None), word
            if param is not None and not param.repeat:
                places.pop(0)
        value = None if param is None else _value(param, text)
        if param is None or value is None or not _put(given, param, value):
            return None
    if any(param.required and param.name not in given for param in params):
        return None
    return Values(**{param.name: given.get(param.name, param.default) for param in params})


def _value(param: Param, text: str) -> object | None:
    """Return what a word means, or None where it is not plain."""
    if param.kind == "flag":
        return True
    if not text or text.startswith("-"):
        return None
    if param.kind == "count":
        plain = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_COUNT))
        return int(text) or None if plain else None
    if param.kind == "word" and text not in param.choices:
        return None
    return Path(text) if param.kind == "path" else text


def _put(given: dict[str, object], param: Param, value: object) -> bool:
    """Keep a value; report whether it was the first, or may stand beside others."""
    if param.repeat:
        known = given.setdefault(param.name, [])
        if isinstance(known, list):
            known.append(value)
        return True
    if param.name in given:
        return False
    given[param.name] = value
    return True
