"""Many small objects in a row: the same as one by one, wherever they lie."""

from __future__ import annotations

import random

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.gitobjects import object_id
from greenlight.store.repository import create_store

MOST = 100_000


@pytest.fixture(params=["sha1", "sha256"])
def store(request, tmp_path):
    with create_store(tmp_path / "s.git", object_format=request.param) as made:
        yield made


def pack(store, bodies, kind="blob"):
    objects = {object_id(kind, body, store.object_format): (kind, body) for body in bodies}
    store.objects.write_pack(objects)
    store.objects.flush()
    return list(objects)


@pytest.fixture
def many(store):
    """Names and bodies in two packs, and some loose."""
    bodies = [b"%d " % n * (n * 7 % 900 + 1) for n in range(300)]
    oids = pack(store, bodies[:200])
    oids += pack(store, bodies[200:280])
    oids += [store.objects.write("blob", body) for body in bodies[280:]]
    store.objects.flush()
    return list(zip(oids, bodies, strict=True))


@pytest.mark.parametrize("order", ["written", "back", "any", "large"])
def test_in_any_order(store, many, order):
    if order == "back":
        many.reverse()
    elif order == "any":
        random.Random(1).shuffle(many)  # noqa: S311 - no secret
    elif order == "large":
        body = random.Random(2).randbytes(90_000)  # noqa: S311 - no secret
        many.insert(100, (store.objects.write("blob", body), body))
    found = list(store.objects.read_run("blob", [oid for oid, _ in many], max_bytes=MOST))
    assert found == [body for _, body in many]


def test_what_is_no_blob(store, many):
    (tree,) = pack(store, [b""], "tree")
    found = store.objects.read_run("blob", [many[0][0], tree], max_bytes=MOST)
    assert next(found) == many[0][1]
    with pytest.raises(StoreError) as caught:
        next(found)
    assert caught.value.code is Code.STORE_DAMAGED


def test_too_large(store, many):
    wanted = [oid for oid, body in many if len(body) > 100][:3]
    with pytest.raises(StoreError) as caught:
        list(store.objects.read_run("blob", wanted, max_bytes=100))
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_missing(store, many):
    found = store.objects.read_run("blob", [many[3][0], "1" * len(many[0][0])], max_bytes=MOST)
    next(found)
    with pytest.raises(StoreError):
        next(found)


def test_damage_is_found(store, many):
    """Whatever byte of a pack is another: what comes out is true, or an error."""
    packs = sorted((store.objects.directory / "pack").glob("*.pack"))
    whole = packs[0].read_bytes()
    packs[0].chmod(0o644)
    wanted = [oid for oid, _ in many[:200]]
    for at in range(0, len(whole), 97):
        packs[0].write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        store.objects.close()
        try:
            found = list(store.objects.read_run("blob", wanted, max_bytes=MOST))
        except StoreError:
            continue
        assert found == [body for _, body in many[:200]]


def test_a_pack_that_goes_away(store, many):
    """Packs that were replaced by another in the middle are no damage."""
    found = store.objects.read_run("blob", [oid for oid, _ in many], max_bytes=MOST)
    assert next(found) == many[0][1]
    pack(store, [body for _, body in many])
    for path in (store.objects.directory / "pack").glob("*.idx"):
        if path.stat().st_mtime_ns != max(
            each.stat().st_mtime_ns for each in path.parent.glob("*.idx")
        ):
            path.with_suffix(".pack").unlink()
            path.unlink()
    store.objects.close()
    assert list(found) == [body for _, body in many[1:]]
