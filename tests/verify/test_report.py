"""REPORT.md: rendered from the documents alone, and nothing in them can act on its reader."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.model.evidence import Evidence
from greenlight.verify.derive.packet import derive_packet
from greenlight.verify.derive.report import cell, render_report
from tests.samples import good_evidence, observed_evidence

HOSTILE = (
    "# not a heading",
    "a | b | c",
    "[click](https://evil.example)",
    "<script>alert(1)</script>",
    "`code` **bold** _em_ ~~gone~~",
    "![x](https://evil.example/p.png)",
    "https://evil.example and www.evil.example",
    "&#8238; &lt;b&gt;",
    "@everyone $x$ {y}",
    "back\\slash \\| pipe",
    "right-to-left \u202eevil",
    "zero\u200bwidth",
    "\x1b[31mred\x1b[0m",
    "bell\x07 and\rreturn\nline",
)


def report(evidence: Evidence) -> str:
    return render_report(derive_packet(evidence)).decode()


def hostile(text: str) -> Evidence:
    """Put a text everywhere where a lane or a document lets one stand."""
    good = good_evidence()
    lane = good.lane
    return replace(
        good,
        lane=replace(
            lane,
            title=text,
            never=(text,),
            not_authority=(text,),
            inputs=tuple(replace(row, name=text) for row in lane.inputs),
            forbidden=tuple(replace(row, name=text) for row in lane.forbidden),
            blockers=tuple(replace(row, reason=text) for row in lane.blockers),
        ),
        authority=replace(good.authority, delegation=text, grant=text),
        outcomes=replace(
            good.outcomes,
            mutations=tuple(replace(row, path=text) for row in good.outcomes.mutations),
        ),
        probes=replace(good.probes, control=text),
    )


def columns(line: str) -> int:
    """Count the cells of a table row, as GFM does: a pipe after a backslash is text."""
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1


def test_the_report_tells_what_the_source_reports() -> None:
    """Every section of the report of source 001 is there, with its numbers."""
    text = report(good_evidence())
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# FIX7 P0, no-production implementation, execution and review",
        "## What changed",
        "## Preflight",
        "## Delegation and authority",
        "## Steps",
        "## Forbidden surfaces",
        "## Rollback proof and gate",
        "## Bad-input probes",
        "## Post-execution review",
        "## What still blocks production",
        "## Final self-check",
    ]
    assert "Production mutation: NO · REAL_RUN/QT001/cutover: NO · Owner-ask: NO" in text
    assert "15/15 fail closed; control accepted; any_fail_open=false." in text
    assert "any_forbidden_surface_attempted: false" in text
    assert "ROLLBACK_APPLY_DID_NOT_MUTATE:RB-EXEC-1" in text
    assert "Next decision: HOLD, by owner and operator." in text
    assert "TKT-OBJ-442..461 canonical fold" in text


def test_the_report_follows_the_evidence() -> None:
    """What was only observed reads UNKNOWN, and the status says not clean."""
    text = report(observed_evidence())
    assert "Status: APPLIED_NOT_CLEAN; review: NO_PRODUCTION_EXECUTION_NOT_PROVEN" in text
    assert "Production mutation: UNKNOWN" in text
    assert "any_forbidden_surface_attempted: unknown" in text


def test_the_report_is_the_same_every_time() -> None:
    """Equal evidence renders to equal bytes, which end in one line end."""
    first = render_report(derive_packet(good_evidence()))
    assert first == render_report(derive_packet(good_evidence()))
    assert first.endswith(b"\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_structure(text: str) -> None:
    """Headings, tables and rows are those of the harmless report."""
    plain = report(hostile("harmless"))
    found = report(hostile(text))
    assert [line.split(" ")[0] for line in found.splitlines() if line.startswith("#")] == [
        line.split(" ")[0] for line in plain.splitlines() if line.startswith("#")
    ]
    assert [columns(line) for line in found.splitlines() if line.startswith("|")] == [
        columns(line) for line in plain.splitlines() if line.startswith("|")
    ]
    assert len(found.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_reaches_no_terminal(text: str) -> None:
    """No control, no bidirectional and no invisible character stands in the report."""
    found = report(hostile(text))
    kinds = {unicodedata.category(char) for char in found if char != "\n"}
    assert kinds.isdisjoint({"Cc", "Cf", "Zl", "Zp", "Cs"})


def test_links_images_and_entities_are_text() -> None:
    """What Markdown would make a link, an image, HTML, an entity or a mention is escaped."""
    found = report(hostile("<b>[x](http://e.example) www.e.example ![y](z) &lt; @you"))
    for alive in ("<b>", "[x](", "![y](", "http://", "www.e", " &lt;", " @you"):
        assert alive not in found, alive
    assert "\\<b\\>\\[x\\](http:\\//e.example) www\\.e.example" in found


def test_code_words_stay_readable() -> None:
    """An underscore within a word needs no escape; one at its edge does."""
    assert cell("ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1") == "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"
    assert cell("_em_ a__b") == "\\_em\\_ a\\_\\_b"
    assert cell("kb/a.md, 1..2 (x)") == "kb/a.md, 1..2 (x)"


ACTIVE = re.compile(r"(?<!\\)(?:\\\\)*[`*\[\]<>|#~&$@{}]")


@given(st.text(max_size=60))
def test_no_text_leaves_a_mark_alive(text: str) -> None:
    """Whatever stands in a cell, no mark of Markdown is left without its backslash."""
    safe = cell(text)
    assert "\n" not in safe
    assert "\r" not in safe
    assert ACTIVE.search(safe) is None
    assert "://" not in safe
