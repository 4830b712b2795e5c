"""Open a run: admitted, and written into the ledger before its first step."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.admit import append
from greenlight.ledger.pending import with_pending
from greenlight.ledger.pin import read_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.model.documents import AuthorityLock
from greenlight.model.documents.authority_lock import Delegation
from greenlight.model.entry import sign_entry
from greenlight.model.kinds import RunOpened
from greenlight.model.state import GrantState, LedgerState
from greenlight.model.words import Mode, packet_id
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.services.admission import Admission, Provider, Request, admit
from greenlight.services.doubling import require_half
from greenlight.store.repository import Store
from greenlight.verify.derive.checked import ticket_names

NOT_READ = str(Digest.of(b""))  # in a rehearsal: of records that it does not need


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that was opened; its use of the grant is spent, whatever comes of it.

    Attributes:
        admission: What was looked at.
        run_id: UUID of the run.
        index: Of the ledger record that opened it.
        at: Ledger time of that record: within the grant, whatever this clock says.
        authority: The authority lock, as the packet will hold it.
    """

    admission: Admission
    run_id: str
    index: int
    at: datetime
    authority: AuthorityLock

    @property
    def packet_id(self) -> str:
        return packet_id(self.admission.lane.lane, self.run_id)


def open_run(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: Signer,
    request: Request,
    provider: Provider,
    *,
    clock: Callable[[], datetime],
    rehearse: Callable[[Opened], None] = lambda _opened: None,
) -> Opened:
    """Admit a request and open its run; nothing is written where it is refused.

    Args:
        store: Whose ledger it is opened in.
        signer: The executor's key.
        request: The lane, and who asks.
        provider: Its surroundings.
        clock: The time of this machine.
        rehearse: Given the run as it would be opened, before it is; refuses by raising.

    Raises:
        RefusedError: With the code of what stands in the way.
        RejectedError: The ledger is broken.
        StoreError: The store does not serve.
    """
    run_id = str(uuid.uuid4())
    admitted: list[Admission] = []

    def decide(state: LedgerState, _now: datetime) -> list[bytes]:
        admission = admit(request, provider, state)
        admitted[:] = [admission]
        body = _body(admission, run_id)
        return [sign_entry(body, uuid=str(uuid.uuid4()), signer=signer)]

    # Refused once before the store is touched, so that a bad request leaves no trace at all.
    state = current_state(store)
    admission = admit(request, provider, state)
    require_half(state, signer)
    lock = _lock(admission, run_id, signer, grant_record=NOT_READ, trust_root=NOT_READ)
    rehearse(Opened(admission, run_id, -1, request.at, lock))
    # What acts on production is admitted before its first step, or not begun.
    waits = admission.lane.mode != Mode.PROD
    appended = append(store, signer, decide, clock=clock, may_wait=waits)
    admission, ledger = admitted[0], appended.ledger
    index = _held(admission).index
    record = next(read_records(store, ledger, index, index + 1))
    return Opened(
        admission=admission,
        run_id=run_id,
        index=appended.indexes[0],
        at=ledger.state.runs[run_id].time,
        authority=_lock(
            admission,
            run_id,
            signer,
            grant_record=str(Digest.of(record)),
            trust_root=str(ledger.head.pin),
        ),
    )


def current_state(store: Store) -> LedgerState:
    """Return what the pinned ledger amounts to; nothing where none is pinned.

    Raises:
        RejectedError: The ledger is broken.
    """
    pin = read_pin(store)
    if pin is None:
        return LedgerState()
    ledger = with_pending(store, read_ledger(store, pin.ref, pin=pin))
    ledger.require()
    return ledger.state


def _body(admission: Admission, run_id: str) -> RunOpened:
    grant = _held(admission).grant
    return RunOpened(
        run=run_id,
        packet=packet_id(admission.lane.lane, run_id),
        lane=admission.lane.lane,
        mode=admission.lane.mode,
        grant=grant.grant,
        use=admission.use,
        lane_digest=admission.lane_digest,
        tickets=tuple(sorted(ticket_names(admission.lane))),
    )


def _held(admission: Admission) -> GrantState:
    if admission.grant is None:
        raise RefusedError(
            Code.MODE_REFUSED,
            "a dry run opens no run: it only shows its plan",
            hint="greenlight run LANE --plan",
        )
    return admission.grant


def _lock(
    admission: Admission, run_id: str, signer: Signer, *, grant_record: str, trust_root: str
) -> AuthorityLock:
    held = _held(admission)
    grant = held.grant
    lane = admission.lane
    return AuthorityLock(
        lane=lane.lane,
        run_id=run_id,
        authority=grant.authority,
        delegation=grant.delegation,
        grant=grant.grant,
        grant_record=grant_record,
        trust_root=trust_root,
        use=admission.use,
        max_uses=grant.max_uses,
        not_before=grant.not_before,
        expires=grant.expires,
        modes=grant.modes,
        operations=grant.operations,
        chain=(
            Delegation(
                giver=held.issuer,
                giver_role="owner",
                taker=signer.public.uri,
                taker_role="executor",
            ),
        ),
        lane_digest=admission.lane_digest,
        production=False,
        satisfies=lane.satisfies,
        hands_on=lane.hands_on,
        not_authority=lane.not_authority,
    )
