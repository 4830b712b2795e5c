"""Ledgers of any length, made fast and kept: runs that were opened and packets that ended them.

Each record is signed and placed as an append places it, and written in commits as one append of
many writes them; only the fold is left out, which the first reading makes.  The same bytes
everywhere, since nothing in them is drawn.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from greenlight.ledger.commits import Committer, Piece, write_commits
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin, write_pin
from greenlight.ledger.read import read_ledger
from greenlight.model.entry import Body, sign_entry
from greenlight.model.grant import MAX_USES, Grant
from greenlight.model.kinds import PacketSealed, RunOpened
from greenlight.model.trust import KeyRoles, Role, TrustRoot
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.limits import MAX_RECORDS_PER_COMMIT
from greenlight.store.repository import create_store, open_store
from greenlight.verify.ledger import Tip

OWNER, EXECUTOR = SeedSigner(b"\1" * 32), SeedSigner(b"\2" * 32)
AUTHOR: Final = "bench <bench@example.com>"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LANE: Final = "create-only-docs"
_PIECES: Final = 16  # commits in one pack
_USES: Final = 10_000  # of each grant


def cached(records: int, per_commit: int = MAX_RECORDS_PER_COMMIT) -> Path:
    """Return a store with a ledger of that many records, made once for each user of this machine.

    It was read once, so that what a reading keeps is there.  Nobody may write in it: take ``copy``.
    """
    final = folder() / f"v2-{records}-{per_commit}.git"
    if not final.exists():
        making = folder() / f"making-{os.getpid()}.git"
        shutil.rmtree(making, ignore_errors=True)
        make_ledger(making, records, per_commit)
        with open_store(making, making) as store:
            read_ledger(store, DEFAULT_REF, pin=read_pin(store)).require()
        making.rename(final)
    return final


def folder() -> Path:
    """Return where ledgers are kept: temporary, and this user's."""
    path = Path(tempfile.gettempdir(), f"greenlight-bench-{os.getuid()}")
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def copy(store: Path, target: Path) -> Path:
    """Return a copy of a store, to write in; packs are shared, since nobody changes them."""

    def put(source: str, place: str) -> None:
        if "/objects/" in source:
            os.link(source, place)
        else:
            shutil.copy2(source, place)

    return Path(shutil.copytree(store, target, copy_function=put))


def make_ledger(path: Path, records: int, per_commit: int = MAX_RECORDS_PER_COMMIT) -> None:
    """Make a store with a ledger of that many records, so many to a commit."""
    committer = Committer(EXECUTOR, AUTHOR, "Records\n")
    bodies = history()
    with create_store(path) as store:
        store.make_own_dir()
        tip, commit, pieces = Tip(), None, list[Piece]()
        while tip.size < records:
            numbers = range(tip.size, min(tip.size + per_commit, records))
            entries = [signed(next(bodies), number) for number in numbers]
            placed, tip = tip.follow(entries, _a_second_later)
            pieces.append(Piece(placed, (), tip))
            if tip.size == records or len(pieces) * per_commit >= _PIECES * MAX_RECORDS_PER_COMMIT:
                commit = write_commits(store, commit, pieces, committer, START)[-1].commit
                pieces.clear()
        store.objects.flush()
        store.objects.release()
        store.refs.swap(DEFAULT_REF, old=None, new=commit)
        write_pin(store, Pin(DEFAULT_REF, tip.head))


def _a_second_later(_entry: bytes, last: datetime | None) -> datetime:
    return START if last is None else last + timedelta(seconds=1)


def signed(body: Body, number: int) -> bytes:
    """Return the entry that says ``body``, by whom it is for."""
    signer = OWNER if isinstance(body, (TrustRoot, Grant)) else EXECUTOR
    return sign_entry(body, uuid=str(UUID(int=number)), signer=signer)


def history() -> Iterator[Body]:
    """Yield what happened: a trust root, then grants, each with the runs that stand on it."""
    yield TrustRoot.make(
        KeyRoles.of(OWNER.public, Role.OWNER), KeyRoles.of(EXECUTOR.public, Role.EXECUTOR)
    )
    run = 0
    while True:
        if run % _USES == 0:
            yield grant(run // _USES)
        yield opened(run)
        yield sealed(run)
        run += 1


def grant(number: int) -> Grant:
    """Return a grant for ten thousand runs."""
    return Grant(
        grant=f"g{number}",
        lane=LANE,
        executor=EXECUTOR.public.uri,
        authority="IMPLEMENTATION_EXECUTION_NO_PRODUCTION",
        delegation="EXECUTION_DELEGATION",
        operations=(),
        modes=("staging",),
        not_before="",
        expires="",
        max_uses=min(_USES, MAX_USES),
    )


def opened(run: int) -> RunOpened:
    """Return the opening of a run."""
    uuid = str(UUID(int=run))
    return RunOpened(
        run=uuid,
        packet=f"{LANE}-{uuid}",
        lane=LANE,
        mode="staging",
        grant=f"g{run // _USES}",
        use=run % _USES + 1,
        lane_digest="sha256:" + "a" * 64,
        tickets=(),
    )


def sealed(run: int) -> PacketSealed:
    """Return the packet that ends a run."""
    uuid = str(UUID(int=run))
    return PacketSealed(
        packet=f"{LANE}-{uuid}",
        run=uuid,
        lane=LANE,
        mode="staging",
        status="APPLIED_CLEAN",
        packet_tree=f"sha256:{run:064x}",
        statement=f"sha256:{run + 1:064x}",
        seal=f"sha256:{run + 2:064x}",
    )
