"""The values of a command line, by name."""

from __future__ import annotations

from types import SimpleNamespace


class Values(SimpleNamespace):
    """What a command was given; ``arguments.parser_for`` says what each command has."""
