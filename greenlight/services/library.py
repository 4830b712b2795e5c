"""What ``from greenlight import …`` gives: the use cases with the arguments people have.

The same powers as the command line, with values for answers.  Nothing is read from the
environment, the home folder or a terminal, and nothing is trusted that was not given: the
pin of a store, or a ``Trust``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from greenlight.execution.confined import Confined
from greenlight.execution.confinement import Confinement
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.services import checkout as _checkout
from greenlight.services import initialising, keys, packets, verifying
from greenlight.services import maintaining as _maintaining
from greenlight.services import purging as _purging
from greenlight.services import rerun as _rerun
from greenlight.services import run as _run
from greenlight.services import seal_dir as _seal_dir
from greenlight.services import withheld as _withheld
from greenlight.services.admission import Request
from greenlight.services.checkout import CheckedOut
from greenlight.services.initialising import Initialised
from greenlight.services.maintaining import Maintained
from greenlight.services.private import private_files
from greenlight.services.provider import FolderProvider
from greenlight.services.purging import Purged
from greenlight.services.rerun import RerunResult
from greenlight.services.run import Ended, RunResult
from greenlight.services.sealing import Sealed
from greenlight.services.surroundings import Surroundings
from greenlight.services.verifying import StoreVerdict, Trust, Verdict
from greenlight.store import repository
from greenlight.store.repository import Store

NO_VARIABLES: Mapping[str, str] = {}
NO_TRUST = Trust()


def _now() -> datetime:
    return datetime.now(UTC)


def load_key(path: str | Path, passphrase: bytes | None = None) -> Signer:
    """Load an OpenSSH Ed25519 private key.

    Raises:
        StoreError: KEY_MISSING, FILE_UNREADABLE.
        MalformedError: KEY_UNREADABLE, KEY_PASSPHRASE.
    """
    return keys.load_key(Path(path), lambda _: passphrase)


def init_store(path: str | Path, signer: Signer, *, ref: str = DEFAULT_REF) -> Initialised:
    """Begin a ledger owned by ``signer`` in the repository at ``path``, or in a new bare one.

    Raises:
        RefusedError: STORE_EXISTS, TRUST_REFUSED.
        StoreError: The place does not serve.
    """
    path = Path(path)
    return initialising.init_store(path, path, signer, clock=_now, ref=ref)


def pin_store(path: str | Path, trust_root: str, *, ref: str = DEFAULT_REF) -> Initialised:
    """Pin the ledger of a clone by the digest of its trust root, ``sha256:<hex>``.

    Raises:
        RejectedError: The ledger that is there is another, or broken.
        MalformedError: ``trust_root`` is no digest.
    """
    path = Path(path)
    return initialising.pin_store(path, path, Digest.parse(trust_root), ref=ref)


def open_store(path: str | Path = ".") -> Store:
    """Open the store at ``path``, or the repository around it; close it with ``with``.

    Raises:
        StoreError: There is none, or it does not serve.
    """
    path = Path(path)
    return repository.open_store(None, path)


def run_lane(  # noqa: PLR0913 - the outside world of a run
    lane: str | Path,
    store: Store,
    signer: Signer,
    *,
    grant: str = "",
    confinement: Confinement | None = None,
    variables: Mapping[str, str] = NO_VARIABLES,
    on_step: Callable[[str], None] = lambda _step: None,
) -> RunResult:
    """Run a lane file and seal its packet.

    Args:
        lane: The file; its sources stand beside it.
        store: Where the packet goes.
        signer: The executor's key.
        grant: Id of the grant to use; the first that fits where empty.
        confinement: What steps run in; the best box that this host can make where None.
        variables: The environment, of which steps get what the lane allows.
        on_step: Told each step's id as it begins.

    Raises:
        RefusedError: Nothing was run, and nothing written.
        MalformedError: The lane cannot be read.
        StoreError: A file or the store does not serve.
    """
    ended = run_lanes(
        [lane],
        store,
        signer,
        grant=grant,
        confinement=confinement,
        variables=variables,
        on_step=on_step,
    )
    return ended.results[0]


def run_lanes(  # noqa: PLR0913 - the outside world of a run
    lanes: Iterable[str | Path],
    store: Store,
    signer: Signer,
    *,
    grant: str = "",
    confinement: Confinement | None = None,
    variables: Mapping[str, str] = NO_VARIABLES,
    on_step: Callable[[str], None] = lambda _step: None,
) -> Ended:
    """Run lane files one after the other, and seal their packets in one write.

    Raises:
        RefusedError: Nothing was run, and nothing written.
        MalformedError: A lane cannot be read.
        StoreError: A file or the store does not serve.
    """
    jobs = []
    for lane in lanes:
        path = Path(lane).absolute()
        request = Request(path.read_bytes(), signer.public.uri, _now(), grant)
        provider = FolderProvider(path.parent, store, Trust())
        jobs.append(_run.Job(request, provider, path.parent))
    around = Surroundings(
        store, signer, confinement or Confined.here(), _now, variables, on_step=on_step
    )
    return _run.run_lanes(jobs, around)


def seal_dir(folder: str | Path, store: Store, signer: Signer, *, lane: str = "") -> Sealed:
    """Seal evidence that was made elsewhere.

    Raises:
        UsageError: There is no such folder, or nothing in it.
        RefusedError: TRUST_REFUSED, SECRET_IN_EVIDENCE; nothing was written.
        StoreError: A file or the store does not serve.
    """
    return _seal_dir.seal_dir(Path(folder), _seal_dir.Outside(store, signer, _now), lane=lane)


def seal_dirs(
    folders: Iterable[str | Path], store: Store, signer: Signer, *, lane: str = ""
) -> list[Sealed]:
    """Seal folders of evidence as a packet each: one write, and all of them or none.

    Raises:
        UsageError: There is no such folder, or nothing in it.
        RefusedError: TRUST_REFUSED, SECRET_IN_EVIDENCE; nothing was written.
        StoreError: A file or the store does not serve.
    """
    outside = _seal_dir.Outside(store, signer, _now)
    return list(_seal_dir.seal_dirs([Path(each) for each in folders], outside, lane=lane))


def maintain(store: Store) -> Maintained:
    """Pack what is loose and join packs; nothing of it happens by itself in the library.

    Raises:
        StoreError: STORE_BUSY: another maintenance is at work; IO_NOSPACE, IO_FAILED: all that
            was there is there.
    """
    return _maintaining.maintain(store)


def purge_packet(
    packet: str, reason: str, store: Store, signer: Signer, *, dry_run: bool = False
) -> Purged:
    """Let a packet's bytes go, and keep that it was; ``signer`` must be an owner.

    Raises:
        UsageError: PACKET_UNKNOWN, PACKET_AMBIGUOUS, or a reason that is none.
        RefusedError: TRUST_REFUSED.
        StoreError: A file or the store does not serve.
    """
    return _purging.purge_packet(store, signer, packet, reason, clock=_now, dry_run=dry_run)


def verify_packet(
    packet: str | Path,
    *,
    store: Store | None = None,
    trust: Trust = NO_TRUST,
    lineage: bool = False,
) -> Verdict:
    """Verify a packet: a name in the store, or a folder.

    The verdict has no truth value: look at ``integrity``, or call ``report.require()``.

    Raises:
        UsageError: PACKET_UNKNOWN, PACKET_AMBIGUOUS.
        StoreError: It cannot be read.
    """
    located = _withheld.locate_or_withheld(store, str(packet), trust)
    if isinstance(located, Verdict):
        return located
    return verifying.verify_located(located, trust, store=store, lineage=lineage)


def verify_all(store: Store, *, trust: Trust = NO_TRUST, lineage: bool = False) -> StoreVerdict:
    """Verify every packet of a store, its shelves and its ledger."""
    return verifying.verify_all(store, trust, lineage=lineage)


def rerun_packet(  # noqa: PLR0913 - the outside world of a replay
    packet: str | Path,
    *,
    store: Store | None = None,
    trust: Trust = NO_TRUST,
    confinement: Confinement | None = None,
    variables: Mapping[str, str] = NO_VARIABLES,
    unsafe_unconfined: bool = False,
) -> RerunResult:
    """Replay a packet in a fresh workspace, and compare every file.

    Raises:
        RejectedError: It does not verify: nothing was run.
        RefusedError: REPLAY_UNTRUSTED, REPLAY_NOTHING_EXECUTED.
    """
    located = packets.locate(store, str(packet), whole=True)
    verdict = verifying.verify_located(located, trust, store=store)
    room = _rerun.ReplayRoom(confinement or Confined.here(), _now, variables)
    return _rerun.rerun_packet(
        located,
        verdict,
        room,
        unsafe_unconfined=unsafe_unconfined,
        private=private_files(located, verdict.evidence, store),
    )


def checkout_packet(
    packet: str | Path, folder: str | Path, *, store: Store | None = None
) -> CheckedOut:
    """Write a packet into a new or empty folder as ``packet/``, ``seal/`` and ``ledger/``.

    Raises:
        RefusedError: CHECKOUT_EXISTS.
        StoreError: It cannot be written; nothing is left behind.
    """
    located = packets.locate(store, str(packet))
    return _checkout.checkout(located, Path(folder), store=store)
