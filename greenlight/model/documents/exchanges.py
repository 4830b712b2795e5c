"""``exchanges.json``: what went to allowed destinations, as the recording proxy saw it.

Only packets of lanes that allow a destination, run where there was a proxy, have it.
"""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import (
    Count,
    Label,
    Line,
    MaybeDigest,
    Note,
    document,
    recorded,
    value,
)


class ExchangeKind(StrEnum):
    """What is known of an exchange."""

    HTTP = "http"
    INTERCEPTED = "intercepted"
    TUNNEL = "tunnel"


class ExchangeOutcome(StrEnum):
    """What became of it."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@value
class ExchangeRow:
    """One request, or one tunnel."""

    step: Label = recorded("The step, undo step or view.")
    kind: ExchangeKind = recorded("http, intercepted or tunnel.")
    host: Line = recorded("As the step named it.")
    port: Count = recorded("Likewise.")
    method: Note = recorded("Of a request.")
    path: Note = recorded("Of a request, without what follows a question mark.")
    status: Count = recorded("Of the answer; 0 for none.")
    sent: Count = recorded("Bytes of the request's body, or into the tunnel.")
    received: Count = recorded("Bytes of the answer's body, or out of the tunnel.")
    request: MaybeDigest = recorded("SHA-256 of the request's body; none for a tunnel.")
    response: MaybeDigest = recorded("SHA-256 of the answer's body; none for a tunnel.")
    outcome: ExchangeOutcome = recorded("done, refused or failed.")


@document("exchanges.json")
class Exchanges:
    """There is no other way out: what is not in the list did not leave the box."""

    complete: bool = recorded("Whether every exchange is in the list.")
    exchanges: tuple[ExchangeRow, ...] = recorded("In the order in which they ended.")
