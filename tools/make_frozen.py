"""Make greenlight/data/frozen-rollback-proof.json, the evidence that the rollback gate must pass.

``make_frozen.py`` writes it; ``make_frozen.py --check`` compares what is there and exits 1
where it differs.  It ships with greenlight and is named by digest in every packet, so it
changes only with the packet format.
"""

from __future__ import annotations

import sys
from pathlib import Path

from greenlight.model.codec import to_document
from greenlight.model.documents import RollbackProof
from greenlight.model.documents.rollback_proof import ProductionRollback, RollbackRow
from greenlight.model.documents.words import Result
from greenlight.model.snapshot import ABSENT, FileState, Snapshot
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest

PATH = Path(__file__).resolve().parent.parent / "greenlight/data/frozen-rollback-proof.json"


def proof() -> RollbackProof:
    """Return a good proof of two mutations: one file made, one file changed."""
    index_1, index_2, page = (
        _file(b"# Index\n"),
        _file(b"# Index\n\n- [Page](page.md)\n"),
        _file(b"# Page\n"),
    )
    before = Snapshot({"kb": FileState("directory", "0755"), "kb/index.md": index_1})
    applied = Snapshot({**before.states, "kb/index.md": index_2, "kb/page.md": page})
    return RollbackProof(
        mutations=(
            RollbackRow(
                id="RB-EXEC-1",
                path="kb/index.md",
                surface="KB-INDEX",
                undo="restore",
                before=index_1,
                applied=index_2,
                restored=index_1,
            ),
            RollbackRow(
                id="RB-EXEC-2",
                path="kb/page.md",
                surface="KB-PAGE",
                undo="delete",
                before=ABSENT,
                applied=page,
                restored=ABSENT,
            ),
        ),
        before=str(before.digest),
        applied=str(applied.digest),
        restored=str(before.digest),
        undo=(),
        views=(),
        reached=True,
        production_rollback_status=ProductionRollback.NOT_APPLICABLE,
        result=Result.PASS,
    )


def frozen() -> bytes:
    """Return the document's bytes."""
    return cjson.encode(to_document(proof()))


def _file(content: bytes) -> FileState:
    return FileState("file", "0644", len(content), str(Digest.of(content)))


def main(arguments: list[str]) -> None:
    """Write the document, or compare it."""
    if arguments == ["--check"]:
        if PATH.read_bytes() != frozen():
            raise SystemExit(f"{PATH} is not what make_frozen.py makes")
    else:
        PATH.write_bytes(frozen())


if __name__ == "__main__":
    main(sys.argv[1:])
