"""A whole packet in memory: what verification says when somebody with the key lies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest

from greenlight.codes import Code
from greenlight.model.packet import LANE, MANIFEST, REPORT, RERUN, FileFact, Packet
from greenlight.model.seal import make_seal
from greenlight.model.statement import Statement
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.manifest import format_manifest
from greenlight.shipped import rerun_script
from greenlight.verify.derive.packet import Derived
from greenlight.verify.derive.report import render_report
from greenlight.verify.packet import PacketVerdict, Published, verify_packet
from tests.samples import (
    FROZEN,
    LANE_BYTES,
    RUN,
    SEALED,
    artifacts,
    good_evidence,
    good_lane,
    sealed,
)

SIGNER = SeedSigner(hashlib.sha256(b"made for these tests").digest())
PUBLISHED = Published(rerun=rerun_script(), frozen=FROZEN)


@cache
def derived() -> Derived:
    good = good_evidence()
    (link,) = good.authority.chain
    own = replace(
        good,
        header=replace(good.header, executor=SIGNER.public.uri),
        authority=replace(good.authority, chain=(replace(link, taker=SIGNER.public.uri),)),
    )
    return sealed(own)[1]


@cache
def good_texts() -> Mapping[str, bytes]:
    texts = derived().encoded()
    texts |= {REPORT: render_report(derived()), LANE: LANE_BYTES, RERUN: rerun_script()}
    return texts | artifacts()


def seal(files: Mapping[str, bytes]) -> Packet:
    """Make manifest, statement and seal over the files as they are: somebody lies with a key."""
    listed = {path: FileFact.of(data).sha256 for path, data in files.items()}
    whole = {**files, MANIFEST: format_manifest(listed)}
    packet, header = Packet.of(whole, {}), derived().header
    statement = Statement(
        packet_tree=packet.tree.removeprefix("sha256:"),
        packet_id=header.packet_id,
        run_id=RUN,
        lane=header.lane,
        mode=header.mode,
        status=header.status,
        file_count=len(whole),
        byte_count=packet.byte_count,
        time=SEALED,
        lineage=(),
        executor=SIGNER.public.uri,
    )
    return Packet.of(whole, make_seal(statement.encode(), SIGNER))


def verify(files: Mapping[str, bytes]) -> PacketVerdict:
    return verify_packet(seal(files), PUBLISHED)


def codes(files: Mapping[str, bytes]) -> set[Code]:
    return {finding.code for finding in verify(files).findings}


def test_the_good_packet_verifies() -> None:
    """Evidence, documents, report, manifest and seal made by computation give no finding."""
    verdict = verify(good_texts())
    assert verdict.findings == ()
    assert verdict.derived is not None
    assert verdict.signer == SIGNER.public


@pytest.mark.parametrize("path", sorted(good_texts()))
def test_removing_a_file_is_found_though_sealed_again(path: str) -> None:
    """No document and no artifact can be left out by somebody who seals what remains."""
    assert codes({name: data for name, data in good_texts().items() if name != path})


@pytest.mark.parametrize("path", sorted(path for path in good_texts() if path.endswith(".json")))
def test_a_document_of_another_kind_is_found(path: str) -> None:
    """A document under another one's name is refused."""
    other = "pins.json" if path != "pins.json" else "lineage.json"
    found = codes({**good_texts(), path: good_texts()[other]})
    assert found & {Code.DOCUMENT_SCHEMA, Code.ARTIFACT_MISMATCH}


def test_a_friendlier_report_is_found() -> None:
    """REPORT.md is rendered again and compared."""
    text = good_texts()[REPORT].replace(b"UNTOUCHED", b"NOT_REQUESTED", 1)
    assert codes({**good_texts(), REPORT: text}) == {Code.REPORT_DIFFERS}


def test_another_script_is_found() -> None:
    """A packet cannot bring a RERUN.sh of its own."""
    assert codes({**good_texts(), RERUN: b"echo PASS\n"}) == {Code.RERUN_SCRIPT_DIFFERS}


HOSTILE = {
    "a mode that is none": ("mode: staging", "mode: production"),
    "more tickets than there is memory for": ("  last: 461", "  last: 9007199254740991"),
    "a pattern of a thousand stars": (
        'paths: ["kb/evidence/**"]',
        f'paths: ["kb/{"*e" * 1000}x", "{"**/*a/" * 15}x"]',
    ),
    "a publish step of nothing": ("touches: [KB-M1]", "touches: []"),
    "a path out of the packet": ("{source: kb, at: kb}", "{source: /etc, at: kb}"),
    "no lane at all": ("format: 1", "format: one"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_lane_ends_in_a_finding(name: str) -> None:
    """No lane that a packet brings makes verification fail to answer, or take long."""
    old, new = HOSTILE[name]
    text = LANE_BYTES.decode()
    assert text.count(old) == 1
    started = time.monotonic()
    found = codes({**good_texts(), LANE: text.replace(old, new).encode()})
    assert found & {Code.LANE_DIFFERS, Code.DERIVED_DIFFERS}
    assert time.monotonic() - started < 5
    assert good_lane().mode == "staging"


def test_a_lane_that_no_run_had_is_said_once() -> None:
    """Where a lane is not admissible, nothing is computed from it."""
    text = LANE_BYTES.replace(b"mode: staging", b"mode: production")
    verdict = verify({**good_texts(), LANE: text})
    assert verdict.derived is None
    assert {finding.code for finding in verdict.findings} == {Code.LANE_DIFFERS}
