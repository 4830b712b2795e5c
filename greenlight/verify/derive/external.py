"""The header of evidence that was made elsewhere: it says that nothing was executed here."""

from __future__ import annotations

from dataclasses import replace

from greenlight.model.documents import Header
from greenlight.model.documents.words import Answer
from greenlight.model.words import Mode, Status
from greenlight.verify.derive.words import final_status

TITLE = "Evidence sealed from outside; nothing was executed here"


def derive_external_header(header: Header) -> Header:
    """Set the answers of a packet that ``greenlight seal`` made: all unknown."""
    lane = header.packet_id.removesuffix(f"-{header.run_id}")
    return replace(
        header,
        lane=lane,
        title=TITLE,
        mode=Mode.NONE,
        authority="",
        delegation_consumed="",
        production_mutation=Answer.UNKNOWN,
        real_run=Answer.UNKNOWN,
        owner_ask=Answer.UNKNOWN,
        status=Status.NOT_EXECUTED,
        final_status=final_status(lane, Status.NOT_EXECUTED),
    )
