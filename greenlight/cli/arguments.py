"""What each command takes: one declaration for parsing, help and completion.

Each command is a function whose annotations typer reads; none of them carries anything
out.  Only the command that was called is built, nothing of its services is imported, and
a wrong command line raises ``UsageError`` (exit 64, never typer's 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import click
import typer

from greenlight.cli.table import COMMANDS
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import UsageError

PACKET = "an id, a unique prefix of one (4 characters or more), a tree, a commit, or a folder"
MAX_COUNT = 9_999_999  # seven digits: a number a person means

_Packet = Annotated[str, typer.Argument(metavar="PACKET", help=PACKET, show_default=False)]

# Options of every command.
_Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]
_Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="the store (default: the repository around)"),
]
_SigningKey = Annotated[
    Path | None,
    typer.Option(
        "--signing-key",
        metavar="FILE",
        help="private key to sign with (default: $GREENLIGHT_KEY, the key of `keys new`,"
        " ~/.ssh/id_ed25519)",
    ),
]

# Whom the user trusts; without any of them, what is pinned in the store.
_TrustRoot = Annotated[
    str | None, typer.Option(metavar="DIGEST", help="trust the trust root of this digest")
]
_AllowedSigners = Annotated[
    Path | None, typer.Option(metavar="FILE", help="trust these keys, as ssh-keygen reads them")
]
_TrustedKey = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="trust this public key, or allowed_signers file"),
]


class GrantMode(StrEnum):
    """The modes that a grant can be asked for; which it may have is the ledger's business."""

    DRY_RUN = "dry_run"
    STAGING = "staging"
    PROD = "prod"


class RoleName(StrEnum):
    """The roles of a trust root."""

    OWNER = "owner"
    EXECUTOR = "executor"
    REVIEWER = "reviewer"


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
        if self.name == "verify" and values.all == bool(values.packet):
            raise UsageError(Code.USAGE, "verify takes a PACKET or --all", hint=hint)
        return values

    def format_help(self) -> str:
        with self._context([], resilient_parsing=True) as context:
            return self.command.get_help(context) + "\n"

    def _context(self, words: list[str], **extra: Any) -> click.Context:
        program = f"greenlight {self.name}"
        return self.command.make_context(program, words, **extra)

    @property
    def options(self) -> dict[str, click.Option]:
        """The options by each of their names, in the order of the help."""
        found = (param for param in self.command.params if isinstance(param, click.Option))
        return {name: option for option in found for name in option.opts}

    @property
    def places(self) -> list[click.Argument]:
        """The arguments without a name, in order."""
        return [param for param in self.command.params if isinstance(param, click.Argument)]


def choices_of(param: click.Parameter) -> tuple[str, ...]:
    """Return the words that a parameter takes, where there are only some."""
    return tuple(param.type.choices) if isinstance(param.type, click.Choice) else ()


def parser_for(name: str) -> Parser:
    """Return the parser of one command, with the options that every command has."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    epilog = _EXAMPLES.get(name)
    app.command(help=f"{COMMANDS[name].help}.", epilog=epilog)(_gathered(_DECLARE[name]))
    return Parser(name, typer.main.get_command(app))


def _gathered(declared: Callable[..., None]) -> Callable[..., Values]:
    """Return a function of the same parameters that returns their values."""

    @wraps(declared)
    def gather(**values: object) -> Values:
        return Values(**values)

    return gather


def _init(
    trust: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="pin the ledger that begins with this trust root"),
    ] = None,
    ledger_ref: Annotated[
        str | None,
        typer.Option(metavar="REF", help="ref of the ledger (default: refs/greenlight/ledger)"),
    ] = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _keys_new(  # noqa: PLR0913, PLR0917 - a declaration
    file: Annotated[
        Path | None, typer.Argument(help="where to (default: in your settings)")
    ] = None,
    comment: Annotated[str, typer.Option(help="what people call the key")] = "",
    passphrase: Annotated[
        bool,
        typer.Option(
            "--passphrase",
            help="protect it: asked for on the terminal, or $GREENLIGHT_PASSPHRASE_FILE",
        ),
    ] = False,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _keys_show(
    file: Annotated[Path | None, typer.Argument(help="key file (default: the signing key)")] = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _run(  # noqa: PLR0913, PLR0917 - a declaration
    lane: Annotated[Path, typer.Argument(metavar="LANE.yaml", help="the lane file")],
    plan: Annotated[
        bool, typer.Option("--plan", help="only show what would happen, and what blocks it")
    ] = False,
    grant: Annotated[str, typer.Option(metavar="ID", help="the grant to use")] = "",
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _seal(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the evidence")],
    lane: Annotated[
        str, typer.Option(metavar="SLUG", help="file it under this (default: DIR's name)")
    ] = "",
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _log(
    entries: Annotated[
        bool, typer.Option("--entries", help="every entry of the ledger too")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("-n", "--limit", min=1, max=MAX_COUNT, metavar="N", help="at most N lines"),
    ] = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _show(
    packet: _Packet,
    document: Annotated[
        str | None, typer.Argument(metavar="[DOC]", help="a file of it, to be printed")
    ] = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _diff(
    packet: _Packet,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="likewise")],
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _verify(  # noqa: PLR0913, PLR0917 - a declaration
    packet: Annotated[str | None, typer.Argument(metavar="[PACKET]", help=PACKET)] = None,
    all: Annotated[bool, typer.Option("--all", help="every packet, shelf and record")] = False,  # noqa: A002 - the option's name
    lineage: Annotated[
        bool, typer.Option("--lineage", help="also the packets that it depends on")
    ] = False,
    unsigned_ok: Annotated[
        bool, typer.Option("--unsigned-ok", help="let an unknown signer pass: integrity alone")
    ] = False,
    require: Annotated[
        Literal["clean"] | None,
        typer.Option(help="clean: the status must be APPLIED_CLEAN too"),
    ] = None,
    trust_root: _TrustRoot = None,
    allowed_signers: _AllowedSigners = None,
    key: _TrustedKey = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _rerun(  # noqa: PLR0913, PLR0917 - a declaration
    packet: _Packet,
    unsafe_unconfined: Annotated[
        bool,
        typer.Option(
            "--unsafe-unconfined", help="run a stranger's steps although nothing confines them"
        ),
    ] = False,
    trust_root: _TrustRoot = None,
    allowed_signers: _AllowedSigners = None,
    key: _TrustedKey = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _checkout(
    packet: _Packet,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="new or empty")],
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _grant_issue(  # noqa: PLR0913, PLR0917 - a declaration
    key: Annotated[Path, typer.Argument(metavar="KEY.pub", help="public key of who may run")],
    lane: Annotated[str, typer.Option(metavar="SLUG", help="the lane (default: every lane)")] = "*",
    mode: Annotated[
        list[GrantMode] | None,
        typer.Option(help="repeatable (default: staging)"),
    ] = None,
    operation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="repeatable; resolve:ID lifts a blocker (default: every tool the lane names)",
        ),
    ] = None,
    uses: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, metavar="N", help="how many runs (default: 1)")
    ] = 1,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, metavar="N", help="how long (default: 30)")
    ] = 30,
    id: Annotated[str, typer.Option(metavar="ID", help="its id (default: a new one)")] = "",  # noqa: A002 - the option's name
    authority: Annotated[
        str | None, typer.Option(metavar="LABEL", help="label of the authority")
    ] = None,
    delegation: Annotated[
        str | None, typer.Option(metavar="LABEL", help="label of the delegation")
    ] = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _trust_add(
    key: Annotated[Path, typer.Argument(metavar="KEY.pub", help="public key")],
    role: Annotated[list[RoleName], typer.Option(help="repeatable")],
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="(default: list the names)")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="check a file against it")
    ] = None,
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="bash|zsh|fish")],
    store: _Store = None,
    signing_key: _SigningKey = None,
    json: _Json = False,
) -> None: ...


def _nothing(
    store: _Store = None, signing_key: _SigningKey = None, json: _Json = False
) -> None: ...


_DECLARE: Final[dict[str, Callable[..., None]]] = {
    "init": _init,
    "keys new": _keys_new,
    "keys show": _keys_show,
    "run": _run,
    "seal": _seal,
    "log": _log,
    "show": _show,
    "diff": _diff,
    "verify": _verify,
    "rerun": _rerun,
    "checkout": _checkout,
    "grant issue": _grant_issue,
    "grant show": _nothing,
    "trust add": _trust_add,
    "trust show": _nothing,
    "schema": _schema,
    "completion": _completion,
}

_EXAMPLES: Final = {
    "init": "In a fresh clone, with the digest that its owner told you:"
    " greenlight init --trust sha256:…",
    "completion": "bash: greenlight completion bash >"
    " ~/.local/share/bash-completion/completions/greenlight;"
    " zsh: greenlight completion zsh > _greenlight, in a folder of $fpath;"
    " fish: greenlight completion fish > ~/.config/fish/completions/greenlight.fish",
}
