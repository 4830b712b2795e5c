"""What each command takes: one declaration for parsing, help and completion.

The standard library's argparse, with three of its habits changed: a wrong command line
raises ``UsageError`` (exit 64, never 2), options are not guessed from prefixes, and
nothing is imported that carries a command out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from greenlight.cli.table import COMMANDS
from greenlight.codes import Code
from greenlight.errors import UsageError

PACKET = "an id, a unique prefix of one (4 characters or more), a tree, a commit, or a folder"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(Code.USAGE, message, hint=f"{self.prog} --help")


def parser_for(name: str) -> Parser:
    """Return the parser of one command, with the options that every command has."""
    parser = Parser(
        prog=f"greenlight {name}",
        description=f"{COMMANDS[name].help}.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES.get(name),
    )
    _DECLARE[name](parser)
    common = parser.add_argument_group("options of every command")
    common.add_argument("--json", action="store_true", help="print one JSON object")
    common.add_argument(
        "--store", type=Path, metavar="DIR", help="the store (default: the repository around)"
    )
    common.add_argument(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="private key to sign with (default: $GREENLIGHT_KEY, the key of `keys new`,"
        " ~/.ssh/id_ed25519)",
    )
    return parser


def _init(parser: Parser) -> None:
    parser.add_argument(
        "--trust", metavar="DIGEST", help="pin the ledger that begins with this trust root"
    )
    parser.add_argument(
        "--ledger-ref", metavar="REF", help="ref of the ledger (default: refs/greenlight/ledger)"
    )


def _keys_new(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="where to (default: in your settings)")
    parser.add_argument("--comment", default="", help="what people call the key")
    parser.add_argument(
        "--passphrase",
        action="store_true",
        help="protect it: asked for on the terminal, or $GREENLIGHT_PASSPHRASE_FILE",
    )


def _keys_show(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="key file (default: the signing key)")


def _run(parser: Parser) -> None:
    parser.add_argument("lane", type=Path, metavar="LANE.yaml", help="the lane file")
    parser.add_argument(
        "--plan", action="store_true", help="only show what would happen, and what blocks it"
    )
    parser.add_argument("--grant", default="", metavar="ID", help="the grant to use")


def _seal(parser: Parser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the evidence")
    parser.add_argument("--lane", default="", help="slug to file it under (default: DIR's name)")


def _log(parser: Parser) -> None:
    parser.add_argument("--entries", action="store_true", help="every entry of the ledger too")
    parser.add_argument("-n", "--limit", type=_count, metavar="N", help="at most N lines")


def _show(parser: Parser) -> None:
    parser.add_argument("packet", metavar="PACKET", help=PACKET)
    parser.add_argument("document", nargs="?", metavar="DOC", help="a file of it, to be printed")


def _diff(parser: Parser) -> None:
    parser.add_argument("packet", metavar="PACKET", help=PACKET)
    parser.add_argument("other", metavar="OTHER", help="likewise")


def _trust_options(parser: Parser) -> None:
    given = parser.add_argument_group("whom you trust (default: what is pinned in the store)")
    given.add_argument("--trust-root", metavar="DIGEST", help="digest of a trust root")
    given.add_argument(
        "--allowed-signers", type=Path, metavar="FILE", help="keys, as ssh-keygen reads them"
    )
    given.add_argument(
        "--key", type=Path, metavar="FILE", help="a public key, or an allowed_signers file"
    )


def _verify(parser: Parser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("packet", nargs="?", metavar="PACKET", help=PACKET)
    which.add_argument("--all", action="store_true", help="every packet, shelf and record")
    parser.add_argument(
        "--lineage", action="store_true", help="also the packets that it depends on"
    )
    parser.add_argument(
        "--unsigned-ok", action="store_true", help="let an unknown signer pass: integrity alone"
    )
    parser.add_argument(
        "--require", choices=["clean"], help="clean: the status must be APPLIED_CLEAN too"
    )
    _trust_options(parser)


def _rerun(parser: Parser) -> None:
    parser.add_argument("packet", metavar="PACKET", help=PACKET)
    parser.add_argument(
        "--unsafe-unconfined",
        action="store_true",
        help="run a stranger's steps although nothing confines them",
    )
    _trust_options(parser)


def _checkout(parser: Parser) -> None:
    parser.add_argument("packet", metavar="PACKET", help=PACKET)
    parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty")


def _grant_issue(parser: Parser) -> None:
    parser.add_argument("key", type=Path, metavar="KEY.pub", help="public key of who may run")
    parser.add_argument("--lane", default="*", help="slug of the lane (default: every lane)")
    parser.add_argument(
        "--mode",
        action="append",
        choices=["dry_run", "staging", "prod"],
        help="repeatable (default: staging)",
    )
    parser.add_argument(
        "--operation",
        action="append",
        metavar="NAME",
        help="repeatable; resolve:ID lifts a blocker (default: every tool the lane names)",
    )
    parser.add_argument("--uses", type=_count, default=1, metavar="N", help="runs (default: 1)")
    parser.add_argument("--days", type=_count, default=30, metavar="N", help="(default: 30)")
    parser.add_argument("--id", default="", help="(default: a new one)")
    parser.add_argument("--authority", help="label of the authority")
    parser.add_argument("--delegation", help="label of the delegation")


def _trust_add(parser: Parser) -> None:
    parser.add_argument("key", type=Path, metavar="KEY.pub", help="public key")
    parser.add_argument(
        "--role",
        action="append",
        required=True,
        choices=["owner", "executor", "reviewer"],
        help="repeatable",
    )


def _schema(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="(default: list the names)")
    parser.add_argument("--check", type=Path, metavar="FILE", help="check a file against it")


def _completion(parser: Parser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def _nothing(_parser: Parser) -> None:
    """Declare nothing: the command has only what every command has."""


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 8 and int(text)):  # noqa: PLR2004 - 9,999,999
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 9999999")
    return int(text)


_DECLARE: Final[dict[str, Callable[[Parser], None]]] = {
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
    "init": "in a fresh clone, with the digest that its owner told you:\n"
    "  greenlight init --trust sha256:…",
    "completion": "bash:  greenlight completion bash >"
    " ~/.local/share/bash-completion/completions/greenlight\n"
    "zsh:   greenlight completion zsh > _greenlight, in a folder of $fpath\n"
    "fish:  greenlight completion fish > ~/.config/fish/completions/greenlight.fish",
}
