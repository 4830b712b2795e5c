"""Countersigning what was verified; blockers of packets that cannot be read; Rego."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.model.policy import Effect
from greenlight.model.trust import Role
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services import rego
from greenlight.services.authorising import LoadedPolicy
from greenlight.services.blockers import list_blockers
from greenlight.services.checkout import checkout
from greenlight.services.countersigning import REJECTED, Opinion, countersign
from greenlight.services.packets import locate
from greenlight.services.trusting import add_key
from greenlight.store.shelf import PREFIX
from tests.lanes_helper import OWNER, lane
from tests.verify.test_policy import FACTS

REVIEWER = SeedSigner(bytes([9]) * 32)
ALLOW = b"""package greenlight

import rego.v1

default allow := false

allow if {
    input.operation.kind == "publish_release"
    startswith(input.operation.content.repository, "omega/")
    count([r | some r in input.reviews; r.verdict == "approved"]) >= 1
}
"""


@pytest.fixture
def reviewed(bench):
    """A packet, and a reviewer."""
    blockers = [
        {"id": "B-1", "reason": "x", "resolver": "owner", "evidence": "a signed grant"},
    ]
    ran = bench.run(lane(blockers=blockers))
    add_key(bench.store, OWNER, REVIEWER.public, [Role.REVIEWER], clock=bench.clock)
    return bench, ran.result.sealed


def taken_out(bench, sealed, folder):
    """Take a packet out as plain files."""
    checkout(locate(bench.store, sealed.packet_tree, whole=True), folder, store=bench.store)
    return folder


def test_what_does_not_verify_is_not_approved(reviewed):
    """It can be rejected: that is a verdict too."""
    bench, sealed = reviewed
    folder = taken_out(bench, sealed, bench.folder / "out")
    seal = folder / "seal" / "seal.cose"
    seal.write_bytes(seal.read_bytes()[:-1] + b"\x00")
    with pytest.raises(RefusedError) as caught:
        countersign(bench.store, REVIEWER, str(folder), Opinion(), clock=bench.clock)
    assert caught.value.code is Code.APPROVAL_REFUSED
    done = countersign(
        bench.store, REVIEWER, str(folder), Opinion(REJECTED, comment="Broken."), clock=bench.clock
    )
    assert done.said.body.verdict == REJECTED


def test_a_packet_of_elsewhere_is_not_countersigned(reviewed, tmp_path):
    """Only what this ledger has."""
    bench, sealed = reviewed
    folder = taken_out(bench, sealed, tmp_path / "out")
    (folder / "packet" / "artifacts").mkdir(exist_ok=True)
    (folder / "packet" / "artifacts" / "more.txt").write_text("more\n")
    with pytest.raises(RefusedError) as caught:
        countersign(bench.store, REVIEWER, str(folder), Opinion(), clock=bench.clock)
    assert caught.value.code is Code.PACKET_NOT_RECORDED


def test_a_map_that_cannot_be_read_is_unknown(reviewed):
    """It is no sign that nothing blocks: BLOCKERS_UNKNOWN at the command line."""
    bench, sealed = reviewed
    assert list_blockers(bench.store).open == 1
    for name in list(bench.store.refs.list(PREFIX)):
        bench.store.refs.delete(name, old=bench.store.refs.read(name))
    found = list_blockers(bench.store)
    assert found.blockers == ()
    assert [packet for packet, _ in found.unknown] == [sealed.statement.packet_id]
    assert Code.PACKET_MISSING.name in found.unknown[0][1]
    assert Code.BLOCKERS_UNKNOWN.giver


# --- Rego


@pytest.fixture(params=["opa", "regopy"])
def evaluator(request, monkeypatch):
    """Each evaluator that is installed, by itself."""
    if request.param == "opa":
        if rego.shutil.which("opa") is None:
            pytest.skip("opa is not installed")
    else:
        pytest.importorskip("regopy", reason="regopy is not installed")
        monkeypatch.setattr(rego.shutil, "which", lambda _: None)
    return request.param


def by_rego(module: bytes, **change: object):
    policy = LoadedPolicy(Path("policy.rego"), module)
    return policy.decide(replace(FACTS, **change)).effect


@pytest.mark.usefixtures("evaluator")
def test_rego_says_yes_only_by_true():
    """True is yes; false, undefined, a text, a number and an object are no."""
    assert by_rego(ALLOW) is Effect.ALLOW
    assert by_rego(ALLOW, reviews=()) is Effect.DENY
    assert by_rego(ALLOW, content={"repository": "beta/x"}) is Effect.DENY
    for value in ("false", '"true"', "1", '{"a": true}', "[true]"):
        module = f"package greenlight\n\nimport rego.v1\n\nallow := {value}\n".encode()
        assert by_rego(module) is Effect.DENY, value
    assert by_rego(b"package other\n\nallow := true\n") is Effect.DENY


@pytest.mark.usefixtures("evaluator")
def test_rego_that_does_not_parse():
    """POLICY_MALFORMED: neither yes nor no."""
    with pytest.raises(MalformedError) as caught:
        by_rego(b"package greenlight\n\nallow := {{{\n")
    assert caught.value.code is Code.POLICY_MALFORMED


def test_no_evaluator(monkeypatch):
    """TOOL_MISSING, and what could be installed."""
    monkeypatch.setattr(rego.shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "regopy", None)
    with pytest.raises(StoreError) as caught:
        by_rego(ALLOW)
    assert caught.value.code is Code.TOOL_MISSING


def test_an_opa_that_lies(monkeypatch, tmp_path):
    """Anything but one exact true is no, or malformed; a hang is ended."""
    for printed, effect in (
        ('{"result": [{"expressions": [{"value": true}]}]}', Effect.ALLOW),
        ('{"result": [{"expressions": [{"value": 1}]}]}', Effect.DENY),
        ('{"result": [{"expressions": [{"value": true}, {"value": true}]}]}', Effect.DENY),
        ("{}", Effect.DENY),
        ("[]", Effect.DENY),
        ("not JSON", None),
    ):
        opa = tmp_path / "opa"
        opa.write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '%s' '{printed}'\n")
        opa.chmod(0o755)
        monkeypatch.setattr(rego.shutil, "which", lambda _, opa=opa: str(opa))
        if effect is None:
            with pytest.raises(MalformedError):
                by_rego(ALLOW)
        else:
            assert by_rego(ALLOW) is effect
    opa.write_text("#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(rego, "TIMEOUT", 0.2)
    with pytest.raises(MalformedError):
        by_rego(ALLOW)
