"""One process: words in, exit code out.  Every error ends here, and none as a traceback."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from greenlight import __version__
from greenlight.cli.answer import Answer
from greenlight.cli.exit_codes import Exit, exit_code_for
from greenlight.cli.plain import read_plain
from greenlight.cli.table import COMMANDS, COMMON, GROUPS
from greenlight.cli.terminal import print_answer, print_error, print_failure, write_out
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import GreenlightError, RefusedError, StoreError, UsageError

_HELP = ("-h", "--help")


def run(words: Sequence[str]) -> int:
    """Carry out one command line; return the exit code."""
    as_json = "--json" in words
    command = ""
    try:
        leading, command, rest = split(words)
        return _carry_out(command, [*leading, *rest])
    except GreenlightError as error:
        return _fail(command, error, as_json=as_json)
    except KeyboardInterrupt:
        interrupted = RefusedError(Code.INTERRUPTED, "interrupted by the user")
        _fail(command, interrupted, as_json=as_json)
        return Exit.INTERRUPTED
    except OSError as error:
        # What a command did not foresee is still the machine's refusal, not a bug.
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        refused = StoreError(Code.IO_NOSPACE if full else Code.IO_FAILED, _describe(error))
        return _fail(command, refused, as_json=as_json)
    except Exception as error:
        # The last place that can say it in one line.
        if os.environ.get("GREENLIGHT_DEBUG") == "1":
            raise
        print_error(
            Code.INTERNAL,
            f"{type(error).__name__}: {error}",
            "this is a bug in greenlight; GREENLIGHT_DEBUG=1 shows where",
        )
        return Exit.BUG


def split(words: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Return the common options before the command, the command, and what follows it.

    Raises:
        UsageError: There is no such command.
    """
    leading: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in _HELP:
            return leading, "", [word]
        name, equals, _ = word.partition("=")
        if name not in COMMON:
            raise UsageError(Code.USAGE, f"no such option: {word}", hint="greenlight --help")
        leading.append(word)
        if COMMON[name] and not equals and rest:
            leading.append(rest.pop(0))
    name = rest.pop(0) if rest else ""
    if name in GROUPS and rest and rest[0] not in _HELP:
        name = f"{name} {rest.pop(0)}"
    if name in GROUPS and rest[:1] and rest[0] in _HELP:
        return leading, name, rest
    if name and name not in COMMANDS:
        raise UsageError(Code.USAGE, _no_such(name), hint="greenlight --help")
    return leading, name, rest


def _no_such(name: str) -> str:
    group = name.split(maxsplit=1)[0]
    if group not in GROUPS:
        return f"no such command: {name}"
    known = [known.split()[1] for known in COMMANDS if known.startswith(f"{group} ")]
    return f"{group} needs one of {', '.join(known)}"


def _carry_out(command: str, words: list[str]) -> int:
    if command not in COMMANDS:
        return _help(command, words)
    arguments = read_plain(command, words)
    if arguments is None:
        # Loaded here: most command lines are plain, and typer is a third of a short command.
        from greenlight.cli.arguments import parser_for  # noqa: PLC0415

        parser = parser_for(command)
        if any(word in _HELP for word in words[: _end_of_options(words)]):
            write_out(parser.format_help().encode("utf-8"))
            return Exit.OK
        arguments = parser.parse_args(words)
    _require_one_subject(command, arguments)
    gc.disable()  # importing makes many objects, and none of them is garbage
    known = COMMANDS[command]
    module = import_module(f"greenlight.cli.commands.{known.module}")
    gc.freeze()  # what was imported stays until the end, and is looked through no more
    gc.enable()
    answer: Answer = getattr(module, known.function)(arguments)
    print_answer(command, answer, as_json=arguments.json)
    return answer.exit


def _require_one_subject(command: str, arguments: Values) -> None:
    """Refuse ``verify`` of nothing, and of a packet and everything at once."""
    if command == "verify" and arguments.all == bool(arguments.packet):
        raise UsageError(
            Code.USAGE, "verify takes a PACKET or --all", hint="greenlight verify --help"
        )
    if command == "verify" and arguments.since and not arguments.all:
        raise UsageError(Code.USAGE, "--since goes with --all", hint="greenlight verify --help")


def _end_of_options(words: list[str]) -> int:
    return words.index("--") if "--" in words else len(words)


def _help(command: str, words: list[str]) -> int:
    asked = bool(words) and words[-1] in _HELP
    if not asked:
        raise UsageError(Code.USAGE, "which command?", hint="greenlight --help")
    names = [name for name in COMMANDS if not command or name.startswith(f"{command} ")]
    width = max(map(len, names))
    lines = [
        f"usage: greenlight {command + ' ' if command else ''}COMMAND …",
        "",
        "Execute a change inside a scope lock, and seal evidence that anybody can check.",
        "",
        *(f"  {name:{width}}  {COMMANDS[name].help}" for name in names),
        "",
        "  greenlight COMMAND --help    what it takes",
        "  greenlight --version         " + __version__,
        "",
        "Before or after the command: --store DIR, --signing-key FILE, --json.",
        "Exit codes: 0 done, INTACT; 1 REJECTED or UNVERIFIABLE; 64 wrong command line;",
        "65 malformed input; 69 store, file or machine; 70 a bug; 77 refused; 130 interrupted.",
    ]
    write_out("".join(f"{line}\n" for line in lines).encode(sys.stdout.encoding or "utf-8"))
    return Exit.OK


def _fail(command: str, error: GreenlightError, *, as_json: bool) -> int:
    try:
        print_failure(command, error, as_json=as_json)
    except StoreError as unwritten:
        print_error(unwritten.code, str(unwritten))
    return exit_code_for(error)


def _describe(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{(error.strerror or str(error)).lower()}"
