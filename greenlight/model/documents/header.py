"""``header.json``: what this packet is, and what it says of itself in one look."""

from __future__ import annotations

from greenlight.model.documents.words import Answer
from greenlight.model.fields import (
    KeyUri,
    Line,
    MaybeLabel,
    Note,
    PacketId,
    Slug,
    TimeText,
    Uuid,
    derived,
    document,
    recorded,
)
from greenlight.model.words import Mode, Status


@document("header.json")
class Header:
    """The first page: identity, authority, and the answers people ask for first."""

    packet_id: PacketId = recorded("Lane and run, assigned before the tree was known.")
    run_id: Uuid = recorded("The run.")
    lane: Slug = derived("The lane.")
    title: Line = derived("What the lane does, for people.")
    mode: Mode = derived("dry_run, staging, prod; none for evidence sealed from outside.")
    executor: KeyUri = recorded("Thumbprint of the key that ran and sealed.")
    opened_at: TimeText = recorded("When the run was opened.")
    sealed_at: TimeText = recorded("When the documents were closed.")
    authority: MaybeLabel = derived("The authority it ran under; none where nothing ran.")
    delegation_consumed: Note = derived("The delegation spent, and between whom.")
    production_mutation: Answer = derived("Whether production was changed.")
    real_run: Answer = derived("Whether REAL_RUN, QT001 or a cutover took place.")
    owner_ask: Answer = derived("Whether an owner was asked for something.")
    status: Status = derived("What the evidence carries, and no more.")
    final_status: Line = derived("The same in the lane's own words.")
