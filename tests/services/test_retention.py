"""What a lane retains of its outputs: in full, as a digest, or withheld under a salt."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.model.lane import Retain
from greenlight.model.words import Status
from greenlight.services.checkout import checkout_private
from greenlight.services.private import private_files, read_private_folder
from greenlight.services.purging import purge_packet
from greenlight.services.rerun import ReplayRoom, RerunResult, rerun_packet
from greenlight.services.verifying import Integrity, Trust, verify_located
from greenlight.store.private import BYTES, PREFIX, SALTS
from greenlight.store.repository import create_store
from greenlight.verify.retention import Held
from tests.lanes_helper import GREETING, OWNER, Bench, Ran, all_objects, lane

WORDS = b"hello\n"
ARTIFACT = "artifacts/outputs/greeting.txt"
STDOUT = "artifacts/steps/write/stdout"


def withheld(retain: str = "withheld", **fields: Any) -> dict[str, Any]:
    return lane(allowed=[{**GREETING, "retain": retain}], **fields)


@pytest.fixture
def ran(bench: Bench) -> Ran:
    return bench.run(withheld())


def packet_id(ran: Ran) -> str:
    return ran.result.derived.header.packet_id


def private_ref(ran: Ran) -> str:
    return PREFIX + packet_id(ran)


def kept_apart(ran: Ran) -> dict[str, bytes]:
    return private_files(ran.located, ran.result.derived.evidence, ran.store)


def replay(bench: Bench, ran: Ran) -> RerunResult:
    room = ReplayRoom(bench.confinement, bench.clock, {}, bench.rooms)
    verdict = verify_located(ran.located, Trust(), store=ran.store)
    return rerun_packet(ran.located, verdict, room, private=kept_apart(ran))


def everything(ran: Ran) -> bytes:
    """All bytes that the packet's commit reaches."""
    return b"".join((*ran.located.files.values(), *ran.located.packet.seal.values()))


def plain(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def test_what_is_withheld_is_not_in_the_packet_and_the_packet_verifies(ran: Ran) -> None:
    assert ran.result.derived.status is Status.APPLIED_NOT_CLEAN
    assert ARTIFACT not in ran.located.files
    assert plain(WORDS) not in everything(ran)
    verdict = ran.verdict
    assert verdict.integrity is Integrity.INTACT
    ((row,),) = (verdict.retained,)
    assert (row.artifact, row.retain, row.bytes) == (ARTIFACT, Retain.WITHHELD, len(WORDS))
    assert row.held is Held.PRESENT


def test_the_digest_is_of_salt_and_bytes(ran: Ran) -> None:
    files = kept_apart(ran)
    assert set(files) == {BYTES + ARTIFACT, SALTS + ARTIFACT}
    salt = files[SALTS + ARTIFACT]
    assert len(salt) == 32
    made = f"sha256:{hashlib.sha256(salt + WORDS).hexdigest()}"
    assert made == ran.verdict.retained[0].digest


def test_two_runs_of_one_lane_have_two_digests(bench: Bench) -> None:
    first, second = bench.run(withheld()), bench.run(withheld())
    assert first.verdict.retained[0].digest != second.verdict.retained[0].digest


def test_a_digest_is_kept_and_the_bytes_are_nowhere(bench: Bench) -> None:
    ran = bench.run(withheld("digest"))
    assert ran.result.derived.status is Status.APPLIED_NOT_CLEAN
    assert ARTIFACT not in ran.located.files
    assert plain(WORDS) in everything(ran)
    assert ran.store.refs.list(PREFIX) == {}
    (row,) = ran.verdict.retained
    assert (row.retain, row.held) == (Retain.DIGEST, Held.ABSENT)
    assert ran.verdict.integrity is Integrity.INTACT
    assert replay(bench, ran).result == "PASS"


def test_the_output_of_a_step_is_withheld(bench: Bench) -> None:
    step = {
        "id": "write",
        "run": ["sh", "-c", "echo hello > greeting.txt; echo between us"],
        "touches": ["GREETING"],
        "retain": "withheld",
    }
    ran = bench.run(lane(steps=[step]))
    assert ran.result.derived.status is Status.APPLIED_NOT_CLEAN
    assert b"between us" not in everything(ran).replace(b"echo between us", b"")
    assert plain(b"between us\n") not in everything(ran)
    assert {row.artifact for row in ran.verdict.retained} == {
        "artifacts/steps/write/stderr",
        STDOUT,
    }
    assert replay(bench, ran).result == "PASS"


def test_a_file_that_is_changed_and_put_back(bench: Bench) -> None:
    """Its content before is the packet's to show; what became of it is not."""
    bench.write("kb/names", "anna\n")
    ran = bench.run(
        lane(
            workspace=[{"source": "kb", "at": "kb"}],
            tools=["upload_document"],
            allowed=[
                {
                    "id": "NAMES",
                    "path": "kb/names",
                    "change": "modify",
                    "retain": "withheld",
                    "publish": True,
                }
            ],
            steps=[
                {"id": "add", "run": ["sh", "-c", "echo berta >> kb/names"], "touches": ["NAMES"]},
                {"id": "out", "builtin": "publish", "touches": ["NAMES"]},
            ],
        )
    )
    assert ran.result.derived.status is Status.APPLIED_NOT_CLEAN
    assert (bench.folder / "kb" / "names").read_bytes() == b"anna\nberta\n"
    assert plain(b"anna\n") in everything(ran)
    assert plain(b"anna\nberta\n") not in everything(ran)
    assert ran.verdict.integrity is Integrity.INTACT
    assert replay(bench, ran).result == "PASS"


def test_a_mode_is_no_content_to_withhold(bench: Bench) -> None:
    bench.write("kb/names", "anna\n")
    ran = bench.run(
        lane(
            workspace=[{"source": "kb", "at": "kb"}],
            tools=["upload_document"],
            allowed=[{"id": "N", "path": "kb/names", "change": "modify", "retain": "withheld"}],
            steps=[{"id": "s", "run": ["chmod", "755", "kb/names"], "touches": ["N"]}],
        )
    )
    assert ran.result.derived.status is Status.APPLIED_NOT_CLEAN
    assert ran.verdict.integrity is Integrity.INTACT
    assert ran.verdict.retained == ()


def test_a_rollback_that_fails_does_not_tell(bench: Bench) -> None:
    """What the undo leaves is compared; neither its digest nor the output's is written down."""
    ran = bench.run(
        lane(
            allowed=[{**GREETING, "undo": "run", "retain": "withheld"}],
            rollback={"steps": [{"id": "u", "run": ["sh", "-c", "echo other > greeting.txt"]}]},
        )
    )
    assert ran.result.derived.status is Status.STOPPED
    assert plain(WORDS) not in everything(ran)
    assert plain(b"other\n") not in everything(ran)
    assert ran.verdict.integrity is Integrity.INTACT


def test_without_salt_and_bytes_a_replay_says_what_it_could_not_compare(
    bench: Bench, ran: Ran
) -> None:
    assert replay(bench, ran).result == "PASS"
    ran.store.refs.delete(private_ref(ran), old=ran.store.refs.list(PREFIX)[private_ref(ran)])
    assert ran.verdict.integrity is Integrity.INTACT
    assert ran.verdict.retained[0].held is Held.ABSENT
    result = replay(bench, ran)
    assert (result.result, result.withheld) == ("WITHHELD", (ARTIFACT,))
    assert result.report.codes == (Code.REPLAY_WITHHELD,)


@pytest.mark.parametrize("part", [BYTES, SALTS])
def test_private_bytes_that_are_others_are_told_and_change_nothing_sealed(
    ran: Ran, part: str
) -> None:
    files = dict(kept_apart(ran))
    for change in (b"", files[part + ARTIFACT][:-1], files[part + ARTIFACT] + b"x"):
        spoilt = {**files, part + ARTIFACT: change}
        verdict = verify_located(ran.located, Trust(), store=ran.store, private=spoilt)
        assert verdict.report.codes == (Code.PRIVATE_DIFFERS,)
        assert verdict.integrity is Integrity.UNVERIFIABLE
        assert verdict.retained[0].held is Held.DIFFERS


def test_they_are_taken_out_and_verified_elsewhere(ran: Ran, tmp_path: Path) -> None:
    assert checkout_private(ran.located, tmp_path / "private", store=ran.store) == 2
    given = read_private_folder(tmp_path / "private")
    assert (tmp_path / "private" / "bytes" / ARTIFACT).read_bytes() == WORDS
    verdict = verify_located(ran.located, Trust((OWNER.public,)), private=given)
    assert verdict.retained[0].held is Held.PRESENT


def test_nothing_private_to_take_out(bench: Bench, tmp_path: Path) -> None:
    ran = bench.run(lane())
    with pytest.raises(StoreError) as caught:
        checkout_private(ran.located, tmp_path / "private", store=ran.store)
    assert caught.value.code is Code.PRIVATE_MISSING
    assert not (tmp_path / "private").exists()


def test_a_fetch_of_shelves_and_ledger_leaves_it_at_home(ran: Ran, tmp_path: Path, git) -> None:
    clone = create_store(tmp_path / "clone.git", object_format=ran.store.object_format)
    for refs in ("refs/greenlight/shelf/*", "refs/greenlight/ledger"):
        git("fetch", "-q", str(ran.store.git_dir), f"{refs}:{refs}", cwd=clone.git_dir)
    assert clone.refs.list(PREFIX) == {}
    assert packet_id(ran).encode() in all_objects(clone)
    salt = kept_apart(ran)[SALTS + ARTIFACT]
    assert salt in all_objects(ran.store)
    assert salt not in all_objects(clone)
    assert b"\n".join((b"", WORDS)) in all_objects(ran.store)
    assert b"\n".join((b"", WORDS)) not in all_objects(clone)


def test_a_purge_takes_it_along(bench: Bench, ran: Ran) -> None:
    planned = purge_packet(
        ran.store, OWNER, packet_id(ran), "asked for", clock=bench.clock, dry_run=True
    )
    assert planned.private == (private_ref(ran),)
    assert ran.store.refs.list(PREFIX)
    done = purge_packet(ran.store, OWNER, packet_id(ran), "asked for", clock=bench.clock)
    assert done.private == planned.private
    assert done.reach == planned.reach
    assert ran.store.refs.list(PREFIX) == {}
