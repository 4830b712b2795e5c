"""Gates: green only where the command ended as it must and left what it must."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.execution.confined import Confined
from greenlight.model.finding import Finding
from greenlight.model.gate import Builtin, Gate, Operator, SkipWhen, Threshold
from greenlight.model.settings import DEFAULTS, Audit
from greenlight.primitives.digest import Digest
from greenlight.services.baselines import BaselineVerdict, Where
from greenlight.services.gates.running import (
    Place,
    choose_gates,
    definition_of,
    run_gate,
    run_gates,
)
from greenlight.services.settings import Judging
from greenlight.store.repository import open_store
from tests.tools import need

AT_MOST = Operator.AT_MOST


def place(  # noqa: PLR0913 - what gates look at
    root, *, store=None, head="", base="", baseline=None, verdict=None, **variables
):
    return Place(
        root=root,
        repository=store,
        store=store,
        head=head,
        judging=Judging(DEFAULTS, Digest.of(b""), "main" if base else "", base, ""),
        variables={"PATH": os.environ["PATH"], **variables},
        baseline=lambda _path: baseline,
        verdict=lambda: verdict,
        clock=lambda: datetime.now(UTC),
    )


def sh(script, **more):
    return Gate(**({"name": "g", "command": ("sh", "-c", script), "timeout_seconds": 20} | more))


@pytest.fixture(params=["boxed", "plain"])
def run(request, tmp_path):
    """Run a gate in a box, and in the work tree itself."""
    confinement = None
    if request.param == "boxed":
        confinement = Confined.here()
        if not confinement.ability.overlay:
            pytest.skip("this host makes no box")
    root = tmp_path / "root"
    root.mkdir()

    def go(gate, **more):
        return run_gate(place(root, **more), gate, confinement)

    go.root = root
    return go


LIMIT = (Threshold(metric="p95", op=AT_MOST, value=Decimal(10)),)


def test_green(run):
    """What it printed, or the file that it wrote."""
    done = run(sh("echo '{\"p95\": 9.5}'", thresholds=LIMIT))
    assert (done.verdict, done.code, done.exit_code) == ("green", None, 0)
    assert done.artifact == str(Digest.of(b'{"p95": 9.5}\n'))
    assert done.metrics[0].to_dict()["found"] == "9.5"
    script = "mkdir -p tmp && echo '{\"p95\": 1}' > tmp/a.json"
    assert run(sh(script, artifact="tmp/a.json", thresholds=LIMIT)).verdict == "green"


@pytest.mark.parametrize(
    ("script", "more", "code"),
    [
        ("echo '{\"p95\": 10.5}'", {"thresholds": LIMIT}, Code.METRIC_OUT_OF_BOUNDS),
        ('echo \'{"p95": "1"}\'', {"thresholds": LIMIT}, Code.METRIC_NOT_A_NUMBER),
        ("echo '{\"p95\": -1}'", {"thresholds": LIMIT}, Code.METRIC_NEGATIVE),
        ("echo '{}'", {"thresholds": LIMIT}, Code.METRIC_MISSING),
        ("echo '{}'; exit 3", {}, Code.GATE_FAILED),
        ("echo '{}'; kill -SEGV $$", {}, Code.GATE_FAILED),
        ("exec sleep 30", {"timeout_seconds": 1}, Code.GATE_TIMED_OUT),
        ("echo garbage", {}, Code.GATE_LEFT_GARBAGE),
        ("true", {}, Code.GATE_LEFT_NOTHING),
        ("yes", {}, Code.GATE_OUTPUT_LIMIT),
        ("true", {"artifact": "a.json"}, Code.GATE_LEFT_NOTHING),
        ("echo '{}' > b.json", {"artifact": "a.json"}, Code.GATE_LEFT_NOTHING),
        ("mkdir a.json", {"artifact": "a.json"}, None),
        ("ln -s /etc/passwd a.json", {"artifact": "a.json"}, None),
        ("mkfifo a.json", {"artifact": "a.json"}, None),
        ("echo '{}'; exit 78", {}, Code.GATE_SKIPPED),
    ],
)
def test_red(run, script, more, code):
    """Crash, hang, garbage, nothing, a gigabyte, what is no file: each for its own reason."""
    done = run(sh(script, **more))
    assert done.verdict == "red"
    assert done.code is (code or done.code)
    assert done.code is not None
    assert done.reason
    assert "\n" not in done.reason


def test_a_gigabyte_in_a_file(run):
    """It is not read."""
    done = run(sh("truncate -s 1G a.json", artifact="a.json"))
    assert (done.verdict, done.code is not None) == ("red", True)


def test_what_was_there_before_is_not_what_it_left(run):
    """A file of an earlier run does not make this one green."""
    (run.root / "a.json").write_text('{"p95": 1}')
    gate = sh("true", artifact="a.json", thresholds=LIMIT)
    assert run(gate).code is Code.GATE_LEFT_NOTHING
    gate = sh("echo '{\"p95\": 2}' > a.json", artifact="a.json", thresholds=LIMIT)
    assert run(gate).verdict == "green"


def test_a_command_that_is_not_there(run):
    """It is red, and nothing was run."""
    done = run(Gate(name="g", command=("/nonexistent/program",)))
    assert (done.verdict, done.code) == ("red", Code.GATE_NOT_STARTED)


def test_other_exit_codes(run):
    """Those that are declared, and no others."""
    assert run(sh("echo '{}'; exit 3", expected_exits=(0, 3))).verdict == "green"
    assert run(sh("exit 0", exit_only=True)).verdict == "green"
    assert run(sh("exit 1", exit_only=True)).code is Code.GATE_FAILED


@pytest.mark.parametrize(
    ("variables", "verdict"),
    [
        ({}, "skipped"),
        ({"STUB": "0"}, "skipped"),
        ({"STUB": ""}, "skipped"),
        ({"STUB": "1"}, "red"),
        ({"STUB": "00"}, "red"),
    ],
)
def test_a_skip(run, variables, verdict):
    """Where it is declared, with its reason; anywhere else it is a failure."""
    gate = sh("echo the stub is off >&2; exit 78", skip_when=SkipWhen(env="STUB"))
    done = run(gate, **variables)
    assert done.verdict == verdict
    assert done.code is (Code.GATE_SKIPPED if verdict == "red" else None)
    if verdict == "skipped":
        assert done.reason.endswith(": the stub is off")


def test_what_it_is_given(run):
    """The variables that it names, and the one that lets it skip; no others."""
    gate = sh(
        'echo "{\\"a\\": \\"$A\\", \\"b\\": \\"$B\\", \\"s\\": \\"$S\\"}"',
        environment=("A",),
        skip_when=SkipWhen(env="S"),
    )
    done = run(gate, A="1", B="2", S="3")
    assert done.left == {"a": "1", "b": "", "s": "3"}


def test_a_baseline(run):
    """Times and plus refer to it; without one that can be believed the gate is red."""
    gate = sh(
        "echo '{\"p95\": 12}'",
        thresholds=(Threshold(metric="p95", op=AT_MOST, times=Decimal("1.25")),),
    )
    assert run(gate).code is Code.METRIC_NO_BASELINE
    assert run(gate, baseline={"p95": Decimal(10)}).verdict == "green"
    assert run(gate, baseline={"p95": Decimal(9)}).code is Code.METRIC_OUT_OF_BOUNDS


def test_in_a_box_nothing_stays(tmp_path):
    """What a gate writes is gone, and what lies outside the tree is not there for it."""
    confinement = Confined.here()
    if not confinement.ability.overlay:
        pytest.skip("this host makes no box")
    root = tmp_path / "root"
    root.mkdir()
    (root / "kept").write_text("x")
    outside = tmp_path / "outside"
    script = f"rm kept; echo y > new; echo x > {outside} || true; echo '{{}}'"
    done = run_gate(place(root), sh(script), confinement)
    assert done.verdict == "green", done.reason
    assert sorted(path.name for path in root.iterdir()) == ["kept"]
    assert not outside.exists()
    assert done.confined_by == confinement.name


def test_side_by_side(tmp_path):
    """All of them, in the order in which they are declared; one that dies takes none with it."""
    gates = [
        sh("echo '{}'", name="a"),
        sh("kill -KILL $PPID; exit 1", name="b"),
        sh("echo '{}'", name="c"),
        Gate(name="d", builtin=Builtin.LEDGER_VERIFY),
    ]
    done = run_gates(place(tmp_path), gates)
    assert [each.gate.name for each in done] == ["a", "b", "c", "d"]
    assert [each.verdict for each in done] == ["green", "red", "green", "red"]
    assert done[3].code is Code.STORE_MISSING
    assert run_gates(place(tmp_path), []) == ()


def test_choosing():
    """By name; one that is not declared stops the command."""
    gates = (sh("true", name="a"), sh("true", name="b"))
    assert choose_gates(gates, []) == gates
    assert [each.name for each in choose_gates(gates, ["b"])] == ["b"]
    with pytest.raises(UsageError) as caught:
        choose_gates(gates, ["b", "x"])
    assert caught.value.code is Code.GATE_UNKNOWN


def test_what_a_gate_is():
    """Its mode and what it is for may change; anything else makes it another gate."""
    gate = sh("true", thresholds=LIMIT)
    same = sh("true", thresholds=LIMIT, mode="observing", about="x")
    assert definition_of(gate) == definition_of(same)
    for other in (
        sh("false", thresholds=LIMIT),
        sh("true"),
        sh("true", thresholds=LIMIT, module="m"),
        sh("true", thresholds=LIMIT, expected_exits=(0, 1)),
        sh("true", thresholds=(Threshold(metric="p95", op=AT_MOST, value=Decimal(11)),)),
    ):
        assert definition_of(other) != definition_of(gate)


# --- greenlight's own


def test_pqc(tmp_path):
    """Really signed and verified; a limit that no machine reaches is red."""
    done = run_gate(place(tmp_path), Gate(name="g", builtin=Builtin.PQC_SIGN_VERIFY), None)
    assert done.verdict == "green", done.reason
    assert done.left["algorithm"] == "ML-DSA-44"
    assert {each.threshold.metric for each in done.metrics} == {"sign_p95_ms", "verify_p95_ms"}
    tight = (Threshold(metric="verify_p95_ms", op=AT_MOST, value=Decimal("0.0001")),)
    gate = Gate(name="g", builtin=Builtin.PQC_SIGN_VERIFY, thresholds=tight)
    assert run_gate(place(tmp_path), gate, None).code is Code.METRIC_OUT_OF_BOUNDS


@pytest.mark.parametrize("builtin", [Builtin.TOKEN_CANONICALIZATION, Builtin.ADVERSARIAL_SMOKE])
def test_smokes(tmp_path, builtin):
    """Greenlight's own parsers by default; one that takes everything is red."""
    gate = Gate(name="g", builtin=builtin)
    done = run_gate(place(tmp_path), gate, None)
    assert (done.verdict, done.left["violations_total"]) == ("green", 0), done.reason
    loose = replace(DEFAULTS, audit=Audit(parser=("cat",), parser_formats=("json",)))
    around = replace(place(tmp_path), judging=Judging(loose, Digest.of(b""), "", "", ""))
    done = run_gate(around, gate, None)
    assert done.verdict == ("red" if builtin is Builtin.ADVERSARIAL_SMOKE else done.verdict)


def test_the_baseline_as_a_gate(tmp_path):
    """What the audit says of it is what the gate says."""
    where = Where(tmp_path / "b.json")
    gate = Gate(name="g", builtin=Builtin.BASELINE)
    missing = Finding(Code.BASELINE_MISSING, "b.json", "a signed baseline", "no such file")
    bad = BaselineVerdict(where).with_findings(missing)
    done = run_gate(place(tmp_path, verdict=bad), gate, None)
    assert (done.verdict, done.code) == ("red", Code.BASELINE_MISSING)
    assert run_gate(place(tmp_path, verdict=BaselineVerdict(where)), gate, None).verdict == "green"


def test_schema_examples(tmp_path):
    """Every example of every schema; none at all is not green."""
    gate = Gate(name="g", builtin=Builtin.SCHEMA_EXAMPLES)
    assert run_gate(place(tmp_path), gate, None).code is Code.GATE_LEFT_NOTHING
    folder = tmp_path / "schemas"
    folder.mkdir()
    good = '{"type": "object", "properties": {"a": {"type": "integer", "examples": [%s]}}}'
    (folder / "a.schema.json").write_text(good % "1")
    assert run_gate(place(tmp_path), gate, None).verdict == "green"
    (folder / "b.schema.json").write_text(good % '"x"')
    done = run_gate(place(tmp_path), gate, None)
    assert (done.code, done.left["invalid_total"]) == (Code.DOCUMENT_SCHEMA, 1)
    (folder / "b.schema.json").write_text('{"type": "nothing"}')
    assert run_gate(place(tmp_path), gate, None).code is Code.DOCUMENT_SCHEMA
    (folder / "b.schema.json").write_text("{")
    assert run_gate(place(tmp_path), gate, None).code is Code.GATE_LEFT_GARBAGE


def test_ledger_and_packets(bench):
    """A store that verifies; one whose ledger was cut off does not."""
    from tests.lanes_helper import lane  # noqa: PLC0415 - beside its one use

    bench.run(lane())
    around = place(bench.folder, store=bench.store)
    done = run_gate(around, Gate(name="g", builtin=Builtin.LEDGER_VERIFY), None)
    assert (done.verdict, int(done.left["entries"]) > 2) == ("green", True), done.reason
    done = run_gate(around, Gate(name="g", builtin=Builtin.PACKETS_VERIFY), None)
    assert (done.verdict, done.left["intact_total"]) == ("green", 1), done.reason
    (bench.store.git_dir / "refs" / "greenlight" / "ledger").unlink()
    for builtin in (Builtin.LEDGER_VERIFY, Builtin.PACKETS_VERIFY):
        done = run_gate(around, Gate(name="g", builtin=builtin), None)
        assert (done.verdict, done.code) == ("red", Code.LEDGER_REWOUND)


def test_no_op(tmp_path, git):
    """A change that changed nothing is flagged; without a base nobody knows."""
    need("git")
    git("init", "-q", "-b", "main", cwd=tmp_path)
    (tmp_path / "a").write_text("1")
    git("add", "-A", cwd=tmp_path)
    git("commit", "-q", "-m", "x", cwd=tmp_path)
    base = git("rev-parse", "HEAD", cwd=tmp_path).decode().strip()
    git("commit", "-q", "--allow-empty", "-m", "y", cwd=tmp_path)
    empty = git("rev-parse", "HEAD", cwd=tmp_path).decode().strip()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b").write_text("2")
    (tmp_path / "a").unlink()
    git("add", "-A", cwd=tmp_path)
    git("commit", "-q", "-m", "z", cwd=tmp_path)
    head = git("rev-parse", "HEAD", cwd=tmp_path).decode().strip()
    gate = Gate(name="g", builtin=Builtin.NO_OP)
    with open_store(None, tmp_path) as store:
        around = place(tmp_path, store=store, head=empty, base=base)
        assert run_gate(around, gate, None).code is Code.CHANGED_NOTHING
        done = run_gate(place(tmp_path, store=store, head=head, base=base), gate, None)
        assert (done.verdict, done.left["changed_files"]) == ("green", 2)
        done = run_gate(place(tmp_path, store=store, head=head), gate, None)
        assert done.code is Code.BASE_UNKNOWN
