"""Missing evidence never helps: less, or worse, never gives a better verdict.

A verdict here is what a reader acts on: APPLIED, clean or not, where the documents that
carry it agree with each other.  Every row of every document is dropped, from good evidence
and from bad, and every verdict made worse.

What only one row ever told cannot be missed when that row was never written: a tool call
that was refused, a secret that was found.  Dropping those makes the evidence other
evidence; they are left out below by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.model.documents.execution_log import StepState
from greenlight.model.documents.rollback_proof import ViewRow
from greenlight.model.documents.words import Result
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Command, Rollback
from greenlight.model.snapshot import ABSENT
from greenlight.model.words import Status
from greenlight.primitives.digest import Digest
from greenlight.verify.claims import named_artifacts, verify_applied, verify_consistency
from greenlight.verify.derive.packet import derive_packet
from tests.samples import good_evidence, good_files, observed_evidence, sealed, state_of

RANK = {
    Status.NOT_EXECUTED: 0,
    Status.STOPPED: 1,
    Status.APPLIED_NOT_CLEAN: 2,
    Status.APPLIED_CLEAN: 3,
}
OTHER = str(Digest.of(b"other"))
LAST_WORD = {("outcomes", "tool_calls"), ("scan", "hits"), ("tickets", "collisions")}
ROWS = tuple(
    (document.name, rows.name)
    for document in fields(Evidence)
    if document.name != "lane" and is_dataclass(getattr(good_evidence(), document.name))
    for rows in fields(getattr(good_evidence(), document.name))
    if isinstance(getattr(getattr(good_evidence(), document.name), rows.name), tuple)
    and (document.name, rows.name) not in LAST_WORD
)


def worth(evidence: Evidence) -> int:
    """Return the rank of an APPLIED that is carried by documents which agree; else nothing."""
    found, derived = sealed(evidence)
    named = {path for _, path, _, _ in named_artifacts(found)}
    files = {path: fact for path, fact in good_files().items() if path in named}
    findings = [*verify_consistency(found, derived, files), *verify_applied(found, derived)]
    applied = RANK[derived.status] >= RANK[Status.APPLIED_NOT_CLEAN]
    return RANK[derived.status] if applied and not findings else 0


def no_better(less: Evidence, than: Evidence) -> bool:
    """Report whether ``less`` is worth no more."""
    return worth(less) <= worth(than)


def drop(evidence: Evidence, name: str, rows: str, index: int) -> Evidence:
    document = getattr(evidence, name)
    kept = list(getattr(document, rows))
    del kept[index]
    return replace(evidence, **{name: replace(document, **{rows: tuple(kept)})})


def droppings(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    for name, rows in ROWS:
        for index in range(len(getattr(getattr(evidence, name), rows))):
            yield f"{name}.{rows}[{index}]", drop(evidence, name, rows, index)


def spoil(name: str, rows: str, index: int, **changes: Any) -> Callable[[Evidence], Evidence]:
    def spoilt(evidence: Evidence) -> Evidence:
        document = getattr(evidence, name)
        found = list(getattr(document, rows))
        found[index] = replace(found[index], **changes)
        return replace(evidence, **{name: replace(document, **{rows: tuple(found)})})

    return spoilt


def with_bad_view(evidence: Evidence) -> Evidence:
    view = Command(id="rows", run=("@python", "rows.py"))
    bad = ViewRow(id="rows", before=OTHER, applied=str(Digest.of(b"")), restored="")
    return replace(
        evidence,
        lane=replace(evidence.lane, rollback=Rollback(views=(view,))),
        rollback=replace(evidence.rollback, views=(bad,)),
    )


BAD: dict[str, Callable[[Evidence], Evidence]] = {
    "a failed step": spoil("log", "steps", 5, state=StepState.FAILED),
    "a wrong input": spoil("preflight", "inputs", 0, found=OTHER),
    "a broken pin": spoil("pins", "pins", 0, after=OTHER),
    "a change outside the scope": spoil("outcomes", "mutations", 0, surface=""),
    "an unrestored file": spoil("rollback", "mutations", 1, restored=state_of(b"x")),
    "a change that was none": spoil("rollback", "mutations", 0, applied=ABSENT),
    "an open probe": spoil("probes", "probes", 3, got="accepted"),
    "a publication that differs": spoil("publication", "published", 0, read_back=ABSENT),
    "a changed registry": spoil("tickets", "registry", 0, after=OTHER),
    "a view that did not come back": with_bad_view,
}
# Spoiling changes one word of one document; each of these is worse than what it replaces.
WORSE = [
    *BAD.values(),
    spoil("probes", "probes", 0, pass_token=True),
    spoil("probes", "probes", 0, objects_left=3),
    spoil("environment", "grades", 0, enforced_by="", observed_by=""),
    spoil("environment", "grades", 2, enforced_by="", observed_by=""),
    spoil("log", "steps", 0, state=StepState.NOT_REACHED),
    lambda e: replace(e, rollback=replace(e.rollback, reached=False)),
    lambda e: replace(e, rollback=replace(e.rollback, restored=OTHER)),
    lambda e: replace(e, probes=replace(e.probes, control="STEP_FAILED")),
    lambda e: replace(e, scan=replace(e.scan, rules=())),
    lambda e: replace(e, tickets=replace(e.tickets, collisions=("TKT-OBJ-442",))),
    lambda e: replace(e, authority=replace(e.authority, use=9)),
]


def test_the_good_evidence_is_the_best_there_is() -> None:
    """Nothing to begin with: the properties below start from the top."""
    assert worth(good_evidence()) == RANK[Status.APPLIED_CLEAN]
    assert worth(observed_evidence()) == RANK[Status.APPLIED_NOT_CLEAN]


@pytest.mark.parametrize("base", [good_evidence, observed_evidence])
def test_dropping_a_row_never_helps(base: Callable[[], Evidence]) -> None:
    """Whichever row is taken out, neither the status nor the agreement gets better."""
    evidence = base()
    dropped = list(droppings(evidence))
    assert len(dropped) > 50
    for name, less in dropped:
        assert RANK[derive_packet(less).status] <= RANK[derive_packet(evidence).status], name
        assert no_better(less, evidence), name


@pytest.mark.parametrize("bad", BAD)
def test_dropping_a_row_never_hides_what_is_bad(bad: str) -> None:
    """From evidence of something bad no row can be taken so that it looks better."""
    evidence = BAD[bad](good_evidence())
    assert worth(evidence) < worth(good_evidence())
    for name, less in droppings(evidence):
        assert no_better(less, evidence), f"{bad}, without {name}"


def test_dropping_all_rows_of_a_document_never_helps() -> None:
    """Emptied documents are missing evidence like any other."""
    for base in (good_evidence(), observed_evidence()):
        for name, rows in ROWS:
            emptied = replace(base, **{name: replace(getattr(base, name), **{rows: ()})})
            assert no_better(emptied, base), f"{name}.{rows}"


@given(st.lists(st.sampled_from(range(len(WORSE))), min_size=1, max_size=4))
def test_more_that_is_bad_is_never_better(indices: list[int]) -> None:
    """Each further defect leaves the verdict as it was or makes it worse."""
    evidence = good_evidence()
    for index in indices:
        worse = WORSE[index](evidence)
        assert no_better(worse, evidence)
        assert worth(worse) < worth(good_evidence())
        evidence = worse


@given(st.data())
def test_dropping_several_rows_never_helps(data: st.DataObject) -> None:
    """Any number of rows, from any documents, of good evidence or bad."""
    evidence = data.draw(st.sampled_from([good_evidence, *BAD.values()]))
    start = evidence() if evidence is good_evidence else evidence(good_evidence())
    less = start
    for _ in range(data.draw(st.integers(1, 4))):
        name, rows = data.draw(st.sampled_from(ROWS))
        count = len(getattr(getattr(less, name), rows))
        if count:
            less = drop(less, name, rows, data.draw(st.integers(0, count - 1)))
    assert no_better(less, start)


def test_words_that_were_typed_never_help() -> None:
    """A document that calls itself PASS is judged like one that does not."""
    for name in ("preflight", "rollback", "gate", "probes", "scan", "publication"):
        for bad in BAD.values():
            evidence = bad(good_evidence())
            claimed = replace(getattr(evidence, name), result=Result.PASS)
            assert worth(replace(evidence, **{name: claimed})) == worth(evidence)
