"""Forbidden surfaces in real runs: tried, touched, or neither; and refs and tables as such."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from greenlight.execution.confined import Confined
from greenlight.services.rerun import ReplayRoom, rerun_packet
from greenlight.services.verifying import Integrity
from tests.lanes_helper import Bench, Ran, lane, shell
from tests.tools import need_box

OID, OTHER = "1" * 40, "2" * 40


@pytest.fixture
def boxed(bench: Bench) -> Bench:
    need_box()
    bench.confinement = Confined.here()
    bench.write("repo.git/refs/heads/main", f"{OID}\n")
    bench.write("repo.git/packed-refs", f"# pack-refs with: peeled\n{OID} refs/heads/packed\n")
    base = sqlite3.connect(bench.folder / "app.sqlite")
    base.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT)")
    base.execute("CREATE TABLE log (line TEXT)")
    base.execute("INSERT INTO accounts VALUES (1, 'anna')")
    base.commit()
    base.close()
    return bench


def forbidding(script: str, **forbidden: Any) -> dict[str, Any]:
    row = {"id": "F", "surface_class": "other", "name": "what must not be touched"} | forbidden
    allowed = [
        {"id": "GREETING", "path": "greeting.txt", "change": "create", "undo": "delete"},
        {"id": "DB", "path": "app.sqlite", "change": "modify"},
        {"id": "REFS", "path": "repo.git/**", "change": "modify"},
        {"id": "NEW", "path": "repo.git/**", "change": "create"},
        {"id": "GONE", "path": "repo.git/**", "change": "delete"},
    ]
    return lane(
        workspace=[
            {"source": "repo.git", "at": "repo.git"},
            {"source": "app.sqlite", "at": "app.sqlite"},
        ],
        allowed=allowed,
        forbidden=[row],
        steps=[shell(f"echo hello > greeting.txt; {script}", touches=["GREETING"])],
    )


def verdict(ran: Ran) -> str:
    (row,) = ran.document("forbidden-surface-proof.json")["surfaces"]
    return str(row["verdict"])


def sql(words: str) -> str:
    """A command that changes the database."""
    program = f"import sqlite3; b = sqlite3.connect('app.sqlite'); {words}; b.commit()"
    return f'/usr/bin/python3 -c "{program}"'


QUIET = [
    ("true", {"network": ["db.example:5432"]}),
    ("true", {"programs": ["psql"]}),
    ("true", {"paths": ["vault/**"]}),
    ("true", {"refs": ["repo.git:refs/heads/main", "repo.git:refs/heads/none"]}),
    ("true", {"databases": ["app.sqlite:schema", "app.sqlite:rows:accounts"]}),
    (sql("b.execute('INSERT INTO log VALUES (1)')"), {"databases": ["app.sqlite:rows:accounts"]}),
    (f"echo {OTHER} > repo.git/refs/heads/other", {"refs": ["repo.git:refs/heads/main"]}),
]


@pytest.mark.parametrize(("script", "forbidden"), QUIET)
def test_what_is_not_touched(boxed: Bench, script: str, forbidden: dict[str, Any]) -> None:
    ran = boxed.run(forbidding(script, **forbidden))
    assert (verdict(ran), ran.status) == ("UNTOUCHED", "APPLIED_CLEAN")
    assert ran.verdict.integrity is Integrity.INTACT
    room = ReplayRoom(boxed.confinement, boxed.clock, {}, boxed.rooms)
    assert rerun_packet(ran.located, ran.verdict, room).result == "PASS"


TRIED = [
    ("exec 3<>/dev/tcp/10.1.1.1/5432", {"network": ["db.example:5432"]}),
    ("psql -c 'select 1'", {"programs": ["psql"]}),
    ("mkdir vault; echo x > vault/key", {"paths": ["vault/**"]}),
]


@pytest.mark.parametrize(("script", "forbidden"), TRIED)
def test_what_was_tried_stops_the_run(boxed: Bench, script: str, forbidden: dict[str, Any]) -> None:
    """It was blocked, and so nothing was touched; but nothing is published after an attempt."""
    if "psql" in script:
        boxed.write("repo.git/psql", "#!/bin/sh\n", 0o755)
        script = "./repo.git/psql"
    script = f"bash -c '{script}'" if "tcp" in script else script
    ran = boxed.run(forbidding(f"{script}; true", **forbidden))
    assert (verdict(ran), ran.status) == ("BLOCKED", "STOPPED")
    assert ran.failed[1] == "FORBIDDEN_SURFACE_TOUCHED" or "SCOPE_VIOLATED" in ran.failed
    assert ran.document("forbidden-surface-proof.json")["any_forbidden_surface_attempted"] == "true"
    assert ran.verdict.integrity is Integrity.INTACT


TOUCHED = [
    (f"echo {OTHER} > repo.git/refs/heads/main", {"refs": ["repo.git:refs/heads/main"]}),
    ("rm repo.git/refs/heads/main", {"refs": ["repo.git:refs/heads/main"]}),
    (f"echo '{OTHER} refs/heads/packed' > repo.git/packed-refs",
     {"refs": ["repo.git:refs/heads/packed"]}),
    (f"echo {OTHER} > repo.git/refs/heads/packed", {"refs": ["repo.git:refs/heads/packed"]}),
    (sql("b.execute('DELETE FROM accounts')"), {"databases": ["app.sqlite:rows:accounts"]}),
    (sql("b.execute('CREATE TABLE x (y)')"), {"databases": ["app.sqlite:schema"]}),
]  # fmt: skip


@pytest.mark.parametrize(("script", "forbidden"), TOUCHED)
def test_what_was_touched_inside_an_allowed_file(
    boxed: Bench, script: str, forbidden: dict[str, Any]
) -> None:
    """The file may change; the ref or the rows in it may not, and that is seen."""
    ran = boxed.run(forbidding(script, **forbidden))
    assert (verdict(ran), ran.status) == ("VIOLATED", "STOPPED")
    assert ran.failed[1] == "FORBIDDEN_SURFACE_TOUCHED"
    assert ran.verdict.integrity is Integrity.INTACT


def test_a_database_that_cannot_be_read_is_not_known(boxed: Bench) -> None:
    ran = boxed.run(forbidding("echo x > app.sqlite", databases=["app.sqlite:schema"]))
    assert verdict(ran) == "UNKNOWN"
    assert ran.verdict.integrity is Integrity.INTACT


def test_an_attempt_elsewhere_is_not_clean(boxed: Bench) -> None:
    """Nobody named /etc; what nothing allows is forbidden all the same."""
    ran = boxed.run(forbidding("echo x > /etc/new; true", network=["db.example:5432"]))
    assert (verdict(ran), ran.status) == ("UNTOUCHED", "APPLIED_NOT_CLEAN")
    assert ran.document("forbidden-surface-proof.json")["any_forbidden_surface_attempted"] == "true"
    assert ran.verdict.integrity is Integrity.INTACT


def test_an_undo_step_that_tries_something(boxed: Bench) -> None:
    wanted = forbidding("true", network=["db.example:5432"])
    wanted["allowed"][0]["undo"] = "run"
    script = "rm greeting.txt; exec 3<>/dev/tcp/10.1.1.1/5432; true"
    wanted["rollback"] = {"steps": [{"id": "u", "run": ["bash", "-c", script]}]}
    ran = boxed.run(wanted)
    assert (verdict(ran), ran.status) == ("BLOCKED", "STOPPED")
    assert ran.failed[1] == "FORBIDDEN_SURFACE_TOUCHED"
    assert ran.verdict.integrity is Integrity.INTACT
