"""Rubbish among what waits here: named, left as it is, and no command is stopped by it."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.ledger.pending import PREFIX as PENDING
from greenlight.ledger.pending import odd_pending, read_pending
from greenlight.ledger.pin import DEFAULT_REF
from tests.ledger.actors import outside, packet_sealed, reserved, run_opened
from tests.ledger.test_remote import hub, two

__all__ = ["hub", "two"]  # fixtures

NAMED = f"{PENDING}000000000001-00000000-0000-4000-8000-000000000000"


def write(clone, name, data):
    path = clone.git_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def blob(clone, git):
    return git("rev-parse", f"{DEFAULT_REF}:head", cwd=clone.git_dir).strip()


RUBBISH = {
    "no id": lambda one, _: write(one, NAMED, b"rubbish\n"),
    "empty": lambda one, _: write(one, NAMED, b""),
    "binary": lambda one, _: write(one, NAMED, bytes(range(256)) * 9),
    "leads nowhere": lambda one, _: write(one, NAMED, b"1" * 40 + b"\n"),
    "a blob": lambda one, git: write(one, NAMED, blob(one, git) + b"\n"),
    "a ledger": lambda one, _: write(one, NAMED, one.ledger.commit.encode() + b"\n"),
    "another name": lambda one, _: write(one, PENDING + "x", one.ledger.commit.encode() + b"\n"),
    "a folder of it": lambda one, _: write(one, PENDING + "a/b/c", b"rubbish"),
    "a name with an escape": lambda one, _: write(one, PENDING + "\x1b[31m", b"rubbish"),
}


@pytest.mark.parametrize("make", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_stops_nothing(two, hub, git, tmp_path, make):
    """What waits beside it is admitted, other acts go on, and it lies where it lay."""
    one, other = two
    one.fetch()
    other.put(outside(7))
    one.url(tmp_path / "nowhere.git")
    one.put(outside(1), may_wait=True)
    rubbish = make(one, git)
    data = rubbish.read_bytes()
    (odd,) = odd_pending(one.store)
    assert odd.code is Code.PENDING_MALFORMED
    assert "\x1b" not in str(odd)

    one.put(outside(2), may_wait=True)
    assert len(read_pending(one.store)) == 2
    one.url(hub[0])
    assert one.put(reserved()).ledger.state.reservations
    pushed = one.push()
    assert (pushed.waiting, pushed.odd) == (0, (odd,))
    assert {outside(1).packet, outside(2).packet} <= set(one.ledger.state.packets)
    assert one.fetch().odd == (odd,)
    left = [path for path in (one.git_dir / PENDING).rglob("*") if path.is_file()]
    assert left == [rubbish]
    assert rubbish.read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"rubbish", b"2" * 40 + b"\n"])
def test_an_act_whose_ref_was_overwritten_is_not_lost(two, hub, tmp_path, data):
    """The note that was made with it still leads there."""
    one, _ = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    one.put(outside(1), may_wait=True)
    (ref,) = one.refs(PENDING)
    (one.git_dir / ref).write_bytes(data)
    assert [act.ref for act in read_pending(one.store)] == [ref]
    assert [odd.where for odd in odd_pending(one.store)] == [ref]
    one.url(hub[0])
    one.push()
    assert outside(1).packet in one.ledger.state.packets


def test_a_packet_whose_run_cannot_be_read_goes_on_waiting(two, hub, tmp_path):
    """Placed without its run it would be void for ever; once the ref is mended, both go."""
    one, _ = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    one.put(run_opened(1), may_wait=True)
    (opened,) = one.refs(PENDING)
    one.put(packet_sealed(1), may_wait=True, ends=[packet_sealed(1).run])
    good = (one.git_dir / opened).read_bytes()
    note = (
        one.git_dir / "greenlight/spare" / opened.removeprefix("refs/greenlight/").replace("/", "+")
    )
    for path in (one.git_dir / opened, note):
        path.write_bytes(b"rubbish\n")

    one.url(hub[0])
    assert one.push().waiting == 1
    assert list(one.ledger.state.voids) == []
    assert one.put(reserved()).ledger.state.reservations
    (one.git_dir / opened).write_bytes(good)
    done = one.push()
    assert (done.waiting, done.odd) == (0, ())
    assert packet_sealed(1).packet in one.ledger.state.packets
