"""The packets that vectors break: made for real, from the lanes in ``tests/vectors/lane``.

A run is real but for what would differ the next time: key, clock, random UUIDs, what the
host says of itself, and the digests of the judges are fixed, so that making the vectors
again gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from greenlight.execution.confinement import Unconfined
from greenlight.execution.host import HostFacts
from greenlight.ledger.read import read_records
from greenlight.model.documents.rollback_gate import Judge
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services import real_run, veiling
from greenlight.services.admission import Request
from greenlight.services.founding import found_ledger
from greenlight.services.packets import Located, ledger_of, locate
from greenlight.services.provider import FolderProvider
from greenlight.services.run import run_lane
from greenlight.services.surroundings import Surroundings
from greenlight.services.verifying import Trust
from greenlight.store import private
from greenlight.store.repository import Store, create_store

LANE = Path(__file__).resolve().parents[2] / "tests/vectors/lane"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# Throw-away keys, known to everybody: a vector proves nothing about anybody.
SALT = hashlib.sha256(b"a salt that everybody knows").digest()
SIGNER, STRANGER = (SeedSigner(bytes([n]) * 32) for n in (0xA1, 0xB2))
HOST = HostFacts(
    system="Linux",
    kernel_release="6.1.0",
    machine="x86_64",
    python_implementation="CPython",
    python_version="3.11.7",
    git_version="2.39.2",
    greenlight_version="0.1.0",
    sqlite_version="3.40.1",
)


@dataclass(frozen=True, slots=True)
class Good:
    """A good packet folder.

    Attributes:
        files: Every file by its path from the folder: ``packet/``, ``seal/``, ``ledger/``, and
            ``private/``, which is not of the packet.
        root: Digest of record 0, the trust root.
    """

    files: Mapping[str, bytes]
    root: str


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """Return the files under ``folder/``, by path below it."""
    head = f"{folder}/"
    return {path.removeprefix(head): data for path, data in files.items() if path.startswith(head)}


@cache
def good() -> dict[str, Good]:
    """Run both lanes and return their packets, by the name of the vector."""
    with tempfile.TemporaryDirectory() as name, _fixed():
        folder = _copy(Path(name) / "lane")
        with create_store(Path(name) / "store", object_format="sha256") as store:
            found_ledger(store, SIGNER, clock=_clock)
            first = _run(store, folder, folder / "lane.yaml")
            lane = folder / "sequel.yaml"
            lane.write_text(lane.read_text().replace("@PACKET_TREE@", first))
            second = _run(store, folder, lane)
            made = {
                "GOOD__lane": _folder(store, first),
                "GOOD__sequel": _folder(store, second),
            }
        with create_store(Path(name) / "other", object_format="sha256") as store:
            found_ledger(store, SIGNER, clock=_clock)
            third = _run(store, folder, folder / "withheld.yaml")
            made["GOOD__withheld"] = _folder(store, third)
        return made


def _clock() -> datetime:
    return NOW


def _copy(folder: Path) -> Path:
    """Copy the lanes' files, with modes that do not depend on anybody's umask."""
    shutil.copytree(LANE, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@contextmanager
def _fixed() -> Iterator[None]:
    """Take away what differs from run to run and from machine to machine."""
    numbers = iter(range(1, 1_000_000))
    names = ("verify/rollback.py", "verify/gate.py", "services/probes.py")
    judges = tuple(
        Judge(
            name=f"greenlight/{name}", digest=f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
        )
        for name in names
    )
    umask = os.umask(0o022)
    try:
        with ExitStack() as stack:
            stack.enter_context(patch("uuid.uuid4", lambda: UUID(int=next(numbers), version=4)))
            stack.enter_context(patch.object(real_run, "facts", lambda: HOST))
            stack.enter_context(patch.object(real_run, "judges", lambda: judges))
            stack.enter_context(patch.object(veiling, "token_bytes", lambda _: SALT))
            yield
    finally:
        os.umask(umask)


def _run(store: Store, folder: Path, lane: Path) -> str:
    around = Surroundings(store, SIGNER, Unconfined(), _clock, {})
    request = Request(lane.read_bytes(), SIGNER.public.uri, NOW)
    provider = FolderProvider(folder, store, Trust())
    return run_lane(request, provider, folder, around).sealed.packet_tree


def _folder(store: Store, tree: str) -> Good:
    found: Located = locate(store, tree, whole=True)
    ledger = ledger_of(store)
    records = enumerate(read_records(store, ledger, 0, ledger.tip.size))
    files = {f"packet/{path}": data for path, data in found.files.items()}
    files |= {f"seal/{path}": data for path, data in found.packet.seal.items()}
    files |= {f"ledger/records/{index}.cbor": raw for index, raw in records}
    for ref in store.refs.list(private.PREFIX):
        apart = private.read_private(store, ref.removeprefix(private.PREFIX))
        files |= {f"private/{path}": data for path, data in apart.items()}
    return Good(files, str(ledger.head.pin))
