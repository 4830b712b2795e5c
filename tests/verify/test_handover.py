"""The comments of a hand-over: what the evidence says, and nothing that it does not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.verify.handover import A_TO_B, B_TO_C, Evidence, code, comment

GATE = {
    "name": "smoke",
    "module": "registry",
    "mode": "blocking",
    "verdict": "green",
    "code": "",
    "reason": "",
    "metrics": [{"metric": "p95", "found": "3", "op": "<=", "limit": "10"}],
}
RED = GATE | {"name": "drift", "verdict": "red", "code": "METRIC_OUT_OF_BOUNDS", "reason": "0.2"}
SKIPPED = GATE | {"name": "stub", "verdict": "skipped", "reason": "off", "metrics": []}


def evidence(*gates, **documents):
    report = {"kind": "gate-report", "judged_by": {"commit": "b" * 40}, "gates": list(gates)}
    return Evidence(
        packet="lane-1",
        tree="sha256:" + "1" * 64,
        statement="sha256:" + "2" * 64,
        documents=documents,
        reports={"artifacts/gates.json": report} if gates else {},
        artifacts=("artifacts/gates.json",) if gates else (),
    )


def test_a_to_b():
    """Each gate with its mark; what is not in the packet is open, never done."""
    text = comment(A_TO_B, evidence(GATE, RED, SKIPPED))
    assert text.startswith("**HANDOFF A→B**\nScope: ")
    assert "1. ✅ packet INTACT, verified just now: `greenlight verify lane-1`" in text
    assert "2. ✅ gate `smoke` of `registry`, blocking, `green`: `p95 3 <= 10`" in text
    assert "3. ❌ gate `drift` of `registry`, blocking, `red`: `0.2`" in text
    assert "4. ⏳ gate `stub` of `registry`, blocking, `skipped`: `off`" in text
    assert "⏳ rollback proof: this packet has none" in text
    assert "Evidence: packet `lane-1`" in text


def test_documents():
    """Proof, probes, review and blockers, as they say."""
    good = {
        "rollback-proof": {"result": "PASS"},
        "bad-input-probes": {"result": "FAIL"},
        "post-execution-review": {
            "verdict": "CLEAN",
            "checks": [{"result": "PASS"}, {"result": "FAIL"}],
        },
        "production-readiness-blocker-map": {"blockers": [{"id": "B-1", "state": "OPEN"}]},
        "outcomes": {"mutations": [{"path": "a|b"}]},
    }
    text = comment(A_TO_B, evidence(**good))
    assert "⏳ gates: no gate report is in this packet" in text
    assert "✅ rollback proof: `PASS`" in text
    assert "❌ bad-input probes: `FAIL`" in text
    assert "❌ review: 1 of 2 checks, verdict `CLEAN`" in text
    assert "❌ 1 open blockers: `B-1`" in text
    assert "1 paths changed: `a\\|b`" in text


def test_b_to_c():
    """Failures, commands, margins and links of the packet; where there are none it says so."""
    text = comment(B_TO_C, evidence(GATE, RED))
    assert text.startswith("**HANDOFF B→C**")
    assert "  - gate `drift`: `METRIC_OUT_OF_BOUNDS`, `0.2`" in text
    assert f"  - `greenlight gate run smoke --base {'b' * 40}`" in text
    assert "  - gate `smoke`: `p95 3 <= 10`" in text
    assert "  - no link is in this packet" in text
    log = {"steps": [{"step": "S1", "code": "STEP_FAILED", "reason": "", "exit_code": 3}]}
    text = comment(B_TO_C, evidence(**{"execution-log": log, "execution-plan": {}}))
    assert "step `S1`: `STEP_FAILED`, `exit code 3`" in text
    assert "`greenlight rerun lane-1`" in text
    assert "no threshold is in this packet" in text
    linked = GATE | {"reason": 'see https://grafana.example/d/1 and "https://x.example"'}
    text = comment(B_TO_C, evidence(linked))
    assert "  - `https://grafana.example/d/1`" in text
    assert "  - `https://x.example`" in text


@given(st.text())
def test_nothing_ends_its_span(text):
    """Whatever a packet says is code: no name, no link, no HTML, no row of a table."""
    span = code(text)
    assert "\n" not in span
    assert span.isprintable()
    fence = re.match(r"`+", span).group()
    inside = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    assert max((len(run) for run in re.findall(r"`+", inside)), default=0) < len(fence)
    assert not re.search(r"(?<!\\)\|", span)


@pytest.mark.parametrize(
    "text", ["@everyone", "](https://evil)", "<img src=x>", "``` \n# big", "`"]
)
def test_hostile_names(text):
    """In every place where a packet's text comes in."""
    gate = GATE | dict.fromkeys(("name", "module", "reason"), text)
    for which in (A_TO_B, B_TO_C):
        made = comment(which, evidence(gate | {"verdict": "red"}))
        for line in made.splitlines():
            outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line)
            assert text.split()[0] not in outside or text == "`"


def test_a_thousand_gates():
    """A comment is read by people: it names fifty, and says that there are more."""
    text = comment(B_TO_C, evidence(*[RED] * 1000))
    assert text.count("METRIC_OUT_OF_BOUNDS") == 50
    assert "and more" in text
