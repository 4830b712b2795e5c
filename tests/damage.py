"""Damage to a store: a bit of one object on disk, wherever it lies."""

from __future__ import annotations

from greenlight.store.packindex import Pack
from greenlight.store.repository import Store


def flip_object(store: Store, oid: str) -> None:
    """Flip a bit of the object's bytes in its loose file, or in the packs that hold it."""
    objects = store.git_dir / "objects"
    loose = objects / oid[:2] / oid[2:]
    places = [(loose, loose.stat().st_size // 2)] if loose.exists() else []
    for index in objects.glob("pack/*.idx"):
        pack = Pack(index, store.object_format)
        offset = pack.find(oid)
        if offset is not None:
            # Beyond the entry's and zlib's headers, where no bit is without meaning.
            places.append((pack.path, offset + 8))
    assert places
    for path, at in places:
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
