"""The exact words of the domain that stand in signed bytes."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_UUID_CHARACTERS: Final = 36


class Mode(StrEnum):
    """How a lane acts on the world."""

    DRY_RUN = "dry_run"  # shows the plan, seals nothing
    STAGING = "staging"  # acts on declared surfaces that are not production
    PROD = "prod"
    NONE = "none"  # evidence made elsewhere: nothing was executed here


class Status(StrEnum):
    """What became of a run, as its packet says; states of the ledger are other words."""

    APPLIED_CLEAN = "APPLIED_CLEAN"
    APPLIED_NOT_CLEAN = "APPLIED_NOT_CLEAN"
    STOPPED = "STOPPED"
    NOT_EXECUTED = "NOT_EXECUTED"


def packet_id(lane: str, run_id: str) -> str:
    """Return the id that addresses a packet, known before its tree is."""
    return f"{lane}-{run_id}"


def run_of(packet: str) -> str:
    """Return the run in a packet's id: the UUID at its end."""
    return packet[-_UUID_CHARACTERS:]
