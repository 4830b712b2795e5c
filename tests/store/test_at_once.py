"""Waiting for the disk together: every call made, every answer in its place, no error lost."""

from __future__ import annotations

import threading

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.durable import MAX_AT_ONCE, at_once
from greenlight.store.repository import create_store


@pytest.mark.parametrize("count", [0, 1, MAX_AT_ONCE, 3 * MAX_AT_ONCE + 1])
def test_answers_come_in_the_order_of_the_items(count):
    """Whatever thread made them."""
    assert at_once(lambda item: item * 2, range(count)) == [2 * item for item in range(count)]


def test_several_wait_at_the_same_time():
    """A barrier that all of them must reach is passed."""
    barrier = threading.Barrier(MAX_AT_ONCE, timeout=10)
    at_once(lambda _: barrier.wait(), range(MAX_AT_ONCE))


@pytest.mark.parametrize("bad", range(9))
def test_an_error_in_any_thread_is_the_callers(bad):
    """No write that failed is taken for done, and no thread goes on behind the caller."""

    def work(item):
        if item == bad:
            raise StoreError(Code.IO_NOSPACE, "full")
        return item

    before = threading.active_count()
    with pytest.raises(StoreError) as caught:
        at_once(work, range(9))
    assert caught.value.code is Code.IO_NOSPACE
    assert threading.active_count() == before


def test_many_objects_are_written_as_one_by_one(tmp_path):
    """The same ids, in order, also where two objects are the same."""
    bodies = [b"%d" % (number % 7) for number in range(20)]
    one, many = create_store(tmp_path / "one"), create_store(tmp_path / "many")
    oids = many.objects.write_many([("blob", body) for body in bodies])
    many.objects.flush()
    assert oids == [one.objects.write("blob", body) for body in bodies]
    assert [many.objects.read(oid) for oid in oids] == [("blob", body) for body in bodies]
