"""What went through the proxy: one row an exchange, however it ended."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from greenlight.model.documents.exchanges import ExchangeKind, ExchangeOutcome

MAX_EXCHANGES: Final = 10_000  # of one command; more are counted
MAX_PATH: Final = 1000  # characters


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a lane may connect to.

    Attributes:
        host: A name, or an address; compared without regard to case.
        port: From 1 to 65535.
        intercept: Whether what is said to it is looked into, though it is encrypted.
    """

    host: str
    port: int
    intercept: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, or one tunnel.

    Attributes:
        kind: http, intercepted, or tunnel.
        host: As the step named it.
        port: Likewise.
        method: Of a request.
        path: Of a request, without what follows a question mark.
        status: Of the answer; 0 for none.
        sent: Bytes of the request's body, or into the tunnel.
        received: Bytes of the answer's body, or out of the tunnel.
        request: ``sha256:<hex>`` of the request's body; empty for a tunnel.
        response: Likewise of the answer's.
        outcome: done, refused or failed.
    """

    kind: ExchangeKind
    host: str
    port: int
    method: str = ""
    path: str = ""
    status: int = 0
    sent: int = 0
    received: int = 0
    request: str = ""
    response: str = ""
    outcome: ExchangeOutcome = ExchangeOutcome.DONE


@dataclass(slots=True)
class Recording:
    """The exchanges of one command, in the order in which they ended.

    Attributes:
        dropped: How many there were beyond MAX_EXCHANGES.
    """

    dropped: int = 0
    _rows: list[Exchange] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, exchange: Exchange) -> None:
        """Take an exchange; from any thread."""
        with self._lock:
            if len(self._rows) < MAX_EXCHANGES:
                self._rows.append(exchange)
            else:
                self.dropped += 1

    def rows(self) -> Sequence[Exchange]:
        """Return those that have ended."""
        with self._lock:
            return tuple(self._rows)
