"""Two makers of packets, one script: RERUN.sh passes what greenlight seals, and the bytes agree."""

from __future__ import annotations

import hashlib
from pathlib import Path

from greenlight import shipped
from greenlight.model.seal import make_seal
from greenlight.model.statement import Statement
from greenlight.model.words import Mode, Status
from greenlight.primitives import gittree
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.manifest import format_manifest
from tests.rerun.conftest import ALICE, Rerun
from tests.rerun.folder import FILES, build, write


def test_greenlights_packet_is_the_hand_made_one(rerun: Rerun, tmp_path: Path) -> None:
    """Manifest, tree, statement, seal, key and sums: every byte the same, and a PASS."""
    signer = SeedSigner(bytes([1]) * 32)
    packet = dict(FILES) | {"RERUN.sh": shipped.rerun_script()}
    packet["MANIFEST.sha256"] = format_manifest(
        {path: hashlib.sha256(data).digest() for path, data in packet.items()}
    )
    statement = Statement(
        packet_tree=gittree.tree_id(
            {path: gittree.blob_id(data) for path, data in packet.items()}
        ).hex(),
        packet_id="lane-8b0a2a3e-0000-4000-8000-000000000001",
        run_id="8b0a2a3e-0000-4000-8000-000000000001",
        lane="lane",
        mode=Mode("staging"),
        status=Status("APPLIED_CLEAN"),
        file_count=9,
        byte_count=300,
        time="2026-11-20T12:00:00Z",
        lineage=(),
        executor=signer.public.uri,
    )
    sealed = tmp_path / "sealed"
    write(sealed / "packet", packet)
    write(sealed / "seal", make_seal(statement.encode(), signer))
    assert rerun(sealed).exit == 0

    by_hand = build(tmp_path / "by-hand", signer=ALICE)

    def content(root: Path) -> dict[str, bytes]:
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert content(sealed) == content(by_hand)
