"""A good packet in a store, loose or packed, and what a reader makes of a damaged file of it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from greenlight.errors import MalformedError, StoreError
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services.packets import read_commit
from greenlight.store.objects import ObjectStore
from greenlight.store.packets import write_packet
from greenlight.store.packindex import Pack
from greenlight.store.repository import Store, create_store, open_store
from greenlight.verify.packet import verify_packet
from tests.flipping import GOOD, good_packet
from tests.vector_reader import below, files_of

FORMS = ("packed", "loose")
_TIME = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stored:
    """A packet in a store of its own.

    Attributes:
        folder: The store.
        commit: The packet commit.
        files: What its objects lie in, by path below the store.
    """

    folder: Path
    commit: str
    files: dict[str, bytes]

    def open(self) -> Store:
        return open_store(self.folder, self.folder)

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.chmod(0o644)
        path.write_bytes(data)

    def outcome(self, name: str, data: bytes) -> str:
        """Put a file in, read, verify, and put the good one back.

        Returns:
            ``found``: reading or verifying says that something is wrong; ``neutral``: what is read
            is the packet, byte for byte; ``missed``: it is another one, and verifies.
        """
        self.write(name, data)
        try:
            with self.open() as store:
                packet = read_commit(store, self.commit).packet
        except (MalformedError, StoreError):
            return "found"
        finally:
            self.write(name, self.files[name])
        good = good_packet()
        if (packet.files, packet.texts, packet.seal) == (good.files, good.texts, good.seal):
            return "neutral"
        from greenlight.services.published import published  # noqa: PLC0415 - hardly ever needed

        return "found" if verify_packet(packet, published()).findings else "missed"


def stored(form: str, object_format: str = "sha1", name: str = GOOD) -> Stored:
    """Write the packet of a vector into a new store, which this process keeps for itself.

    A process that was forked has one of its own: who writes into a file that another has
    mapped ends it.
    """
    return _stored(form, object_format, name, os.getpid())


@cache
def _stored(form: str, object_format: str, name: str, _process: int) -> Stored:
    made = Path(tempfile.mkdtemp(prefix="greenlight-stored-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    folder = made / "s.git"
    files = files_of(name)
    with create_store(folder, object_format=object_format) as store:
        commit = write_packet(
            store,
            below(files, "packet"),
            below(files, "seal"),
            signer=SeedSigner(bytes(32)),
            author="A <a@example.org>",
            time=_TIME,
            message="Seal",
        )
        store.objects.flush()
        store.objects.release()
        if form == "loose":
            _loosen(store)
    places = sorted((folder / "objects").rglob("*"))
    return Stored(
        folder,
        commit,
        {str(path.relative_to(folder)): path.read_bytes() for path in places if path.is_file()},
    )


def _loosen(store: Store) -> None:
    """Write every object of the packs loose, and remove the packs."""
    folder = store.git_dir / "objects" / "pack"
    with ObjectStore(store.git_dir / "objects", store.object_format) as objects:
        indexes = list(folder.glob("*.idx"))
        for index in indexes:
            for oid, _ in Pack(index, store.object_format).names():
                objects.write(*objects.read(oid.hex()))
        objects.flush()
        for index in indexes:
            index.unlink()
            index.with_suffix(".pack").unlink()
