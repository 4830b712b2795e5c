"""The attacks of source 003, and the life of a receipt, through the real commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.team import Team, assemble
from tests.tools import need


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Team:
    return assemble(tmp_path_factory.mktemp("team"))


@pytest.fixture
def team(made: Team, tmp_path: Path) -> Team:
    """People at a copy of the store, so that nobody's receipts are another test's."""
    folder = Path(shutil.copytree(made.folder, tmp_path / "team", symlinks=True))
    return Team(folder, folder / "repo", made.packet)


def spend(team: Team, receipt: str, *words: str | Path, who: str = "executor", **env: str):
    operation = [] if "--run" in words else team.operation()
    mode = [] if "--mode" in words else ["--mode", "prod"]
    return team(who, "receipt", "spend", receipt, *operation, *mode, *words, **env)


def state(team: Team, receipt: str) -> str:
    shown = team.ok("owner", "receipt", "show", receipt, "--json").json
    return f"{shown['state']} {shown['outcome']}".strip()


def test_a_life(team: Team):
    """Plan, policy, countersignature, receipts; done once, and the ledger says all of it."""
    team.ok("reviewer", "countersign", team.packet)
    request = team.write(
        "want.yaml",
        "publications: 1\n"
        "operations:\n"
        "  - kind: tag_repo\n"
        "    content: {repository: omega/marketops, tag_name: v1}\n"
        "  - kind: publish_release\n"
        "    content: {repository: omega/marketops, tag_name: v1}\n",
    )
    policy = team.write(
        "policy.yaml",
        "policy: 1\n"
        "rules:\n"
        "  - name: releases\n"
        "    effect: allow\n"
        "    operations: [publish_release, tag_repo]\n"
        "    content: [{field: repository, matches: ['omega/*']}]\n"
        "    require: {countersignatures: 1}\n",
    )
    plan = team.folder / "plan.json"
    planned = team.ok(
        "executor",
        "plan",
        request,
        "--run",
        team.packet,
        "--policy",
        policy,
        "--out",
        plan,
        "--json",
    ).json
    assert planned["blocked_by_mode"] is True
    assert [each["decision"]["effect"] for each in planned["operations"]] == ["allow", "allow"]
    size = team.ok("owner", "log", "--json").json["size"]

    authorised = team.ok("owner", "authorise", plan, "--policy", policy, "--json").json
    assert [each["enforceable"] for each in authorised["receipts"]] == [True, True]
    assert {each["plan"] for each in authorised["receipts"]} == {planned["plan"]}
    assert team.ok("owner", "log", "--json").json["size"] == size + 2

    tag = authorised["receipts"][0]
    content = team.write("tag.json", {"repository": "omega/marketops", "tag_name": "v1"})
    operation = ("--run", team.run, "--kind", "tag_repo", "--content", content)
    done = spend(team, tag["receipt_id"], *operation, "--", sys.executable, "-c", "print('done')")
    assert done.exit == 0, done.err
    assert "success" in done.out
    assert spend(team, tag["receipt_id"], *operation).refused(77, "RECEIPT_SPENT")
    shown = team.ok("owner", "receipt", "show", "--json").json
    assert [each["code"] for each in shown["rejected"]] == ["RECEIPT_SPENT"]
    assert team("owner", "plan", request, "--run", team.run, "--out", plan).refused(
        77, "OUTPUT_EXISTS"
    )


def test_a_failed_operation_is_no_success(team: Team):
    """Exit 1, and the receipt stays spent; its outcome is there to be read."""
    receipt = team.receipt()
    failing = (sys.executable, "-c", "import sys; sys.exit('the forge said no')")
    done = spend(team, receipt, "--retries", "1", "--", *failing)
    assert done.refused(1, "OPERATION_FAILED")
    assert state(team, receipt) == "SPENT failed"


def test_a_crash_between_spending_and_acting_says_so(team: Team):
    """Without a record its outcome is unknown; recording it settles that, once."""
    receipt = team.receipt()
    spent = spend(team, receipt, "--json").json["spent"]
    assert state(team, receipt) == "SPENT unknown"
    assert "unknown" in team.ok("owner", "receipt", "show", receipt).out
    words = ("receipt", "record", spent["operation_id"], "--status")
    team.ok("executor", *words, "success")
    assert state(team, receipt) == "SPENT success"
    assert team("executor", *words, "failed").refused(77, "OPERATION_TAKEN")


# --- CI misconfiguration: the job runs with what it should not have, or lacks what it needs


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("dry_run", "RECEIPT_MODE_NOT_PROD"),
        ("PROD", "RECEIPT_MODE_NOT_PROD"),
        ("Prod", "RECEIPT_MODE_NOT_PROD"),
        ("production", "RECEIPT_MODE_NOT_PROD"),
        (" prod", "RECEIPT_MODE_NOT_PROD"),
    ],
)
def test_ci_says_another_mode(team: Team, mode: str, code: str):
    """Only the exact word acts."""
    receipt = team.receipt()
    assert spend(team, receipt, f"--mode={mode}", *team.operation()).exit == 77
    done = team("executor", "receipt", "spend", receipt, *team.operation(), f"--mode={mode}")
    assert done.refused(77, code)
    assert state(team, receipt) == "ISSUED"


def test_ci_forgets_the_mode_or_the_receipt(team: Team):
    """Nothing is assumed for it."""
    receipt = team.receipt()
    assert team("executor", "receipt", "spend", receipt, *team.operation()).refused(64, "USAGE")
    assert team("executor", "receipt", "spend", *team.operation(), "--mode", "prod").refused(
        64, "USAGE"
    )
    assert spend(team, "").exit in (64, 77)
    assert state(team, receipt) == "ISSUED"


def test_ci_has_the_wrong_key(team: Team):
    """A reviewer's, a stranger's, the owner's: none of them spends the executor's receipt."""
    receipt = team.receipt()
    for who in ("reviewer", "stranger", "owner"):
        done = spend(team, receipt, who=who)
        assert done.refused(77, "RECEIPT_EXECUTOR_MISMATCH")
    assert state(team, receipt) == "ISSUED"


def test_ci_has_an_advisory_receipt(team: Team):
    """It says yes and authorises nothing."""
    receipt = team.receipt("--advisory")
    assert spend(team, receipt).refused(77, "RECEIPT_ADVISORY")
    assert state(team, receipt) == "ADVISORY"


# --- environment variables


@pytest.mark.parametrize(
    "env",
    [
        {"MODE": "prod", "GREENLIGHT_MODE": "prod"},
        {"GREENLIGHT_RECEIPT": "enforceable", "RECEIPT_ENFORCEABLE": "true"},
        {"GREENLIGHT_TRUST": "any", "GREENLIGHT_UNSAFE": "1", "GREENLIGHT_FORCE": "1"},
        {"CI": "true", "GITHUB_ACTIONS": "true", "GREENLIGHT_DEBUG": ""},
        {"GREENLIGHT_OPERATION_ID": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_the_environment_changes_no_decision(team: Team, env: dict[str, str]):
    """Whatever a job exports, an advisory receipt and another mode stay what they are."""
    advisory, receipt = team.receipt("--advisory"), team.receipt()
    assert spend(team, advisory, **env).refused(77, "RECEIPT_ADVISORY")
    done = team(
        "executor", "receipt", "spend", receipt, *team.operation(), "--mode", "dry_run", **env
    )
    assert done.refused(77, "RECEIPT_MODE_NOT_PROD")
    assert state(team, receipt) == "ISSUED"


def test_another_store_in_the_environment_is_not_asked(team: Team, tmp_path: Path):
    """GIT_DIR and its kin lead nowhere: the repository around is the store."""
    receipt = team.receipt()
    env = {"GIT_DIR": str(tmp_path / "x"), "GIT_OBJECT_DIRECTORY": str(tmp_path / "y")}
    assert spend(team, receipt, **env).exit == 0


# --- replay


def test_replay(team: Team):
    """In one store, by its id, the beginning of it or a file."""
    receipt = team.receipt()
    path = team.folder / "r.cose"
    team.ok("owner", "receipt", "show", receipt, "--out", path)
    assert spend(team, str(path)).exit == 0
    for named in (receipt, receipt[:8], str(path)):
        assert spend(team, named).refused(77, "RECEIPT_SPENT")


def test_replay_for_other_content(team: Team):
    """The tag is another: the receipt is for none but its own."""
    receipt = team.receipt()
    done = team(
        "executor",
        "receipt",
        "spend",
        receipt,
        *team.operation(tag_name="v6.6.6"),
        "--mode",
        "prod",
    )
    assert done.refused(77, "RECEIPT_CONTENT_MISMATCH")


def test_a_receipt_of_another_ledger(team: Team, tmp_path: Path):
    """Signed by another owner, recorded elsewhere: foreign here."""
    other = tmp_path / "other"
    other.mkdir()
    foreign = assemble(other)
    path = tmp_path / "foreign.cose"
    foreign.ok("owner", "receipt", "show", foreign.receipt(), "--out", path)
    assert spend(team, str(path)).refused(77, "RECEIPT_ISSUER")


# --- escalation and bypass


def test_mode_escalation(team: Team):
    """An executor issues no receipt, gives itself no role and no grant, and folds nothing."""
    public = f"{team.key('executor')}.pub"
    tries = [
        ("receipt", "issue", *team.operation()),
        ("grant", "issue", public, "--mode", "prod"),
        ("trust", "add", public, "--role", "owner"),
        ("grant", "revoke", "g-1", "--reason", "x"),
    ]
    for words in tries:
        assert team("executor", *words).refused(77, "TRUST_REFUSED")


def test_cross_run(team: Team):
    """A second run of the same executor cannot use the first one's receipt."""
    receipt = team.receipt()
    ran = team.ok("executor", "run", team.folder / "lane" / "lane.yaml", "--json").json
    other = ran["packet_id"][-36:]
    content = team.write("c.json", {})
    operation = ("--run", other, "--kind", "publish_release", "--content", content)
    done = spend(team, receipt, *operation)
    assert done.refused(77, "RECEIPT_RUN_MISMATCH")
    assert state(team, receipt) == "ISSUED"


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("+25h", "RECEIPT_EXPIRED"),
        ("+2d", "RECEIPT_EXPIRED"),
        ("@2106-02-07 06:28:15", "RECEIPT_EXPIRED"),
        ("-1h", "CLOCK_BEHIND"),
        ("@1970-01-02 00:00:00", "CLOCK_BEHIND"),
    ],
)
def test_time_shift(team: Team, when: str, code: str):
    """A clock that somebody set: nothing is spent; set right again, what was not over can be."""
    faketime = need("faketime")
    receipt = team.receipt()
    greenlight = [sys.executable, "-m", "greenlight", "--signing-key", team.key("executor")]
    spending = ["receipt", "spend", receipt, *team.operation(), "--mode", "prod"]
    done = subprocess.run(
        [faketime, "-f", when, *greenlight, *spending],
        cwd=team.repo,
        env=team.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 77, done.stderr
    assert code in done.stderr
    assert "Traceback" not in done.stderr
    assert "SPENT" not in state(team, receipt)
    if code == "CLOCK_BEHIND":
        assert spend(team, receipt).exit == 0


# --- grants, reviews, tickets, blockers


def test_a_grant_that_was_taken_back_runs_nothing(team: Team):
    """The next run is refused; the list says why."""
    team.ok("owner", "grant", "revoke", "g-1", "--reason", "The machine was sold.")
    done = team("executor", "run", team.folder / "lane" / "lane.yaml")
    assert done.refused(77, "GRANT_REVOKED")
    grants = team.ok("owner", "grant", "show", "--json").json["grants"]
    assert {each["grant"]: each["revoked"] for each in grants}["g-1"] == "The machine was sold."


def test_reviews(team: Team):
    """The executor's own key is refused; a reviewer says once what it thinks."""
    assert team("executor", "countersign", team.packet).refused(77, "REVIEWER_IS_EXECUTOR")
    assert team("owner", "countersign", team.packet).refused(77, "TRUST_REFUSED")
    said = team.ok("reviewer", "countersign", team.packet, "--comment", "Read it.", "--json").json
    assert (said["verdict"], said["integrity"], said["replayed"]) == ("approved", "INTACT", False)
    again = team("reviewer", "countersign", team.packet, "--verdict", "rejected")
    assert again.refused(77, "COUNTERSIGNED_BEFORE")
    _listed_by_verify(team, said)


def _listed_by_verify(team: Team, said: dict[str, object]) -> None:
    """Whoever verifies the packet sees who reviewed it; so does a whole store's verification."""
    names = ("reviewer", "verdict", "replayed", "comment", "record", "time")
    wanted = [{name: said[name] for name in names} | {"revoked": False}]
    verified = team.ok("owner", "verify", team.packet)
    assert f"approved    by {said['reviewer']} (record {said['record']}): Read it." in verified.out
    assert team.ok("owner", "verify", team.packet, "--json").json["countersignatures"] == wanted
    packets = team.ok("owner", "verify", "--all", "--json").json["packets"]
    assert [each["countersignatures"] for each in packets] == [wanted]


def test_tickets(team: Team):
    """Ranges above the ceiling that never overlap; folded by the owner, in three files."""
    registry = Path(
        shutil.copytree(
            Path(__file__).parents[2] / "lanes/fix7-p0/kb/registry", team.folder / "registry"
        )
    )
    files = [
        registry / name
        for name in ("canonical-registry.json", "canonical-registry.md", "00-index.md")
    ]
    words = ("tickets", "reserve", "TKT-OBJ", "--count", "20", "--registry", files[0], "--json")
    first, second = (team.ok("executor", *words).json for _ in range(2))
    assert (first["first"], first["last"], second["first"]) == (442, 461, 462)
    before = [path.read_bytes() for path in files]
    assert team("executor", "tickets", "fold", "TKT-OBJ-461", *files).refused(77, "TRUST_REFUSED")
    assert [path.read_bytes() for path in files] == before

    team.ok("owner", "tickets", "fold", "TKT-OBJ-461", *files)
    assert b"TKT-OBJ-461" in files[1].read_bytes()
    assert b"Ceiling: 461." in files[2].read_bytes()
    # A crash between the files is finished by the same command; other content never is.
    files[2].write_bytes(before[2])
    done = team.ok("owner", "tickets", "fold", "TKT-OBJ-461", *files, "--json").json
    assert done["written"] == [str(files[2])]
    files[1].write_bytes(b"edited\n")
    again = team("owner", "tickets", "fold", "TKT-OBJ-461", *files)
    assert again.refused(77, "REGISTRY_CHANGED")
    lines = team.ok("owner", "tickets", "list", "--json").json["tickets"]
    assert [line["standing"] for line in lines] == ["PROPOSED", "FOLDED"]


@pytest.mark.parametrize("data", ["{}", "[]", '{"registry": "TKT-OBJ", "ceiling": "x"}', "not"])
def test_a_registry_that_is_none(team: Team, data: str):
    """It is refused before anything is written anywhere."""
    path = team.write("r.json", data)
    done = team("executor", "tickets", "reserve", "TKT-OBJ", "--registry", path)
    assert done.exit == 65
    assert "Traceback" not in done.err


def test_blockers(team: Team):
    """Listed from the packet's map, lifted by who may, and then no longer open."""
    listed = team("reviewer", "blockers", "list", "--open", "--json")
    assert listed.refused(1, "BLOCKERS_OPEN")
    assert {row["id"] for row in listed.json["blockers"]} >= {"INPUTS-1", "GRANT-1"}
    resolve = ("blockers", "resolve", team.packet)
    why = ("--reason", "It was granted.")
    assert team("executor", *resolve, "GRANT-1", *why).refused(77, "TRUST_REFUSED")
    assert team("owner", *resolve, "INPUTS-1", *why).refused(77, "BLOCKER_NOT_RESOLVABLE")
    assert team("owner", *resolve, "NOTHING-9", *why).refused(77, "BLOCKER_UNKNOWN")
    team.ok("owner", *resolve, "GRANT-1", *why)
    assert team("owner", *resolve, "GRANT-1", *why).refused(77, "BLOCKER_RESOLVED_BEFORE")
    rows = team("owner", "blockers", "list", "--json").json["blockers"]
    assert {row["id"]: row["state"] for row in rows}["GRANT-1"] == "RESOLVED"


def test_a_policy_that_says_no(team: Team):
    """None of the operations is authorised, and each says why."""
    request = team.write(
        "want.json",
        {
            "publications": 1,
            "operations": [
                {"kind": "tag_repo", "content": {"repository": "omega/x"}},
                {"kind": "open_pr", "content": {"repository": "omega/x"}},
            ],
        },
    )
    policy = team.write(
        "policy.yaml",
        "policy: 1\nrules:\n  - {name: tags, effect: allow, operations: [tag_repo]}\n",
    )
    plan = team.folder / "plan.json"
    team.ok("executor", "plan", request, "--run", team.run, "--out", plan)
    size = team.ok("owner", "log", "--json").json["size"]
    denied = team("owner", "authorise", plan, "--policy", policy, "--json")
    assert denied.refused(77, "POLICY_DENIED")
    assert denied.json["receipts"] == []
    assert team.ok("owner", "log", "--json").json["size"] == size
    edited = plan.read_text().replace("omega/x", "omega/y")
    plan.write_text(edited)
    assert team("owner", "authorise", plan, "--policy", policy).refused(65, "PLAN_MALFORMED")
    policy.write_text("policy: 1\nrules:\n  - {name: tags, effect: permit, operations: []}\n")
    plan.write_text(edited.replace("omega/y", "omega/x"))
    assert team("owner", "authorise", plan, "--policy", policy).refused(65, "POLICY_MALFORMED")
