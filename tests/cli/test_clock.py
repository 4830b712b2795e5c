"""Two hundred moments at which a clock may stand, and what each command makes of them.

The real commands run under libfaketime, each on a copy of the same store, at moments around all
limits and far from them.  What must come of it is worked out by ``clock_model``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import prod
from pathlib import Path

import pytest

from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import Ledger, read_ledger
from greenlight.store.repository import open_store
from tests.cli.clock_model import DAY, MICROSECOND, SECOND, Facts, at
from tests.cli.clocked import Clocked
from tests.cli.conftest import LANE, Done, git
from tests.cli.team import RELEASE, Team

# What an append alone meets, so that to look before does not say it.
OF_APPENDS = {"CLOCK_AHEAD", "CLOCK_UNSET"}
EXITS = {"USAGE": 64}  # every other refusal is 77

INIT = at("2026-03-01 12:00:00")
GRANTED = at("2026-03-01 12:00:10")
RAN = at("2026-03-01 12:00:20")
ISSUED = at("2026-03-01 12:01:00")
SET = at("2026-03-01 12:02:00")
OVER = at("2026-03-02 06:00:00")
AHEAD = at("2026-03-01 18:00:00")

GRANT = (GRANTED, GRANTED + DAY)
RECEIPTS = {"a day": (ISSUED, 24), "an hour": (ISSUED, 1)}
WORLDS = {
    "plain": Facts(ISSUED, None, GRANT, RECEIPTS),
    "over": Facts(SET, OVER, GRANT, RECEIPTS),  # its trust root is, one day
    "ahead": Facts(AHEAD, None, GRANT, RECEIPTS),  # somebody's clock was
}

# Where clocks have stood still, overflowed or begun.
FAR = [
    at(text)
    for text in (
        "1969-12-31 23:59:59.999999",
        "1970-01-01 00:00:00",
        "1970-01-02 00:00:00",
        "2000-01-01 00:00:00",
        "2001-09-09 01:46:40",
        "2016-03-01 12:00:00",
        "2038-01-19 03:14:07",
        "2038-01-19 03:14:08",
        "2100-02-28 23:59:59",
        "2106-02-07 06:28:15",
        "2106-02-07 06:28:16",
        "2261-12-31 23:59:59.999999",
    )
]


def edge(moment: datetime) -> list[datetime]:
    """Return the moments at a limit."""
    return [moment - SECOND, moment - MICROSECOND, moment, moment + MICROSECOND, moment + SECOND]


def slack(last: datetime) -> list[datetime]:
    """Return the moments at which a tip is just not, and just, too far ahead."""
    return edge(last - 300 * SECOND)


@dataclass(frozen=True, slots=True)
class Place:
    """A copy of a store, and the people in front of it.

    Attributes:
        clocked: Runs their commands.
        team: They.
        facts: What the model knows of the store.
        receipts: Ids by what they are called.
    """

    clocked: Clocked
    team: Team
    facts: Facts
    receipts: dict[str, str]

    def __call__(
        self, now: datetime, who: str, *words: str | Path, zone: str = "UTC", step: float = 0.0
    ) -> Done:
        key = ("--signing-key", str(self.team.key(who)))
        done = self.clocked.run(
            now,
            [*key, *map(str, words)],
            cwd=self.team.repo,
            env=self.team.environment(),
            zone=zone,
            step=step,
        )
        assert "Traceback" not in done.err
        return done

    def ok(self, now: datetime, who: str, *words: str | Path) -> Done:
        done = self(now, who, *words)
        assert done.exit == 0, done.err
        return done

    def operation(self) -> tuple[str | Path, ...]:
        path = self.team.write("op.json", RELEASE)
        return ("--run", self.team.run, "--kind", "publish_release", "--content", path)

    @property
    def ledger(self) -> Ledger:
        """The ledger, every record of it verified."""
        with open_store(self.team.repo, self.team.repo) as store:
            ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=True)
            assert ledger.findings == ()
            assert list(ledger.state.voids) == []
            return ledger

    def copy(self, folder: Path) -> Place:
        copied = Path(shutil.copytree(self.team.folder, folder, symlinks=True))
        return replace(self, team=Team(copied, copied / "repo", self.team.packet))


def settle(done: Done, reasons: set[str]) -> None:
    """Hold what came of a command against the reasons that the model has."""
    if not reasons:
        assert done.exit == 0, done.err
        return
    (line,) = done.error_lines
    code = line.split(": ")[2]
    assert code in reasons, f"{line}, and not {reasons}"
    assert done.exit == EXITS.get(code, 77)


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    made = Clocked(tmp_path_factory.mktemp("clocked"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def worlds(clocked: Clocked, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    """The three stores, made at moments that stand in their facts."""
    folder = tmp_path_factory.mktemp("worlds") / "plain"
    (folder / "repo").mkdir(parents=True)
    team = Team(folder, folder / "repo")
    git("init", "-q", cwd=team.repo)
    plain = Place(clocked, team, WORLDS["plain"], {})
    for who in ("owner", "executor"):
        plain.ok(INIT, who, "keys", "new", team.key(who))
    public = f"{team.key('executor')}.pub"
    plain.ok(INIT, "owner", "init")
    plain.ok(INIT, "owner", "trust", "add", public, "--role", "executor")
    words = ("grant", "issue", public, "--uses", "9", "--days", "1", "--id", "g-1")
    plain.ok(GRANTED, "owner", *words)
    lane = folder / "lane"
    lane.mkdir()
    shutil.copyfile(LANE, lane / "lane.yaml")
    ran = plain.ok(RAN, "executor", "run", lane / "lane.yaml", "--grant", "g-1", "--json").json
    team.packet = ran["packet_id"]
    for name, (moment, hours) in RECEIPTS.items():
        words = ("receipt", "issue", *plain.operation(), "--hours", str(hours), "--json")
        plain.receipts[name] = plain.ok(moment, "owner", *words).json["receipt_id"]
    made = {"plain": plain}
    for name in ("over", "ahead"):
        made[name] = replace(plain.copy(folder.parent / name), facts=WORLDS[name])
    made["over"].ok(SET, "owner", "trust", "set", "--expires", "2026-03-02T06:00:00Z")
    made["ahead"].ok(AHEAD, "owner", "grant", "issue", public, "--id", "g-2")
    assert {name: place.ledger.tip.time for name, place in made.items()} == {
        name: facts.last for name, facts in WORLDS.items()
    }
    return made


@pytest.fixture
def place(worlds: dict[str, Place], tmp_path: Path) -> Callable[[str], Place]:
    return lambda name: worlds[name].copy(tmp_path / "copy")


def points(name: str, *more: list[datetime]) -> list[tuple[str, datetime]]:
    """Return moments in a world: those that are far from all of it, and more."""
    return [(name, moment) for moments in (FAR, *more) for moment in moments]


def each(*moments: tuple[str, datetime]) -> pytest.MarkDecorator:
    names = [f"{name} {now:%Y-%m-%d %H:%M:%S.%f}" for name, now in moments]
    return pytest.mark.parametrize(("name", "now"), moments, ids=names)


# --- appending, whatever it is


def _append_points() -> list[tuple[str, datetime]]:
    plain = points("plain", slack(ISSUED), edge(ISSUED))
    over = [("over", now) for now in edge(OVER)]
    ahead = [("ahead", now) for now in (*slack(AHEAD), *edge(AHEAD), ISSUED)]
    return [*plain, *over, *ahead]


@each(*_append_points())
def test_appending(place: Callable[[str], Place], name: str, now: datetime):
    """Ledger time is the greater of the last and one's own, and stops who is far behind."""
    at_work = place(name)
    reasons = at_work.facts.append(now)
    done = at_work(now, "executor", "tickets", "reserve", "TKT", "--ceiling", "1")
    settle(done, reasons)
    wanted = at_work.facts.last if reasons else at_work.facts.time(now)
    assert at_work.ledger.tip.time == wanted


@each(*points("plain", slack(ISSUED)), ("over", OVER - MICROSECOND), ("over", OVER))
def test_sealing(place: Callable[[str], Place], tmp_path: Path, name: str, now: datetime):
    """What was acknowledged is INTACT, by every clock; what was refused left no record."""
    at_work = place(name)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "a.txt").write_text("one\n")
    done = at_work(now, "executor", "seal", tmp_path / "evidence", "--json")
    reasons = at_work.facts.append(now)
    settle(done, reasons)
    assert len(at_work.ledger.state.packets) == (1 if reasons else 2)
    if not reasons:
        for moment in (now, FAR[1], FAR[-1]):
            at_work.ok(moment, "owner", "verify", done.json["packet_id"])


# --- grants


@each(
    *points("plain", edge(GRANT[1]), slack(ISSUED)),
    *[("over", now) for now in edge(OVER)],
    ("ahead", GRANT[0] - SECOND),
)
def test_opening_a_run(place: Callable[[str], Place], name: str, now: datetime):
    """A grant holds from its first moment until just before its last, by ledger time."""
    at_work = place(name)
    lane = at_work.team.folder / "lane" / "lane.yaml"
    reasons = at_work.facts.run(now)
    settle(at_work(now, "executor", "run", lane, "--grant", "g-1", "--json"), reasons)
    assert len(at_work.ledger.state.runs) == (1 if reasons else 2)


# --- receipts


def _receipt_points(receipt: str) -> list[tuple[str, datetime]]:
    issued, hours = RECEIPTS[receipt]
    ends = issued + timedelta(hours=hours)
    return points("plain", edge(ends), slack(ISSUED), edge(ISSUED))


@pytest.mark.parametrize("receipt", RECEIPTS)
@each(
    *sorted({*_receipt_points("a day"), *_receipt_points("an hour")}),
    *[("over", now) for now in edge(OVER)],
    *[("ahead", now) for now in (*edge(AHEAD), ISSUED)],
)
def test_spending(place: Callable[[str], Place], receipt: str, name: str, now: datetime):
    """Spent or refused with a reason; check says the same before, and all that it knows."""
    at_work = place(name)
    words = (at_work.receipts[receipt], *at_work.operation(), "--mode", "prod")
    looked = at_work(now, "executor", "receipt", "check", *words, "--json")
    found = {finding["code"] for finding in looked.json["findings"]}
    reasons = at_work.facts.spend(receipt, now)
    assert found == reasons - OF_APPENDS
    settle(at_work(now, "executor", "receipt", "spend", *words), reasons)
    assert len(at_work.ledger.state.spends) == (0 if reasons else 1)
    settle(at_work(now, "executor", "receipt", "spend", *words), reasons or {"RECEIPT_SPENT"})


@each(*[("plain", now) for now in (*slack(ISSUED), *edge(ISSUED), FAR[6], FAR[10])])
def test_issuing(place: Callable[[str], Place], name: str, now: datetime):
    """A receipt is issued at ledger time, in whole seconds, and never later than that."""
    at_work = place(name)
    words = ("receipt", "issue", *at_work.operation(), "--json")
    done = at_work(now, "owner", *words)
    reasons = at_work.facts.append(now)
    settle(done, reasons)
    if not reasons:
        issued = at_work.facts.time(now).replace(microsecond=0)
        assert done.json["issued_at"] == f"{issued:%Y-%m-%dT%H:%M:%SZ}"
        assert done.json["expires_at"] == f"{issued + DAY:%Y-%m-%dT%H:%M:%SZ}"


# --- the trust root


@pytest.mark.parametrize("until", ["never", "2026-03-02T07:00:00Z"])
@each(*[("over", now) for now in (*edge(OVER), *edge(OVER + timedelta(hours=1)), FAR[9], FAR[1])])
def test_renewing(place: Callable[[str], Place], until: str, name: str, now: datetime):
    """A trust root that is over is followed by one that is not, and by nothing else."""
    at_work = place(name)
    over = None if until == "never" else OVER + timedelta(hours=1)
    reasons = at_work.facts.renew(now, over)
    settle(at_work(now, "owner", "trust", "set", "--expires", until), reasons)
    after = at_work.facts if reasons else replace(at_work.facts, over=over)
    done = at_work(now, "owner", "tickets", "reserve", "TKT", "--ceiling", "1")
    settle(done, after.append(now))


# --- the clock itself


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("now", [*FAR, ISSUED - 400 * SECOND, ISSUED], ids=str)
def test_correcting(place: Callable[[str], Place], name: str, now: datetime):
    """An owner's clock counts, forwards and backwards; then everybody's at that time goes on."""
    at_work = place(name)
    reasons = at_work.facts.correct(now)
    settle(at_work(now, "executor", "clock", "correct"), reasons | {"TRUST_REFUSED"})
    settle(at_work(now, "owner", "clock", "correct"), reasons)
    after = at_work.facts if reasons else replace(at_work.facts, last=now)
    assert at_work.ledger.tip.time == after.last
    done = at_work(now, "executor", "tickets", "reserve", "TKT", "--ceiling", "1")
    settle(done, after.append(now))


@pytest.mark.parametrize("name", ["over", "ahead"])
@pytest.mark.parametrize(
    "to", [*edge(ISSUED + 300 * SECOND)[::2], FAR[1], FAR[9], OVER - SECOND, OVER], ids=str
)
def test_correcting_to(place: Callable[[str], Place], name: str, to: datetime):
    """To a time that is told: not one that would stop whoever told it."""
    at_work = place(name)
    reasons = at_work.facts.correct(ISSUED, to)
    words = ("clock", "correct", "--to", f"{to:%Y-%m-%dT%H:%M:%SZ}")
    settle(at_work(ISSUED, "owner", *words), reasons)
    assert at_work.ledger.tip.time == (at_work.facts.last if reasons else to)


@each(*[("plain", now) for now in (*edge(ISSUED), *edge(GRANTED), FAR[1])])
def test_what_has_not_begun(place: Callable[[str], Place], name: str, now: datetime):
    """Ledger time was put back before grants and receipts: they count from their time on."""
    at_work = place(name)
    at_work.ok(now, "owner", "clock", "correct")
    facts = replace(at_work.facts, last=now)
    words = (at_work.receipts["a day"], *at_work.operation(), "--mode", "prod")
    settle(at_work(now, "executor", "receipt", "spend", *words), facts.spend("a day", now))
    lane = at_work.team.folder / "lane" / "lane.yaml"
    settle(at_work(now, "executor", "run", lane, "--grant", "g-1"), facts.run(now))


# --- without a ledger; and reading one


@pytest.mark.parametrize("now", FAR, ids=str)
def test_founding(clocked: Clocked, worlds: dict[str, Place], tmp_path: Path, now: datetime):
    """A ledger begins at any time that git can tell, and is whole; before it, nothing is left."""
    git("init", "-q", cwd=tmp_path)
    team = Team(worlds["plain"].team.folder, tmp_path)
    new = Place(clocked, team, Facts(None, None, GRANT, {}), {})
    reasons = new.facts.append(now)
    settle(new(now, "owner", "init"), reasons)
    if reasons:
        assert git("for-each-ref", cwd=tmp_path) == ""
        new.ok(ISSUED, "owner", "init")
    else:
        assert new.ledger.tip.time == now
        new.ok(now, "owner", "ledger", "verify")


@each(*points("plain"), *points("over"))
def test_reading(worlds: dict[str, Place], name: str, now: datetime):
    """What was sealed stays what it was, whatever the clock of who looks at it says."""
    at_work = worlds[name]
    for words in (("verify", "--all"), ("ledger", "verify"), ("log",), ("receipt", "show")):
        at_work.ok(now, "owner", *words)


@each(*[("plain", now) for now in (*edge(ISSUED + timedelta(hours=1)), FAR[1], FAR[9])])
def test_an_old_end_is_told(worlds: dict[str, Place], name: str, now: datetime):
    """A head that somebody holds back: exactly as old as is allowed is not too old."""
    done = worlds[name](now, "owner", "ledger", "verify", "--max-age", "1", "--json")
    stale = now - ISSUED > timedelta(hours=1)
    found = [finding["code"] for finding in done.json["findings"]]
    assert (done.exit, found) == ((2, ["CHECKPOINT_STALE"]) if stale else (0, []))


# --- time zones, and a clock that jumps


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu", "Pacific/Pago_Pago"]
)
@each(("plain", ISSUED), ("plain", ISSUED + DAY - SECOND), ("plain", ISSUED + DAY))
def test_time_zones(place: Callable[[str], Place], zone: str, name: str, now: datetime):
    """Where a machine stands, and what its wall clock shows there, changes nothing."""
    at_work = place(name)
    words = (at_work.receipts["a day"], *at_work.operation(), "--mode", "prod")
    done = at_work(now, "executor", "receipt", "spend", *words, zone=zone)
    settle(done, at_work.facts.spend("a day", now))


@pytest.mark.parametrize("now", edge(at("2026-03-08 07:00:00")), ids=str)
def test_summer_time(place: Callable[[str], Place], now: datetime):
    """The hour that New York leaves out is no hour for a ledger."""
    at_work = place("plain")
    words = ("tickets", "reserve", "TKT", "--ceiling", "1")
    assert at_work(now, "executor", *words, zone="America/New_York").exit == 0
    assert at_work.ledger.tip.time == now


@pytest.mark.parametrize(
    ("jump", "recorded"),
    [
        (timedelta(days=-3650), False),
        (timedelta(seconds=-301), False),
        (timedelta(seconds=-300), True),
        (timedelta(seconds=-1), True),
        (timedelta(days=2), True),
        (timedelta(days=3650), True),
    ],
    ids=str,
)
def test_a_clock_that_jumps_while_the_operation_runs(
    place: Callable[[str], Place], jump: timedelta, recorded: bool
):
    """It was spent before: that stands.  The outcome is recorded, or said to be unknown."""
    at_work = place("plain")
    receipt = at_work.receipts["a day"]
    words = (receipt, *at_work.operation(), "--mode", "prod")
    moment = f"{ISSUED + jump:%Y-%m-%d %H:%M:%S}"
    setting = ("sh", "-c", f"echo {moment} > {at_work.clocked.file}")
    done = at_work(ISSUED, "executor", "receipt", "spend", *words, "--", *setting)
    settle(done, set() if recorded else {"CLOCK_AHEAD"})
    shown = json.loads(at_work.ok(ISSUED, "owner", "receipt", "show", receipt, "--json").out)
    assert (shown["state"], shown["outcome"]) == ("SPENT", "success" if recorded else "unknown")
    late = max(ISSUED, ISSUED + jump)
    again = at_work(late, "executor", "receipt", "spend", *words)
    assert again.error_lines[0].split(": ")[2] == "RECEIPT_SPENT"


HOURS = 3600.0
MAY = {"CLOCK_AHEAD", "CLOCK_BEHIND", "CLOCK_UNSET", "RECEIPT_EXPIRED", "RECEIPT_STALE"}


@pytest.mark.parametrize("step", [-1.0, -100.0, -400.0, -87_600 * HOURS, 1.0, 13 * HOURS], ids=str)
@pytest.mark.parametrize("what", ["seal", "spend", "reserve"])
def test_a_clock_that_jumps_at_each_question(
    worlds: dict[str, Place], tmp_path: Path, what: str, step: float
):
    """In the middle of anything: done, or refused for the clock; never half, nothing expired."""
    clocked = Clocked(tmp_path)  # of its own: the jumps of a server add up
    at_work = replace(worlds["plain"].copy(tmp_path / "copy"), clocked=clocked)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "a.txt").write_text("one\n")
    receipt = at_work.receipts["a day"]
    words: tuple[str | Path, ...] = {
        "seal": ("seal", tmp_path / "evidence"),
        "spend": ("receipt", "spend", receipt, *at_work.operation(), "--mode", "prod"),
        "reserve": ("tickets", "reserve", "TKT", "--ceiling", "1"),
    }[what]
    try:
        done = at_work(ISSUED, "executor", *words, step=step)
    finally:
        clocked.close()
    settle(done, set() if done.exit == 0 else MAY)
    ledger = at_work.ledger  # whole: its time never falls
    state = ledger.state
    effects = len(state.packets) - 1 + len(state.spends) + len(state.reservations)
    assert effects == (1 if done.exit == 0 else 0)
    if state.spends:
        assert state.spends[receipt].time < ISSUED + DAY
    replace(at_work, clocked=worlds["plain"].clocked).ok(ISSUED, "owner", "verify", "--all")


def test_there_are_two_hundred():
    """The figure that was asked for: so many moments, and not fewer."""
    tests = [made for name, made in globals().items() if name.startswith("test_")]
    marked = [getattr(made, "pytestmark", []) for made in tests]
    assert sum(prod(len(mark.args[1]) for mark in marks) for marks in marked if marks) > 200
