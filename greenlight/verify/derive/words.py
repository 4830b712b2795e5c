"""A status in the lane's own words."""

from __future__ import annotations

from greenlight.model.words import Status

_WORDS = {
    Status.APPLIED_CLEAN: "APPLIED",
    Status.APPLIED_NOT_CLEAN: "APPLIED_NOT_CLEAN",
    Status.STOPPED: "STOPPED",
    Status.NOT_EXECUTED: "NOT_EXECUTED",
}


def final_status(lane: str, status: Status) -> str:
    """Write a status in the lane's own words, as 001 does: ``<LANE>_APPLIED``."""
    return f"{lane.upper().replace('-', '_')}_{_WORDS[status]}"
