"""Make the comment of a hand-over from a packet that was verified just now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import MIB
from greenlight.services.packets import Located
from greenlight.services.verifying import Integrity, Trust, verify_located
from greenlight.store.repository import Store
from greenlight.verify.handover import GATE_REPORT, Evidence, comment
from greenlight.verify.thresholds import read_artifact

_MAX_REPORT_BYTES: Final = 4 * MIB
_ARTIFACTS: Final = "artifacts/"


def hand_over(which: str, located: Located, trust: Trust, store: Store | None) -> str:
    """Return the comment, as Markdown.

    Args:
        which: A-B or B-C.
        located: The packet.
        trust: Whom the caller trusts.
        store: Where it lies; None for a folder.

    Raises:
        RejectedError: HANDOFF_NOT_INTACT: the packet does not verify; nothing can be claimed of it.
    """
    verdict = verify_located(located, trust, store=store)
    if verdict.integrity is not Integrity.INTACT or verdict.statement is None:
        raise RejectedError(
            Code.HANDOFF_NOT_INTACT,
            f"{located.where} is {verdict.integrity}: nothing can be claimed of it",
            hint="greenlight verify says what is wrong with it",
        )
    statement = verdict.statement
    return comment(
        which,
        Evidence(
            packet=statement.packet_id,
            tree=statement.subject,
            statement=str(Digest.of(statement.encode())),
            documents=_documents(located),
            reports=_reports(located),
            artifacts=tuple(
                sorted(path for path in located.packet.files if path.startswith(_ARTIFACTS))
            ),
        ),
    )


def _documents(located: Located) -> dict[str, Mapping[str, Any]]:
    found = {}
    for path, data in located.files.items():
        if "/" not in path and path.endswith(".json"):
            found[path.removesuffix(".json")] = json.loads(data)
    return found


def _reports(located: Located) -> dict[str, Mapping[str, Any]]:
    """Return the gate reports among the artifacts; whatever else lies there is none."""
    found: dict[str, Mapping[str, Any]] = {}
    for path, fact in sorted(located.packet.files.items()):
        if not path.startswith(_ARTIFACTS) or not path.endswith(".json"):
            continue
        if fact.size > _MAX_REPORT_BYTES:
            continue
        pieces = bytearray()
        located.hand_over(path, pieces.extend)
        data = bytes(pieces)
        if Digest.of(data).hex != fact.sha256.hex():
            raise RejectedError(Code.MANIFEST_DIGEST_MISMATCH, f"{path} changed while it was read")
        try:
            read_artifact(data)
            value = json.loads(data)
        except (MalformedError, ValueError):
            continue
        if _is_report(value):
            found[path] = value
    return found


def _is_report(value: object) -> bool:
    """Report whether a value has the shape of a gate report, as deep as it is looked at."""
    if not isinstance(value, dict) or value.get("kind") != GATE_REPORT:
        return False
    gates, judged = value.get("gates"), value.get("judged_by")
    return (
        isinstance(gates, list)
        and isinstance(judged, dict)
        and all(
            isinstance(row, dict)
            and isinstance(row.get("metrics"), list)
            and all(isinstance(each, dict) for each in row["metrics"])
            for row in gates
        )
    )
