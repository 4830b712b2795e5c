"""``greenlight doctor``: what this host can enforce and observe, and what a remote does."""

from __future__ import annotations

import os
import platform
import shutil

from greenlight.cli.answer import Answer, table
from greenlight.cli.surroundings import clock, store_of
from greenlight.cli.values import Values
from greenlight.execution.box.ability import Ability, find_ability
from greenlight.execution.confined import grades_of
from greenlight.execution.workspace import DEFAULT_PARENT
from greenlight.model.grades import RECORDER, TRACER

# What each missing piece leaves open, in the words of docs/design.md.
_OPEN = {
    "namespaces": "other files, the network and programs are open to a step",
    "overlay": "what a step wrote and took back again is not seen",
    "landlock": "no second wall behind the namespaces",
    "recorder": "attempts are not recorded",
    "filter": "system calls that no step needs are open to it",
}


def run(arguments: Values) -> Answer:
    """Say what this host can do, or what a remote does."""
    return _remote(arguments) if arguments.remote else _host()


def _remote(arguments: Values) -> Answer:
    """Try out a remote."""
    from greenlight.services.examining import Held, examine  # noqa: PLC0415 - of a remote alone
    from greenlight.store.gitremote import named_remote  # noqa: PLC0415 - likewise

    with store_of(arguments) as store:
        found = examine(store, named_remote(store, arguments.remote), clock=clock)
    answers = [*found.answers, found.single_use]
    data = {
        "remote": found.remote,
        "answers": [
            {"question": each.question, "grade": each.held.value, "said": each.said}
            for each in found.answers
        ],
        "single_use": {"grade": found.single_use.held.value, "said": found.single_use.said},
        "left": list(found.left),
    }
    lines = [f"{found.remote}, as it is pushed to"]
    lines += table([(f"  {each.held}", each.question, each.said) for each in answers])
    lines += [f"  {ref} stays there: it would not let it go" for ref in found.left]
    note = None
    if found.single_use.held is not Held.HELD:
        note = (
            "on a server of one's own: greenlight hook install --server; on a forge: a protected"
            " branch as the ledger's ref (greenlight init --ledger-ref refs/heads/…), since git and"
            " most forges refuse to rewind branches alone"
        )
    return Answer(data, tuple(lines), note=note)


def _host() -> Answer:
    """Make a box of everything that can be had, and say what that was."""
    ability = find_ability(DEFAULT_PARENT)
    pieces = _pieces(ability)
    grades = list(grades_of(ability).rows())
    why = dict(ability.why)
    data = {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "user": "root" if os.geteuid() == 0 else "ordinary",
        "full": ability.full,
        "pieces": [
            {"name": name, "works": works, "why": "" if works else why.get(name, "")}
            for name, works, _ in pieces
        ],
        "grades": [
            {
                "kind": kind,
                "enforced_by": grade.enforced_by,
                "observed_by": grade.observed_by,
                "unknown": grade.unknown,
            }
            for kind, grade in grades
        ],
        "strace": shutil.which("strace") is not None,
    }
    lines = [f"{platform.system()} {platform.release()} on {platform.machine()}"]
    rows = []
    for name, works, what in pieces:
        said = what if works else f"{_OPEN[name]}{_because(why.get(name, ''))}"
        rows.append((f"  {name}", "yes" if works else "NO", said))
    lines += table(rows)
    lines.append("what a packet made here can say")
    rows = []
    for kind, grade in grades:
        known = "UNKNOWN" if grade.unknown else "prevented" if grade.enforced_by else "observed"
        both = "; ".join(text for text in (grade.enforced_by, grade.observed_by) if text)
        rows.append((f"  {kind}", known, both))
    lines += table(rows)
    lines.append(
        "everything is enforced and recorded: --require enforced will run"
        if ability.full
        else "not everything is enforced here: a lane runs, and its packet says what is UNKNOWN"
    )
    return Answer(data, tuple(lines))


def _because(why: str) -> str:
    return f" ({why})" if why else ""


def _pieces(ability: Ability) -> list[tuple[str, bool, str]]:
    version = f"version {ability.landlock}"
    return [
        ("namespaces", ability.namespaces, "user, mount, pid, network, ipc, uts"),
        ("overlay", ability.overlay, "over the workspace"),
        ("landlock", ability.landlock > 0, version),
        ("filter", ability.filter, "seccomp"),
        ("recorder", ability.records, RECORDER if ability.notify else TRACER),
    ]
