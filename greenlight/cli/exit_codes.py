"""The exit codes of the command line: chosen here, and nowhere else.

64 to 77 are those of BSD's ``sysexits.h``, so that a shell reads them without a
table; 130 is what a shell reports for an interrupt.  2, 5, 6, 24 and 78 belong to
the commands that the source documents give them to, 2 to ``ledger verify`` among them;
the others stay unused until those commands exist (ADR 0004).  Whoever meets a number
that is not in this table must take it for a failure.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from greenlight.codes import Code
from greenlight.errors import (
    GreenlightError,
    MalformedError,
    RefusedError,
    RejectedError,
    StoreError,
    UsageError,
)


class Exit(IntEnum):
    """What a process of greenlight ends with."""

    OK = 0
    REJECTED = 1
    CHAIN_BROKEN = 2
    PLATFORM = 2  # the same number, by another source
    WARNINGS = 2  # and of the audit
    PROTECTION = 5
    BASELINE = 6
    USAGE = 64
    MALFORMED = 65
    UNAVAILABLE = 69
    BUG = 70
    REFUSED = 77
    SKIPPED = 78
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Say what it means, for the table in docs/exit-codes.md."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    Exit.OK: "what was asked for was done; what was verified is INTACT",
    Exit.REJECTED: "evidence was read and does not hold, or nobody trusted vouches for it: "
    "REJECTED, UNVERIFIABLE or WITHHELD; under `--require clean` also a status that is not clean; "
    "of `ledger verify`: fewer entries than were asked for (004)",
    Exit.CHAIN_BROKEN: "of `ledger verify`: the ledger's integrity is broken (004); of "
    "`platform check`: the policy does not allow this host (000); of `audit`: nothing "
    "is fatal, and there are warnings (000)",
    Exit.PROTECTION: "of `audit`: a consumer's branch protection is not what is registered, or "
    "could not be read (000)",
    Exit.BASELINE: "of `audit` and `baseline`: there is none, it may not judge, its benchmark "
    "fails, or a metric is above what it allows (000)",
    Exit.USAGE: "the command line is wrong, or names what does not exist",
    Exit.MALFORMED: "an input does not parse as the format it claims to be",
    Exit.UNAVAILABLE: "the store, a file or the machine does not serve: missing, locked, full",
    Exit.BUG: "a bug in greenlight; nothing may be concluded",
    Exit.REFUSED: "the request was understood and will not be carried out",
    Exit.SKIPPED: "of `gate run`: no gate that blocks is red, and one was skipped, not green (002)",
    Exit.INTERRUPTED: "interrupted by the user",
}

# Numbers of the source documents, each the property of a later command.
RESERVED: Final[dict[int, str]] = {
    24: "a policy violation, and the structure lock (004)",
}

# Who can do something about it decides the number (greenlight.errors).
_OF_ERROR: Final[tuple[tuple[type[GreenlightError], Exit], ...]] = (
    (MalformedError, Exit.MALFORMED),
    (UsageError, Exit.USAGE),
    (RejectedError, Exit.REJECTED),
    (RefusedError, Exit.REFUSED),
    (StoreError, Exit.UNAVAILABLE),
)

# 000 gives these a number of their own, whoever could do something about them.
_OF_CODE: Final = dict.fromkeys(
    (
        Code.BASELINE_MISSING,
        Code.BENCHMARK_FAILED,
        Code.BENCHMARK_GARBAGE,
        Code.BENCHMARK_NOT_FOUND,
    ),
    Exit.BASELINE,
)


def exit_code_for(error: BaseException) -> Exit:
    """Return the exit code of a command that ended with ``error``."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if isinstance(error, GreenlightError) and error.code in _OF_CODE:
        return _OF_CODE[error.code]
    for cls, code in _OF_ERROR:
        if isinstance(error, cls):
            return code
    return Exit.BUG
