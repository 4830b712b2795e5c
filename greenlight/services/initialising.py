"""Make a store ready: a trust root of one's own, or the pin of somebody else's.

``init`` begins a ledger in the repository around, or in a bare one that it makes.  In a
fresh clone there is a ledger already, and it is anybody's until the digest of its trust
root is given: that digest comes another way, never from the clone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError, UsageError
from greenlight.ledger.admit import AWAY
from greenlight.ledger.incoming import follow
from greenlight.ledger.pin import (
    DEFAULT_REF,
    Pin,
    forget_founding,
    read_founding,
    read_pin,
    remember,
    write_pin,
)
from greenlight.ledger.read import read_ledger
from greenlight.model.head import Head
from greenlight.model.trust import Role, Succession
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_HEAD_BYTES
from greenlight.services.doubling import require_half
from greenlight.services.founding import FIRST_GRANT, end_founding, found_ledger
from greenlight.services.reading import read_bounded
from greenlight.store.gitremote import SETTING, configure, configured, named_remote
from greenlight.store.refs import require_name
from greenlight.store.repository import Store, create_store, open_store


@dataclass(frozen=True, slots=True)
class Initialised:
    """A store that is ready.

    Attributes:
        store: Folder of the repository.
        ref: Where the ledger lies.
        trust_root: Digest of record 0, as it is pinned.
        grant: Id of the first grant; empty where an existing ledger was pinned.
        size: Records that were seen.
    """

    store: Path
    ref: str
    trust_root: str
    grant: str
    size: int

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "store": str(self.store),
            "ref": self.ref,
            "trust_root": self.trust_root,
            "grant": self.grant,
            "size": self.size,
        }


def init_store(  # noqa: PLR0913 - what a ledger begins with
    where: Path | None,
    start: Path,
    signer: Signer,
    *,
    clock: Callable[[], datetime],
    ref: str = DEFAULT_REF,
    remote: str = "",
    succeeds: Succession | None = None,
) -> Initialised:
    """Begin a ledger whose owner is ``signer``.

    Args:
        where: The store; made as a bare repository where nothing is there.  None for the
            repository around ``start``.
        start: Folder to look from.
        signer: The owner's key.
        clock: The time of this machine.
        ref: Name of the ledger's ref.
        remote: Name of the git remote whose ledger shall count; none where empty.
        succeeds: The ledger that this one goes on from, where it does.

    Raises:
        RefusedError: STORE_EXISTS: there is one already; TRUST_REFUSED: there is a ledger
            of somebody else, and it is not pinned.
        UsageError: ``ref`` is no ref name.
        StoreError: The place does not serve.
    """
    require_name(ref)
    with _open_or_create(where, start) as store:
        pin, begun = read_pin(store), read_founding(store)
        if pin is not None and begun is None:
            there = store.refs.read(pin.ref) is not None
            raise RefusedError(
                Code.STORE_EXISTS,
                f"there is a greenlight store in {store.git_dir} already"
                if there
                else f"{pin.digest} is pinned here, and nothing of its ledger was fetched yet",
                hint="greenlight log shows what is in it" if there else "greenlight fetch",
            )
        with _counting(store, remote):
            ended = None if begun is None else end_founding(store, signer, begun, ref)
            if ended is not None:
                root, grant = str(ended.head.pin), FIRST_GRANT
                return Initialised(store.git_dir, ref, root, grant, ended.head.size)
            founded = found_ledger(store, signer, clock=clock, ref=ref, succeeds=succeeds)
        # Record 0 is the trust root, record 1 the first grant.
        return Initialised(store.git_dir, ref, founded.trust_root, founded.grant, 2)


@contextmanager
def _counting(store: Store, remote: str) -> Iterator[None]:
    """Let the ledger of a remote count, and no longer where nothing comes of it.

    Raises:
        UsageError: REMOTE_UNKNOWN.
        StoreError: STORE_BUSY, STORE_DAMAGED, IO_NOSPACE, IO_FAILED.
    """
    before = configured(store)
    if remote:
        configure(store, remote)
    try:
        yield
    except BaseException as error:
        pin = read_pin(store)
        is_founded = pin is not None and store.refs.read(pin.ref) is not None
        # A store whose ledger is the remote's stays that, or it would go on as a fork.
        if remote and not is_founded:
            with suppress(StoreError, UsageError):
                configure(store, before)
        elif before and isinstance(error, StoreError) and error.code in AWAY:
            error.hint = error.hint or f"without a remote: git config --unset {SETTING}"
        raise


def _open_or_create(where: Path | None, start: Path) -> Store:
    try:
        return open_store(where, start)
    except StoreError as error:
        if where is None or error.code is not Code.STORE_MISSING:
            raise
        return create_store(where)


def pin_store(
    where: Path | None, start: Path, digest: Digest, *, ref: str = DEFAULT_REF, remote: str = ""
) -> Initialised:
    """Pin the ledger that begins with the trust root of ``digest``.

    The ledger need not have been fetched yet: whatever comes must begin with that root.

    Raises:
        RejectedError: The ledger that is here is another, or broken; nothing is pinned.
        RefusedError: STORE_EXISTS: another one is pinned here.
        StoreError: The store does not serve.
    """
    require_name(ref)
    with open_store(where, start) as store:
        before = read_pin(store)
        if before is not None and (before.digest, before.ref) != (digest, ref):
            raise RefusedError(
                Code.STORE_EXISTS,
                f"{before.digest} is pinned for {before.ref} here already",
                hint=f"if you mean to trust another ledger, remove {store.own_dir / 'pin'} first",
            )
        pin = before or Pin.of(digest, ref)
        with _counting(store, remote):
            if remote and store.refs.read(ref) is None:
                follow(store, named_remote(store, remote), pin)
            ledger = read_ledger(store, ref, pin=pin)
            ledger.require()
            if before is None:
                write_pin(store, pin)
        forget_founding(store)
        if ledger.commit is not None:
            remember(store, ref, ledger.head)
        size = ledger.head.size if ledger.commit is not None else 0
        return Initialised(store.git_dir, ref, str(digest), "", size)


def succession_of(where: Path, reason: str) -> Succession:
    """Return a signed reference's content: the head of an older ledger, and why it ends there.

    Args:
        where: The store of that ledger, which is read and verified under its pin; or a file
            with its head, which is taken as it is.
        reason: Why, in one line.

    Raises:
        RejectedError: The ledger is broken.
        StoreError: There is no such store or file.
        MalformedError: It is no head; or the reason is not one line.
    """
    if where.is_file():
        head = Head.decode(read_bounded(where, MAX_HEAD_BYTES))
    else:
        with open_store(where, where) as store:
            pin = require_store(store)
            ledger = read_ledger(store, pin.ref, pin=pin)
            ledger.require()
            head = ledger.head
    return Succession.from_body(
        {
            "origin": head.origin,
            "size": head.size,
            "root": f"sha256:{head.root.hex()}",
            "reason": reason,
        }
    )


def require_store(store: Store) -> Pin:
    """Return what is pinned here; without a pin nothing can be read or written in good faith.

    Raises:
        StoreError: STORE_MISSING: this repository is no greenlight store.
        RefusedError: TRUST_REFUSED: it has a ledger, and nobody said whose.
    """
    pin = read_pin(store)
    if pin is not None:
        return pin
    if store.refs.read(DEFAULT_REF) is not None:
        raise RefusedError(
            Code.TRUST_REFUSED,
            f"there is a ledger in {store.git_dir}, and no trust root is pinned",
            hint="ask its owner for the digest, then: greenlight init --trust DIGEST",
        )
    raise StoreError(
        Code.STORE_MISSING,
        f"there is no greenlight store in {store.git_dir}",
        hint="greenlight init",
    )


def require_executor(store: Store, signer: Signer) -> None:
    """Refuse a key that may not seal here, before anything is written.

    Raises:
        RefusedError: TRUST_REFUSED: the trust root does not name it as an executor;
            KEY_REVOKED; TRUST_HYBRID_MISSING.
        RejectedError: The ledger is broken.
        StoreError: STORE_MISSING.
    """
    pin = require_store(store)
    ledger = read_ledger(store, pin.ref, pin=pin)
    ledger.require()
    trust = ledger.state.trust
    held = None if trust is None else trust.find(signer.public.uri)
    gone = None if trust is None else trust.revocation(signer.public.uri)
    if gone is not None:
        raise RefusedError(Code.KEY_REVOKED, f"{gone.key} was revoked: {gone.reason}")
    if held is None or Role.EXECUTOR not in held.roles:
        raise RefusedError(
            Code.TRUST_REFUSED,
            f"the trust root does not name this key as an executor: {signer.public.uri}",
            hint="an owner lets it in: greenlight trust add KEY.pub --role executor",
        )
    require_half(ledger.state, signer)
