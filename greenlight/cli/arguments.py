"""Let typer read a command line: help, mistakes, and every spelling that is not plain.

Only the command that was called is built, nothing of its services is imported, and a
wrong command line raises ``UsageError`` (exit 64, never typer's 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Final

import click
import typer

from greenlight.cli.declared import DECLARED, MAX_COUNT, Param
from greenlight.cli.table import COMMANDS
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import UsageError


@dataclass(frozen=True, slots=True)
class Parser:
    """The parser of one command."""

    name: str
    command: click.Command

    def parse_args(self, words: Sequence[str]) -> Values:
        """Return the values of a command line.

        Raises:
            UsageError: It is wrong.
        """
        hint = f"greenlight {self.name} --help"
        try:
            with self._context(list(words)) as context:
                values: Values = self.command.invoke(context)
        except click.UsageError as error:
            raise UsageError(Code.USAGE, error.format_message(), hint=hint) from error
        return values

    def format_help(self) -> str:
        with self._context([], resilient_parsing=True) as context:
            return self.command.get_help(context) + "\n"

    def _context(self, words: list[str], **extra: Any) -> click.Context:
        return self.command.make_context(f"greenlight {self.name}", words, **extra)


def parser_for(name: str) -> Parser:
    """Return the parser of one command, with the options that every command has."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(help=f"{COMMANDS[name].help}.", epilog=_EXAMPLES.get(name))(_function(name))
    return Parser(name, typer.main.get_command(app))


def _function(name: str) -> Callable[..., Values]:
    """Return a function of a command's parameters, as typer reads them, that returns them."""

    def gather(**values: object) -> Values:
        return Values(
            **{key: value or None if value == [] else value for key, value in values.items()}
        )

    params = sorted(DECLARED[name], key=lambda param: not param.required)
    hints = {param.name: _hint(param) for param in params}
    gather.__annotations__ = dict(hints)
    gather.__signature__ = Signature(  # type: ignore[attr-defined]  # what inspect looks for first
        [
            Parameter(
                param.name,
                Parameter.POSITIONAL_OR_KEYWORD,
                default=Parameter.empty if param.required else param.default,
                annotation=hints[param.name],
            )
            for param in params
        ]
    )
    return gather


_TYPES: Final[dict[str, type]] = {
    "flag": bool,
    "text": str,
    "path": Path,
    "count": int,
    "word": str,
}


def _hint(param: Param) -> Any:
    shape: Any = _TYPES[param.kind]
    if param.repeat:
        shape = list[shape]
    if param.default is None and not param.required:
        shape = shape | None
    extra: dict[str, Any] = {"help": param.help, "metavar": param.metavar}
    if param.kind == "count":
        extra |= {"min": 1, "max": MAX_COUNT}
    if param.choices:
        extra["click_type"] = click.Choice(param.choices)
    if not param.option:
        return Annotated[shape, typer.Argument(**extra, show_default=False)]
    names = [name for name in (param.short, param.option) if name]
    return Annotated[shape, typer.Option(*names, **extra, show_default=False)]


_EXAMPLES: Final = {
    "init": "In a fresh clone, with the digest that its owner told you:"
    " greenlight init --trust sha256:…",
    "completion": "bash: greenlight completion bash >"
    " ~/.local/share/bash-completion/completions/greenlight;"
    " zsh: greenlight completion zsh > _greenlight, in a folder of $fpath;"
    " fish: greenlight completion fish > ~/.config/fish/completions/greenlight.fish",
}
