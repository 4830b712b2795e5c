"""Taking something out of a good packet never makes it better, sealed again or not.

Whoever has the key can seal anything again.  What they cannot do by leaving evidence out is
to come to a better verdict: what is missing is missed, because the signed status says what
there must be, and a lower status is a worse one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.model.codec import to_document
from greenlight.model.documents import Header
from greenlight.model.packet import HEADER, MANIFEST, RERUN, FileFact, Packet
from greenlight.model.seal import make_seal
from greenlight.model.statement import Statement
from greenlight.model.words import Mode, Status
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.manifest import format_manifest
from greenlight.services.packets import Located
from greenlight.services.verifying import Integrity, Trust, Verdict, verify_located
from greenlight.verify.derive.external import derive_external_header
from greenlight.verify.document import parse_one
from tests.vector_reader import below, files_of

# The key of the vectors, which everybody knows (tools/vectors/good.py).
SIGNER = SeedSigner(bytes([0xA1]) * 32)
RANK = [Status.NOT_EXECUTED, Status.STOPPED, Status.APPLIED_NOT_CLEAN, Status.APPLIED_CLEAN]
BASES = ("GOOD__lane", "GOOD__sequel")
FILES = {base: below(files_of(base), "packet") for base in BASES}
SEALS = {base: below(files_of(base), "seal") for base in BASES}


def verdict_of(files: Mapping[str, bytes], seal: Mapping[str, bytes]) -> Verdict:
    located = Located("it", Packet.of(files, seal), files, {})
    return verify_located(located, Trust(signers=(SIGNER.public,), source="the vectors"))


def seal_again(base: str, files: dict[str, bytes], status: Status) -> Verdict:
    """Make manifest, header and seal fit what is left, under whatever status."""
    said = Statement.decode(SEALS[base]["statement.cbor"])
    mode = Mode.NONE if status is Status.NOT_EXECUTED else said.mode
    if HEADER in files:
        header, _ = parse_one(Header, files[HEADER])
        if header is not None and status is Status.NOT_EXECUTED:
            files[HEADER] = cjson.encode(to_document(derive_external_header(header)))
        elif header is not None:
            files[HEADER] = cjson.encode(to_document(replace(header, status=status)))
    if MANIFEST in files:
        rest = {path: FileFact.of(data).sha256 for path, data in files.items() if path != MANIFEST}
        files[MANIFEST] = format_manifest(rest)
    packet = Packet.of(files, {})
    statement = replace(
        said,
        packet_tree=packet.tree.removeprefix("sha256:"),
        status=status,
        mode=mode,
        lineage=() if status is Status.NOT_EXECUTED else said.lineage,
        file_count=len(packet.files),
        byte_count=packet.byte_count,
    )
    return verdict_of(files, make_seal(statement.encode(), SIGNER))


def left(base: str, removed: Iterable[str]) -> dict[str, bytes]:
    return {path: data for path, data in FILES[base].items() if path not in set(removed)}


def is_no_better(base: str, verdict: Verdict) -> bool:
    """Report whether a verdict is worth no more than that of the whole packet."""
    before = Statement.decode(SEALS[base]["statement.cbor"]).status
    if verdict.integrity is not Integrity.INTACT:
        return True
    return RANK.index(Status(verdict.status)) <= RANK.index(before)


@pytest.mark.parametrize("base", BASES)
def test_the_whole_packet_is_intact(base: str) -> None:
    """And sealing it again without a change gives the seal that it had."""
    before = verdict_of(FILES[base], SEALS[base])
    again = seal_again(base, dict(FILES[base]), Status.APPLIED_NOT_CLEAN)
    for verdict in (before, again):
        assert verdict.integrity is Integrity.INTACT
        assert verdict.status == Status.APPLIED_NOT_CLEAN
    assert before.statement == again.statement


@pytest.mark.parametrize("base", BASES)
def test_one_file_less_is_not_intact(base: str) -> None:
    """Under the seal that it had, and under a new one that claims the same, or more, or less."""
    for path in FILES[base]:
        assert verdict_of(left(base, [path]), SEALS[base]).integrity is Integrity.REJECTED, path
        for status in Status:
            verdict = seal_again(base, left(base, [path]), status)
            assert verdict.integrity is Integrity.REJECTED, (path, status)


def test_two_files_less_are_not_intact() -> None:
    """Two that hold each other up cannot be left out together; every fifth pair."""
    base = BASES[0]
    pairs = list(combinations(sorted(FILES[base]), 2))[::5]
    assert len(pairs) > 100
    for pair in pairs:
        verdict = seal_again(base, left(base, pair), Status.APPLIED_NOT_CLEAN)
        assert verdict.integrity is Integrity.REJECTED, pair


@given(
    st.sampled_from(BASES).flatmap(
        lambda base: st.tuples(st.just(base), st.sets(st.sampled_from(sorted(FILES[base]))))
    ),
    st.sampled_from(list(Status)),
)
@settings(max_examples=150)
def test_any_files_less_are_no_better(chosen: tuple[str, set[str]], status: Status) -> None:
    """Whatever is left out, and whatever is then claimed, nothing is gained by it."""
    base, removed = chosen
    assert is_no_better(base, seal_again(base, left(base, removed), status))


@pytest.mark.parametrize("base", BASES)
def test_what_is_left_can_be_sealed_as_not_executed(base: str) -> None:
    """Header, script and artifacts alone are evidence made elsewhere: INTACT, and worth less."""
    kept = [path for path in FILES[base] if path.startswith("artifacts/")]
    removed = FILES[base].keys() - {HEADER, MANIFEST, RERUN, *kept}
    verdict = seal_again(base, left(base, removed), Status.NOT_EXECUTED)
    assert verdict.integrity is Integrity.INTACT, verdict.report
    assert verdict.status == Status.NOT_EXECUTED
    assert is_no_better(base, verdict)


def test_without_a_seal_nothing_is_intact() -> None:
    """Nor without any of its files, with everything else in place."""
    base = BASES[0]
    assert verdict_of(FILES[base], {}).integrity is Integrity.REJECTED
    for name in SEALS[base]:
        rest = {other: data for other, data in SEALS[base].items() if other != name}
        assert verdict_of(FILES[base], rest).integrity is Integrity.REJECTED
    assert verdict_of({}, SEALS[base]).integrity is Integrity.REJECTED
    assert verdict_of({}, {}).integrity is Integrity.REJECTED
