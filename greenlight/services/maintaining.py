"""Maintenance: what lies loose goes into a pack, small packs become one, one index finds all.

Only what is greenlight's is touched: packs that it wrote and nobody holds, and loose objects
that its refs reach.  Packs of others, of remotes and with a ``.keep`` file stay as they are,
and so does a multi-pack-index of another program, with every pack that it names.

It may be killed at any point: what replaces is in place, durable, before what is replaced
goes.  Sealers and verifiers work beside it as beside a ``git gc``; a second maintenance is
turned away.  docs/adr/0020-maintenance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.model.finding import Finding
from greenlight.primitives.text import escape
from greenlight.services.unfinished import clear_unfinished
from greenlight.store.due import note_state
from greenlight.store.durable import locked, sync_directory, wrapped
from greenlight.store.gitlock import clear_git_lock, git_lock
from greenlight.store.keep import take_over
from greenlight.store.leftovers import remove_leftovers
from greenlight.store.loose import REFS, loose_objects, reached, remove_loose
from greenlight.store.multipack import NAME, read_multipack, write_multipack
from greenlight.store.ownpacks import forget_gone, note_damage, own_packs
from greenlight.store.packindex import Pack
from greenlight.store.packwriter import PackWriter
from greenlight.store.repack import Source, copy_pack, remove_pack, sources, to_join
from greenlight.store.repository import Store

MIN_INDEXED = 2  # packs that are worth an index of all
MAX_LOOSE_BYTES = 16 * 2**20  # a loose object is read whole; what is larger stays loose

_LOCK = "maintain"

Tell = Callable[[int, int], None]  # objects and bytes that were done


def _say_nothing(objects: int, size: int) -> None:
    """Tell nobody."""
    del objects, size


@dataclass(frozen=True, slots=True)
class Maintained:
    """What a maintenance did.

    Attributes:
        loose: How many loose objects were packed.
        loose_left: How many stay: no ref of greenlight's reaches them, or they are damaged.
        joined: How many packs became one.
        packs: How many packs of greenlight's there are now.
        bytes: How many bytes were written.
        removed: How many temporary files of killed processes were removed.
        is_indexed: Whether a multi-pack-index names all of the packs.
        problems: What is damaged, and was left where it is.
    """

    loose: int
    loose_left: int
    joined: int
    packs: int
    bytes: int
    removed: int
    is_indexed: bool
    problems: tuple[Finding, ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "loose_packed": self.loose,
            "loose_left": self.loose_left,
            "packs_joined": self.joined,
            "packs": self.packs,
            "bytes_written": self.bytes,
            "temporaries_removed": self.removed,
            "multi_pack_index": self.is_indexed,
            "problems": [problem.to_dict() for problem in self.problems],
        }


def maintain(store: Store, *, tell: Tell = _say_nothing) -> Maintained:
    """Pack what is loose, join packs, and write the multi-pack-index.

    Args:
        store: What to maintain.
        tell: Called with the number of objects that were written, and their bytes.

    Raises:
        StoreError: STORE_BUSY: another maintenance is at work; IO_NOSPACE, IO_FAILED: all that
            was there is there.
    """
    with _alone(store):
        note_state(store)  # first, too: what fails is not tried again at every seal
        clear_git_lock(store.objects.directory / "pack" / NAME, store.own_dir / _LOCK)
        clear_unfinished(store)
        removed = remove_leftovers(store.git_dir)
        for index in own_packs(store.git_dir):
            _let_go(index)
        foreign = _foreign_multipack(store)
        sound = [
            index
            for index, wrong in own_packs(store.git_dir).items()
            if not wrong and index.name not in foreign.packs
        ]
        found, damaged = sources(sound, store.object_format)
        loose = loose_objects(store)
        fit = {oid for oid, size in loose.items() if size <= MAX_LOOSE_BYTES}
        refs, odd = store.refs.scan(REFS)
        wanted = reached(store, fit, refs.values()) if fit else []
        joining = _Joining(store, tell, damaged)
        joining.write(wanted, to_join(found, sum(loose[oid] for oid in wanted)))
        for index, wrong in damaged.items():
            note_damage(store.git_dir, index, wrong)
        # What replaces is durable here, and the index of all leads to it; now the old ones go.
        is_indexed = not foreign.exists and _index_all(store, without=joining.joined)
        for index in joining.joined:
            remove_pack(index)
        for oid in joining.packed:
            remove_loose(store.objects.directory, oid)
        sync_directory(store.objects.directory / "pack")
        store.objects.release()
        forget_gone(store.git_dir)
        left = own_packs(store.git_dir)
        note_state(store)
    return Maintained(
        loose=len(joining.packed),
        loose_left=len(loose) - len(joining.packed),
        joined=len(joining.joined),
        packs=len(left),
        bytes=joining.size,
        removed=removed,
        is_indexed=is_indexed,
        problems=(
            *(
                Finding(Code.STORE_DAMAGED, index.name, "a whole pack", wrong)
                for index, wrong in left.items()
                if wrong
            ),
            *joining.problems,
            *foreign.problems,
            *(
                Finding(Code.STORE_DAMAGED, escape(ref), "a ref", escape(why))
                for ref, why in odd.items()
            ),
        ),
    )


class _Joining:
    """The writing of one pack, of loose objects and of other packs.

    Attributes:
        size: Bytes of the pack.
        packed: The loose objects that are in it.
        joined: The indexes of the packs that are in it as a whole.
        damaged: What is wrong with which pack.
        problems: Loose objects that are damaged.
    """

    def __init__(self, store: Store, tell: Tell, damaged: dict[Path, str]) -> None:
        self.size = 0
        self.packed: list[bytes] = []
        self.joined: list[Path] = []
        self.damaged = damaged
        self.problems: list[Finding] = []
        self._store = store
        self._tell = tell

    def write(self, loose: list[bytes], chosen: list[Source]) -> None:
        """Write the pack, durably.

        Raises:
            StoreError: IO_NOSPACE, IO_FAILED, STORE_DAMAGED: what was read back is not what was
                written; nothing is left behind.
        """
        if not loose and not chosen:
            return
        with self._store.objects.packing() as pack:
            for oid in loose:
                self._pack(oid, pack)
            for source in chosen:
                self._copy(source, pack)
            self.size = pack.end
        self._store.objects.flush()
        if pack.written is not None:
            # What one of them holds already makes the same pack again: that one stays.
            new = pack.written.index.name
            self.joined = [index for index in self.joined if index.name != new]

    def _pack(self, oid: bytes, pack: PackWriter) -> None:
        before = pack.end
        try:
            kind, body = self._store.objects.read_loose(oid.hex())
        except FileNotFoundError:
            return  # a gc has just packed it
        except StoreError as error:
            if error.code is Code.IO_FAILED:
                raise
            self.problems.append(
                Finding(error.code, f"objects/{oid.hex()}", "a whole object", str(error))
            )
            return
        pack.add(kind, body)
        self.packed.append(oid)
        self._tell(1, pack.end - before)

    def _copy(self, source: Source, pack: PackWriter) -> None:
        before = pack.end
        try:
            copy_pack(source.pack, pack)
        except FileNotFoundError:
            return  # a gc has just joined it itself
        except StoreError as error:
            if error.code is not Code.STORE_DAMAGED:
                raise
            self.damaged[source.pack.index] = str(error)
            return
        self.joined.append(source.pack.index)
        self._tell(source.pack.count, pack.end - before)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Turn a second maintenance away.

    Raises:
        StoreError: STORE_BUSY.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(store.make_own_dir() / _LOCK, wait_seconds=0))
        except StoreError as error:
            if error.code is not Code.STORE_BUSY:
                raise
            said = f"another maintenance of {store.git_dir} is at work; nothing was done"
            raise StoreError(Code.STORE_BUSY, said) from error
        yield


def _let_go(index: Path) -> None:
    """Remove the ``.keep`` file of a pack that a killed greenlight held."""
    keep = take_over(index.with_suffix(".keep"))
    if keep is not None:
        with wrapped(f"remove {keep.path}"):
            keep.release()


# --- the index of all packs


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A multi-pack-index of another program.

    Attributes:
        exists: Whether there is one.
        packs: The names of the indexes that it covers; they are left alone.
        problems: What is wrong with it.
    """

    exists: bool
    packs: frozenset[str] = frozenset()
    problems: tuple[Finding, ...] = ()


def _foreign_multipack(store: Store) -> _Foreign:
    folder = store.objects.directory / "pack"
    with wrapped(f"list {folder}"):
        everything = frozenset(path.name for path in folder.glob("pack-*.idx"))
        if (folder / f"{NAME}.d").exists():  # a chain of them, which only git writes
            return _Foreign(exists=True, packs=everything)
    try:
        found = read_multipack(folder, store.object_format)
    except StoreError as error:
        if error.code is not Code.STORE_DAMAGED:
            raise
        said = f"{error}; git multi-pack-index write makes it again"
        problem = Finding(Code.STORE_DAMAGED, NAME, "a whole index of packs", said)
        return _Foreign(exists=True, packs=everything, problems=(problem,))
    if found is None or found.is_ours:
        return _Foreign(exists=False)
    return _Foreign(exists=True, packs=frozenset(found.packs))


def _index_all(store: Store, *, without: Collection[Path]) -> bool:
    """Write the multi-pack-index of all packs, others' too: it says only where objects lie.

    Returns:
        Whether there is one now that names all packs whose index can be read.

    Raises:
        StoreError: STORE_BUSY: git holds its lock; IO_NOSPACE, IO_FAILED.
    """
    folder = store.objects.directory / "pack"
    packs = _readable(folder, store.object_format, without)
    old = read_multipack(folder, store.object_format)
    if len(packs) < MIN_INDEXED and old is None:
        return False  # one index is as good as the other
    names = [pack.index.name for pack in packs]
    if old is not None and old.is_whole() and list(old.packs) == names:
        return True
    with git_lock(folder / NAME, store.own_dir / _LOCK):
        if len(packs) < MIN_INDEXED:
            with wrapped(f"remove {folder / NAME}"):
                (folder / NAME).unlink(missing_ok=True)
            sync_directory(folder)
            return False
        try:
            write_multipack(folder, packs, store.object_format)
        except FileNotFoundError:  # a gc has just removed one: next time
            with wrapped(f"remove {folder / NAME}"):
                (folder / NAME).unlink(missing_ok=True)  # it may name what goes now
            sync_directory(folder)
            return False
    return True


def _readable(folder: Path, object_format: str, without: Collection[Path]) -> list[Pack]:
    with wrapped(f"list {folder}"):
        indexes = sorted(set(folder.glob("pack-*.idx")) - set(without))
    packs = []
    for index in indexes:
        pack = Pack(index, object_format)
        with suppress(FileNotFoundError, StoreError):  # of another version, damaged, or gone
            pack.load()
            packs.append(pack)
    return packs
