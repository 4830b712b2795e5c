"""Everything greenlight raises on purpose, by who can do something about it.

A verdict about evidence is data (``model.finding.Finding``), so that one look
shows all that is wrong; it becomes an exception in one place, ``Report.require``.
Every error carries a ``Code``; exit codes are chosen by the command line alone.
"""

from __future__ import annotations

from greenlight.codes import Code


class GreenlightError(Exception):
    """Base of every error greenlight raises on purpose; never raised itself.

    Attributes:
        code: The stable word for what is wrong.
        hint: What the user could do next, or None.
        codes: Everything that was wrong, where several things were looked at; ``code`` first.
    """

    def __init__(
        self, code: Code, message: str, *, hint: str | None = None, codes: tuple[Code, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.codes = codes or (code,)

    def __reduce__(self) -> tuple[object, ...]:
        # As it is, from one process to another: by default its arguments would be lost.
        return _again, (type(self), self.args, dict(self.__dict__))


def _again(
    kind: type[GreenlightError], arguments: tuple[object, ...], state: dict[str, object]
) -> GreenlightError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class MalformedError(GreenlightError):
    """Bytes or text that do not parse as the format they claim to be."""


class UsageError(GreenlightError):
    """A request that cannot be understood: an unknown packet, a wrong option."""


class RejectedError(GreenlightError):
    """Evidence that was read and does not hold; raised by ``Report.require`` and ``open_*``."""


class RefusedError(GreenlightError):
    """A request that greenlight understood and will not carry out."""


class StoreError(GreenlightError):
    """The store, a file or the machine does not serve: missing, locked, unreadable, full."""


class ConflictError(StoreError):
    """Another writer moved the ref first; nothing was written.

    Attributes:
        current: Object id the ref points to now, as hex digits; empty where it does not exist.
    """

    def __init__(self, message: str, *, current: str) -> None:
        super().__init__(Code.STORE_CONFLICT, message)
        self.current = current
