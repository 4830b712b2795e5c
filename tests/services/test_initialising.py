"""A store that is made ready against a remote, and broken off anywhere: the next init ends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError, RefusedError, StoreError
from greenlight.ledger import admit
from greenlight.ledger import append as appending
from greenlight.ledger.pin import DEFAULT_REF, read_founding, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services import initialising
from greenlight.services.initialising import Initialised, init_store, pin_store
from greenlight.store.gitremote import GitRemote, configured
from greenlight.store.repository import create_store, open_store
from tests.cli.conftest import git
from tests.ledger.actors import OWNER, STRANGER, Clock


class Crash(BaseException):
    """As if the process had been killed here."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository with a remote."""

    git_dir: Path
    hub: Path

    def init(self, signer: SeedSigner = OWNER, remote: str = "origin") -> Initialised:
        return init_store(self.git_dir, self.git_dir, signer, clock=Clock(), remote=remote)

    def url(self, url: Path) -> None:
        git("remote", "set-url", "origin", url, cwd=self.git_dir)

    @property
    def config(self) -> bytes:
        return (self.git_dir / "config").read_bytes()

    @property
    def pinned(self) -> Digest:
        with open_store(self.git_dir, self.git_dir) as store:
            pin = read_pin(store)
        assert pin is not None
        return pin.digest

    @property
    def setting(self) -> str:
        with open_store(self.git_dir, self.git_dir) as store:
            return configured(store)

    def require_whole(self, made: Initialised, *, remote: bool = True) -> None:
        """The ledger is here and there, pinned, and begins with that trust root."""
        with open_store(self.git_dir, self.git_dir) as store:
            pin = read_pin(store)
            assert pin is not None
            ledger = read_ledger(store, DEFAULT_REF, pin=pin, fully=True)
            assert ledger.findings == ()
            assert ledger.head.size == made.size == 2
            assert str(ledger.head.pin) == str(pin.digest) == made.trust_root
            assert list(ledger.state.grants) == [made.grant]
            assert read_founding(store) is None
        if remote:
            assert git("rev-parse", DEFAULT_REF, cwd=self.hub) == ledger.commit
            assert self.setting == "origin"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path, "one", new_hub(tmp_path, "hub.git"))


def new_hub(folder: Path, name: str) -> Path:
    git("init", "-q", "--bare", folder / name, cwd=folder)
    return folder / name


def make(folder: Path, name: str, hub: Path) -> Place:
    with create_store(folder / f"{name}.git", object_format="sha1") as store:
        git("remote", "add", "origin", hub, cwd=store.git_dir)
        return Place(store.git_dir, hub)


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object, str], None]]:
    """Return what breaks off at a function, once."""

    def at(owner: object, name: str) -> None:
        def broken(*_args: object, **_options: object) -> None:
            monkeypatch.undo()
            raise Crash

        monkeypatch.setattr(owner, name, broken)

    yield at
    monkeypatch.undo()


BETWEEN = {
    "setting and push": (GitRemote, "push"),
    "push and pin": (admit, "write_pin"),
    "pin and ref": (admit, "write_placed"),
    "ref and its memory": (admit, "track"),
}


@pytest.mark.parametrize("where", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "interrupted"])
def test_broken_off_and_done_again(place: Place, crash, monkeypatch, where, killed: bool):
    """The same command again: one ledger, here and there, whoever cleaned up or not."""
    if killed:  # a kill leaves the setting, an interrupt does not
        configure = initialising.configure
        monkeypatch.setattr(
            initialising, "configure", lambda store, name: name and configure(store, name)
        )
    crash(*where)
    with pytest.raises(Crash):
        place.init()
    there = git("for-each-ref", "--format=%(objectname)", cwd=place.hub)
    made = place.init()
    place.require_whole(made)
    if there:  # what the remote took is the ledger, and no second one
        assert git("rev-parse", DEFAULT_REF, cwd=place.hub) == there
    with pytest.raises(RefusedError) as caught:
        place.init()
    assert caught.value.code is Code.STORE_EXISTS


@pytest.mark.parametrize("where", [(appending, "write_pin"), (appending, "write_placed")])
def test_broken_off_without_a_remote(place: Place, crash, where):
    crash(*where)
    with pytest.raises(Crash):
        place.init(remote="")
    place.require_whole(place.init(remote=""), remote=False)


@pytest.fixture
def begun(place: Place, crash) -> Place:
    """The remote has taken the ledger, and it is not pinned here."""
    crash(admit, "write_pin")
    with pytest.raises(Crash):
        place.init()
    return place


def test_by_another_key(begun: Place):
    """It is told whose the ledger is; with that key it goes on."""
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            begun.init(STRANGER)
        assert caught.value.code is Code.TRUST_REFUSED
        assert OWNER.public.uri in str(caught.value)
    begun.require_whole(begun.init())


def test_the_remote_is_away(begun: Place, tmp_path: Path):
    """What was begun is not forgotten; nor is a second ledger founded."""
    begun.url(tmp_path / "nowhere")
    with pytest.raises(StoreError) as caught:
        begun.init()
    assert caught.value.code is Code.REMOTE_UNREACHABLE
    begun.url(begun.hub)
    begun.require_whole(begun.init())


def test_the_remote_has_lost_it(begun: Place):
    """A new ledger, under a new pin."""
    git("update-ref", "-d", DEFAULT_REF, cwd=begun.hub)
    begun.require_whole(begun.init())


def test_somebody_else_was_faster(begun: Place, tmp_path: Path):
    """Theirs is nobody's until its digest is given, and then it is followed."""
    git("update-ref", "-d", DEFAULT_REF, cwd=begun.hub)
    other = make(tmp_path, "other", begun.hub)
    theirs = other.init(STRANGER)
    with pytest.raises(RefusedError) as caught:
        begun.init()
    assert caught.value.code is Code.TRUST_REFUSED
    pinned = pin_store(begun.git_dir, begun.git_dir, other.pinned, remote="origin")
    assert (pinned.trust_root, pinned.size) == (theirs.trust_root, 2)


def test_then_without_a_remote(begun: Place):
    """Whoever asks for a ledger of this repository alone gets one."""
    begun.require_whole(begun.init(remote=""), remote=False)
    assert begun.setting == ""


# --- what fails leaves nothing


@pytest.mark.parametrize("before", ["", "other"])
def test_a_failed_init_leaves_no_setting(place: Place, tmp_path: Path, before: str):
    """The remote is away: the configuration is as it was, and init without it works."""
    if before:
        git("remote", "add", "other", new_hub(tmp_path, "other.git"), cwd=place.git_dir)
        git("config", "greenlight.remote", "other", cwd=place.git_dir)
    config = place.config
    place.url(tmp_path / "nowhere")
    with pytest.raises(StoreError) as caught:
        place.init()
    assert caught.value.code is Code.REMOTE_UNREACHABLE
    assert place.config != config  # the URL
    assert place.setting == before
    assert place.init(remote="").size == 2


def test_a_remote_with_a_ledger_of_others(place: Place, tmp_path: Path):
    make(tmp_path, "other", place.hub).init(STRANGER)
    config = place.config
    with pytest.raises(RefusedError) as caught:
        place.init()
    assert caught.value.code is Code.TRUST_REFUSED
    assert place.config == config


@pytest.mark.parametrize("what", ["away", "another ledger"])
def test_a_failed_pin_leaves_no_setting(place: Place, tmp_path: Path, what: str):
    other = make(tmp_path, "other", place.hub)
    other.init(STRANGER)
    if what == "away":
        shutil.move(place.hub, tmp_path / "gone.git")
    else:
        other = make(tmp_path, "third", new_hub(tmp_path, "third-hub.git"))
        other.init()
    config = place.config
    with pytest.raises(GreenlightError):
        pin_store(place.git_dir, place.git_dir, other.pinned, remote="origin")
    assert place.config == config
    with open_store(place.git_dir, place.git_dir) as store:
        assert read_pin(store) is None


def test_a_setting_that_was_left_is_told(place: Place, tmp_path: Path):
    """init without --remote goes to the remote that is configured, and says how not to."""
    git("config", "greenlight.remote", "origin", cwd=place.git_dir)
    place.url(tmp_path / "nowhere")
    with pytest.raises(StoreError) as caught:
        place.init(remote="")
    assert "git config --unset greenlight.remote" in (caught.value.hint or "")


def test_a_pin_of_a_ledger_that_was_not_fetched_stays(place: Place, tmp_path: Path):
    """init would found another ledger under it."""
    other = make(tmp_path, "other", new_hub(tmp_path, "other-hub.git"))
    other.init(STRANGER)
    pin_store(place.git_dir, place.git_dir, other.pinned)
    with pytest.raises(RefusedError) as caught:
        place.init()
    assert caught.value.code is Code.STORE_EXISTS
    assert place.pinned == other.pinned
