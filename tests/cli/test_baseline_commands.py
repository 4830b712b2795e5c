"""``greenlight baseline``: 000's worked examples typed, and each refusal with its line and exit."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.model.baseline import DEFAULT_PATH, decode_baseline, encode_baseline
from greenlight.services.baseline_signing import sign_with_ssh
from tests.cli.conftest import World, git
from tests.services.test_baseline_signing import Keyring, made_key, removed
from tests.tools import need
from tools.vectors.baseline import GOOD, LEAD, now

SLEEP = ("sh", "-c", "sleep 0.01")


@pytest.fixture
def person(tmp_path: Path) -> World:
    """Somebody with a key and a repository of one commit, and nothing else."""
    home, repo = tmp_path / "home", tmp_path / "repo"
    home.mkdir()
    repo.mkdir()
    git("init", "-q", "-b", "main", cwd=repo)
    (repo / "code.py").write_text("print(1)\n")
    git("add", "-A", cwd=repo)
    git("commit", "-q", "-m", "Code", cwd=repo)
    made = World(home, repo)
    made.ok("keys", "new", "--comment", "lead")
    return made


def key(world: World) -> str:
    return f"{world.key}.pub"


def test_the_worked_examples_of_000(person: World) -> None:
    """Capture for a time, sign, verify, commit, and judge what comes after."""
    capture = ("baseline", "capture", "--duration", "1", "--out", DEFAULT_PATH)
    done = person.ok(*capture, "--", *SLEEP)
    assert "parse_p95_ms" in done.out
    made = decode_baseline((person.repo / DEFAULT_PATH).read_bytes())
    assert made.runs == made.samples >= 1
    assert made.commit == git("rev-parse", "HEAD", cwd=person.repo)
    assert made.tree.value == "clean"
    sign = ("baseline", "sign", "--baseline", DEFAULT_PATH, "--signer", "sre-lead@example.com")
    signed = person.ok(*sign, "--json").json
    assert signed["path"] == f"{DEFAULT_PATH}.sig"
    assert person.ok("baseline", "verify", "--key", key(person)).out.startswith("OK ")
    git("add", "-A", cwd=person.repo)
    git("commit", "-q", "-m", "A signed baseline", cwd=person.repo)
    git("switch", "-q", "-c", "change", cwd=person.repo)
    git("commit", "-q", "--allow-empty", "-m", "A change", cwd=person.repo)
    found = person.ok("baseline", "verify", "--base", "main", "--key", key(person), "--json").json
    assert (found["status"], found["independent"], found["findings"]) == ("ok", True, [])
    held = person("baseline", "compare", DEFAULT_PATH, "--count", "3", "--", *SLEEP)
    assert held.exit in (0, 6)  # a machine may be busy; what is said then is another test's matter
    assert len(held.out.splitlines()) >= 6


def test_jq_reads_the_numbers(person: World) -> None:
    """As 000's own commands do: a metric is a number under its name."""
    person.ok("baseline", "capture", "--count", "2", "--label", "x", "--", *SLEEP)
    words = [need("jq"), "-e", '.metrics.parse_p95_ms > 5 and .labels == ["x"]']
    subprocess.run([*words, person.repo / DEFAULT_PATH], check=True, capture_output=True)
    again = subprocess.run(
        [need("jq"), "-S", ".", person.repo / DEFAULT_PATH], check=True, capture_output=True
    )
    assert again.stdout == (person.repo / DEFAULT_PATH).read_bytes()
    check = ("schema", "metrics-baseline", "--check", DEFAULT_PATH)
    assert person.ok(*check).out == f"{DEFAULT_PATH} is a metrics-baseline\n"


def test_the_builtin_subject_needs_no_command(person: World) -> None:
    """Captured, and held to itself: what is red then is said by name and by number."""
    captured = person.ok("baseline", "capture", "--count", "1", "--json").json
    assert captured["baseline"]["ran"]["subject"] == "builtin"
    done = person("baseline", "compare", DEFAULT_PATH, "--count", "1", "--json")
    assert done.exit in (0, 6)
    assert done.json["status"] in ("ok", "regressed")
    assert [row["metric"] for row in done.json["checks"]] == [
        "parse_p95_ms", "parse_p99_ms", "parse_peak_rss_mb",
        "collector_timeouts_total_per_min", "collector_truncated_rate",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("capture",), 64, "USAGE"),
        (("capture", "--count", "1", "--duration", "1"), 64, "USAGE"),
        (("capture", "--count", "0"), 64, "USAGE"),
        (("capture", "--count", "1", "--samples"), 64, "USAGE"),
        (("capture", "--count", "1", "--", "no-such-bench"), 6, "BENCHMARK_NOT_FOUND"),
        (("capture", "--count", "1", "--", "false"), 6, "BENCHMARK_FAILED"),
        (("capture", "--count", "1", "--timeout", "1", "--", "sleep", "9"), 6, "BENCHMARK_FAILED"),
        (("capture", "--count", "1", "--samples", "--", "echo", "x"), 6, "BENCHMARK_GARBAGE"),
        (("capture", "--count", "1", "--out", "code.py", "--", "true"), 77, "OUTPUT_EXISTS"),
        (("sign", "--signer", "me"), 6, "BASELINE_MISSING"),
        (("sign", "--baseline", "code.py", "--signer", "me"), 65, "BASELINE_MALFORMED"),
        (("verify",), 6, "BASELINE_MISSING"),
        (("verify", "code.py"), 65, "BASELINE_MALFORMED"),
        (("verify", "--base", "no-such"), 64, "BASE_UNKNOWN"),
        (("verify", "--base", "main"), 64, "BASE_UNKNOWN"),
        (("verify", "--base", "main", "--here"), 64, "USAGE"),
        (("verify", "--role", "log"), 64, "USAGE"),
        (("verify", "--gpg-keyring", "none"), 69, "FILE_UNREADABLE"),
        (("verify", "--revoked", "code.py"), 65, "KEY_UNREADABLE"),
        (("compare", "none.json"), 6, "BASELINE_MISSING"),
        (("compare", "code.py"), 65, "BASELINE_MALFORMED"),
    ],
)
def test_a_mistake_is_one_line(
    person: World, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    """Its code, its exit, and nothing written that could be taken for a baseline."""
    done = person("baseline", *words)
    assert done.refused(exit_code, code)
    assert not (person.repo / DEFAULT_PATH).exists()
    assert (person.repo / "code.py").read_text() == "print(1)\n"


def put(world: World, name: str = DEFAULT_PATH) -> Path:
    path = world.repo / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_baseline(GOOD))
    return path


@pytest.mark.parametrize(
    ("metrics", "exit_code", "code"),
    [
        ({}, 0, None),
        ({"parse_p95_ms": 5}, 0, None),
        ({"parse_p95_ms": 5.0001}, 6, "METRIC_OUT_OF_BOUNDS"),
        ({"parse_p95_ms": None}, 6, "METRIC_MISSING"),
        ({"parse_p95_ms": "4"}, 6, "METRIC_NOT_A_NUMBER"),
        ({"parse_p95_ms": -4}, 6, "METRIC_NEGATIVE"),
        ({"parse_p95_ms": float("nan")}, 6, "METRIC_NOT_A_NUMBER"),
    ],
)
def test_metrics_of_another_tool_are_compared(
    person: World, metrics: dict[str, object], exit_code: int, code: str | None
) -> None:
    put(person)
    (person.repo / "current.json").write_bytes(now(**metrics))
    words = ("baseline", "compare", DEFAULT_PATH, "--current", "current.json")
    done = person(*words)
    assert done.exit == exit_code
    assert code is None or done.refused(6, code)
    section = person(*words, "--json").json
    assert section["status"] == ("ok" if code is None else section["status"])
    assert [finding["code"] for finding in section["findings"]] == ([code] if code else [])


def test_a_file_alone_is_not_let_run_a_command(person: World) -> None:
    """Nobody has verified who wrote it; the command is shown, for the user to type."""
    put(person)
    done = person("baseline", "compare", DEFAULT_PATH)
    assert done.refused(64, "USAGE")
    assert "-- python3 bench.py" in done.err
    (person.repo / "current.json").write_bytes(now())
    words = ("baseline", "compare", DEFAULT_PATH, "--current", "current.json", "--", "true")
    assert person(*words).refused(64, "USAGE")


def test_a_baseline_is_not_overwritten_unasked(person: World) -> None:
    """An hour's work; and with --replace the signature beside it is void."""
    path = put(person)
    capture = ("baseline", "capture", "--count", "1")
    assert person(*capture, "--", "true").refused(77, "OUTPUT_EXISTS")
    assert path.read_bytes() == encode_baseline(GOOD)
    person.ok("baseline", "sign", "--signer", "me")
    person.ok(*capture, "--replace", "--", "true")
    done = person("baseline", "verify", "--key", key(person))
    assert done.refused(6, "BASELINE_SIGNATURE_BAD")
    sign_with_ssh(path, LEAD, replace=True)
    assert person("baseline", "sign", "--signer", "me").refused(77, "BASELINE_SIGNED_BY_OTHER")
    person.ok("baseline", "sign", "--signer", "me", "--replace")
    person.ok("baseline", "verify", "--key", key(person))


def test_each_source_of_trust(person: World, tmp_path: Path) -> None:
    """A key, a line, the user's settings, the pinned trust root with a role; and none."""
    put(person)
    person.ok("baseline", "sign", "--signer", "lead@example.com")
    verify = ("baseline", "verify")
    assert person(*verify).refused(6, "BASELINE_SIGNER_UNKNOWN")
    assert person(*verify, "--key", key(person)).exit == 0
    line = f"lead@example.com {Path(key(person)).read_text()}"
    signers = tmp_path / "allowed_signers"
    signers.write_text(line)
    assert person(*verify, "--allowed-signers", signers, "--signer", "lead@example.com").exit == 0
    stranger = person(*verify, "--allowed-signers", signers, "--signer", "other@example.com")
    assert stranger.refused(6, "BASELINE_SIGNER_NOT_TRUSTED")
    late = line.replace(" ssh-", ' valid-before="20200101Z" ssh-')
    signers.write_text(late)
    expired = person(*verify, "--allowed-signers", signers)
    assert expired.refused(6, "BASELINE_KEY_EXPIRED")
    revoked = tmp_path / "revoked"
    shutil.copy(key(person), revoked)
    gone = person(*verify, "--key", key(person), "--revoked", revoked)
    assert gone.refused(6, "BASELINE_KEY_REVOKED")
    mine = person.key.parent / "allowed_signers"
    mine.write_text(line)
    assert str(mine) in person.ok(*verify).out
    mine.unlink()
    person.ok("init")
    assert "the trust root pinned" in person.ok(*verify).out
    assert person(*verify, "--role", "reviewer").refused(6, "BASELINE_SIGNER_NOT_TRUSTED")
    person.ok("trust", "add", key(person), "--role", "reviewer")
    assert person(*verify, "--role", "reviewer").exit == 0
    root = person.ok("trust", "show", "--json").json
    assert root


def test_signed_by_gpg_and_verified_by_gpg(person: World, tmp_path: Path) -> None:
    """000's own signer and 000's own check, from end to end."""
    need("gpg")
    ring: Keyring = made_key("SRE Lead <sre-lead@example.com>")
    try:
        path = put(person)
        sign = ("baseline", "sign", "--gpg", "--signer", "sre-lead@example.com")
        done = person.ok(*sign, GNUPGHOME=str(ring.home))
        assert f"gpg --verify {DEFAULT_PATH}.asc {DEFAULT_PATH}" in done.err
        assert ring.run("--verify", f"{path}.asc", path).returncode == 0
        keyring = tmp_path / "keys.asc"
        keyring.write_bytes(ring.export())
        verify = ("baseline", "verify", "--gpg-keyring", keyring)
        assert person(*verify, "--signer", "sre-lead@example.com").exit == 0
        other = person(*verify, "--signer", "other@example.com")
        assert other.refused(6, "BASELINE_SIGNER_NOT_TRUSTED")
        # The user's own keyring, which has the key, was not asked for.
        ambient = person("baseline", "verify", GNUPGHOME=str(ring.home))
        assert ambient.refused(6, "BASELINE_SIGNER_UNKNOWN")
        nobody = person(*sign[:-1], "nobody@example.com", GNUPGHOME=str(ring.home))
        assert nobody.refused(77, "GPG_FAILED")
    finally:
        removed(ring)


def test_the_base_of_the_repository_is_taken_by_itself(person: World) -> None:
    """As for gates: its own setting says which branch judges; --here asks for the file alone."""
    put(person)
    person.ok("baseline", "sign", "--signer", "me")
    git("config", "greenlight.base", "main", cwd=person.repo)
    git("switch", "-q", "-c", "change", cwd=person.repo)
    git("add", "-A", cwd=person.repo)
    git("commit", "-q", "-m", "A baseline", cwd=person.repo)
    done = person("baseline", "verify", "--key", key(person))
    assert done.refused(6, "BASELINE_NEWER")
    assert "let the baseline go in by itself first" in done.err
    here = person.ok("baseline", "verify", "--key", key(person), "--here", "--json").json
    assert (here["independent"], here["status"]) == (False, "ok")
    assert json.loads(json.dumps(here["notes"]))


def test_a_shallow_clone_can_verify_a_file_alone(person: World, tmp_path: Path) -> None:
    """It has no base to read, and says so where one is asked for."""
    put(person)
    person.ok("baseline", "sign", "--signer", "me")
    git("add", "-A", cwd=person.repo)
    git("commit", "-q", "-m", "A baseline", cwd=person.repo)
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", f"file://{person.repo}", clone, cwd=tmp_path)
    words = ("baseline", "verify", "--key", key(person))
    assert person(*words, "--here", cwd=clone).exit == 0
    assert person(*words, cwd=clone).refused(69, "STORE_SHALLOW")


def test_every_code_of_baselines_is_given_somewhere() -> None:
    """What is listed here is shown above, or by the vectors."""
    assert {code.name for code in Code if code.name.startswith(("BASELINE_", "BENCHMARK_"))} == {
        "BASELINE_MISSING", "BASELINE_UNSIGNED", "BASELINE_SIGNATURE_BAD",
        "BASELINE_SIGNER_UNKNOWN", "BASELINE_SIGNER_NOT_TRUSTED", "BASELINE_KEY_EXPIRED",
        "BASELINE_KEY_REVOKED", "BASELINE_NEWER", "BASELINE_SUBJECT_DIFFERS", "BASELINE_MALFORMED",
        "BASELINE_SIGNED_BY_OTHER", "BENCHMARK_NOT_FOUND", "BENCHMARK_FAILED", "BENCHMARK_GARBAGE",
    }  # fmt: skip
