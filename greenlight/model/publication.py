"""Publication plans: what a dry run would do, blocked by its mode (source 003).

A request (``publications: 1``, YAML or JSON) names operations; the plan made of it binds
each to a digest, and the whole to a run.  ``authorise`` reads the plan, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.receipt import Operation
from greenlight.primitives import cjson, yaml12
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import MIB

KIND: Final = "publication-plan"
VERSION: Final = 1
MAX_PLAN_BYTES: Final = 16 * MIB
MAX_OPERATIONS: Final = 256  # of one plan
DRY_RUN: Final = "dry_run"

_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class PublicationPlan:
    """What a dry run would do.

    Attributes:
        run_id: The run that it is for.
        lane: Of that run; empty where it was not opened.
        made_at: When, UTC seconds.
        operations: In their order.
    """

    run_id: str
    lane: str
    made_at: str
    operations: tuple[Operation, ...]

    def encode(self) -> bytes:
        """Return the document, in its one spelling."""
        return cjson.encode(
            {
                "format": VERSION,
                "kind": KIND,
                "mode": DRY_RUN,
                "blocked_by_mode": True,
                "run_id": self.run_id,
                "lane": self.lane,
                "made_at": self.made_at,
                "operations": [
                    {
                        "operation_kind": each.kind,
                        "operation_digest": each.digest,
                        "content": dict(each.content),
                    }
                    for each in self.operations
                ],
            }
        )

    @property
    def digest(self) -> str:
        return str(Digest.of(self.encode()))


def parse_request(data: bytes) -> tuple[Operation, ...]:
    """Read what somebody wants published.

    Raises:
        MalformedError: PLAN_MALFORMED or YAML_MALFORMED.
    """
    found = yaml12.load(data, max_bytes=MAX_PLAN_BYTES).value
    if not isinstance(found, dict) or found.keys() != {"publications", "operations"}:
        raise _malformed("exactly the fields publications and operations")
    if found["publications"] != 1 or found["publications"] is True:
        raise _malformed("publications: 1")
    return _operations(found["operations"], {"kind": "kind", "content": "content"})


def parse_plan(data: bytes) -> PublicationPlan:
    """Read a plan, and hold its digests against its contents.

    Raises:
        MalformedError: PLAN_MALFORMED or JSON_MALFORMED; UNSUPPORTED_VERSION.
    """
    found = cjson.decode(data, max_bytes=MAX_PLAN_BYTES)
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise _malformed(f"a document of kind {KIND}")
    if found.get("format") != VERSION or found["format"] is True:
        raise MalformedError(Code.UNSUPPORTED_VERSION, "not a publication plan of format 1")
    wanted = {"format", "kind", "mode", "blocked_by_mode", "run_id", "lane", "made_at"}
    if found.keys() != wanted | {"operations"}:
        raise _malformed("exactly the fields of format 1")
    if found["mode"] != DRY_RUN or found["blocked_by_mode"] is not True:
        raise _malformed("a plan that its mode blocks")
    run_id, lane, made_at = found["run_id"], found["lane"], found["made_at"]
    if not isinstance(run_id, str) or not _UUID.fullmatch(run_id):
        raise _malformed("a run's UUID in run_id")
    if not isinstance(lane, str) or not isinstance(made_at, str):
        raise _malformed("texts in lane and made_at")
    names = {"operation_kind": "kind", "content": "content", "operation_digest": "digest"}
    return PublicationPlan(run_id, lane, made_at, _operations(found["operations"], names))


def _operations(found: object, names: Mapping[str, str]) -> tuple[Operation, ...]:
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_OPERATIONS:
        raise _malformed(f"1 to {MAX_OPERATIONS} operations")
    operations = []
    for number, each in enumerate(found):
        where = f"/operations/{number}"
        if not isinstance(each, dict) or each.keys() != names.keys():
            raise _malformed(f"exactly the fields {', '.join(names)} at {where}")
        said = {names[key]: item for key, item in each.items()}
        kind, content = said["kind"], said["content"]
        if not isinstance(kind, str) or not _WORD.fullmatch(kind):
            raise _malformed(f"a word as publish_release at {where}")
        if not isinstance(content, dict):
            raise _malformed(f"an object as content at {where}")
        operation = Operation(kind, content)
        if said.get("digest", operation.digest) != operation.digest:
            raise _malformed(f"the digest of the content at {where}: {operation.digest}")
        operations.append(operation)
    return tuple(operations)


def _malformed(expected: str) -> MalformedError:
    return MalformedError(Code.PLAN_MALFORMED, f"expected {expected}")
