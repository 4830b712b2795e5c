"""Signing by ssh-agent: OpenSSH's own, and agents that lie, stall or hang up."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.execution.forked import fork_map
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.hybrid import half_of
from greenlight.primitives.mldsa import MldsaSigner
from greenlight.primitives.mldsa_file import format_half_private
from greenlight.primitives.openssh import format_public, format_public_blob, pack_string
from greenlight.primitives.openssh_private import format_private
from greenlight.services import agent as agents
from greenlight.services.agent import MAX_MESSAGE_BYTES, Agent, only_key
from greenlight.services.keys import load_key
from tests.tools import need

SIGNER = SeedSigner(bytes(range(32)))
OTHER = SeedSigner(bytes(32))
WORD = b"correct horse"


@contextmanager
def openssh(folder, *keys):
    """Run OpenSSH's agent with these keys in it."""
    path = folder / "agent.sock"
    with subprocess.Popen(
        [need("ssh-agent"), "-D", "-a", str(path)], stdout=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 10
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            env = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(path)}
            for number, key in enumerate(keys):
                file = folder / f"key-{number}"
                file.write_bytes(key)
                file.chmod(0o600)
                add = [need("ssh-add"), "-q", str(file)]
                subprocess.run(add, env=env, check=True, stdin=subprocess.DEVNULL)
            yield Agent(path)
        finally:
            process.terminate()


def test_openssh_agent_signs(tmp_path):
    """What it signs is what the key file would have signed: Ed25519 has one signature."""
    with openssh(tmp_path, format_private(SIGNER.seed)) as agent:
        assert agent.keys() == [SIGNER.public]
        signer = agent.signer(SIGNER.public)
        for message in (b"", b"statement", bytes(100_000)):
            assert signer.sign(message) == SIGNER.sign(message)


def test_several_keys(tmp_path):
    """One key is taken, of several one must be named, and one that is not there is refused."""
    with openssh(tmp_path, format_private(SIGNER.seed), format_private(OTHER.seed)) as agent:
        with pytest.raises(StoreError) as caught:
            only_key(agent)
        assert caught.value.code is Code.KEY_MISSING
        assert "holds 2" in str(caught.value)
        assert agent.signer(OTHER.public).public == OTHER.public
        with pytest.raises(StoreError) as caught:
            agent.signer(SeedSigner(b"x" * 32).public)
        assert caught.value.code is Code.KEY_AGENT


def test_other_kinds_of_keys_are_passed_over(tmp_path):
    ecdsa = tmp_path / "ecdsa"
    keygen = [need("ssh-keygen"), "-q", "-t", "ecdsa", "-N", "", "-f", str(ecdsa)]
    subprocess.run(keygen, check=True)
    with openssh(tmp_path, ecdsa.read_bytes(), format_private(SIGNER.seed)) as agent:
        assert only_key(agent) == SIGNER.public


def test_public_file_names_the_key(tmp_path):
    file = tmp_path / "key.pub"
    file.write_text(format_public(SIGNER.public, "me@example.org") + "\n")
    with openssh(tmp_path, format_private(OTHER.seed), format_private(SIGNER.seed)) as agent:
        assert load_key(file, pytest.fail, agent).public == SIGNER.public
    with pytest.raises(StoreError) as caught:
        load_key(file, pytest.fail)
    assert caught.value.code is Code.KEY_AGENT


def test_nobody_is_asked_for_a_key_in_the_agent(tmp_path):
    """A key with a passphrase that the agent holds is used there; else the passphrase counts."""
    locked = tmp_path / "locked"
    locked.write_bytes(format_private(SIGNER.seed, WORD))
    with openssh(tmp_path, format_private(SIGNER.seed)) as agent:
        assert load_key(locked, pytest.fail, agent).sign(b"x") == SIGNER.sign(b"x")
    with openssh(tmp_path, format_private(OTHER.seed)) as agent:
        asked = []
        assert load_key(locked, lambda _: asked.append(1) or WORD, agent) == SIGNER
        assert asked == [1]
        with pytest.raises(MalformedError) as caught:
            load_key(locked, lambda _: None, agent)
    assert caught.value.code is Code.KEY_PASSPHRASE


def test_the_other_half_is_a_file_beside_a_key_in_the_agent(tmp_path):
    """The agent signs by Ed25519; the post-quantum half is asked for when it is wanted."""
    seed = bytes(range(32))
    for file in (tmp_path / "key.pub", tmp_path / "key"):
        file.write_text(format_public(SIGNER.public) + "\n")
    (tmp_path / "key.mldsa44").write_bytes(format_half_private(seed, WORD))
    asked = []
    with openssh(tmp_path, format_private(SIGNER.seed)) as agent:
        for file in (tmp_path / "key.pub", tmp_path / "key"):
            signer = load_key(file, lambda path: asked.append(path.name) or WORD, agent)
            assert signer.sign(b"x") == SIGNER.sign(b"x")
            assert asked == []
            half = half_of(signer)
            assert half.public == MldsaSigner(seed).public
            assert all(half.public.verify(half.sign(text), text) for text in (b"x", b"y"))
            assert asked == ["key.mldsa44"]
            asked.clear()


def test_workers_sign(tmp_path):
    """Processes that were forked sign by the agent, at the same time."""
    with openssh(tmp_path, format_private(SIGNER.seed)) as agent:
        signer = agent.signer(SIGNER.public)

        def work(message):
            return signer.sign(message)

        messages = [b"%d" % number for number in range(40)]
        assert list(fork_map(work, messages)) == [SIGNER.sign(message) for message in messages]


# --- agents that do not serve


@contextmanager
def lying(folder, answer):
    """Answer every request with the bytes that ``answer`` returns; None hangs up."""
    path = Path(folder) / "lying.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        (length,) = struct.unpack(">I", connection.recv(4))
                        request = connection.recv(length)
                        said = answer(request)
                        if said is not None:
                            connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Agent(path)
        listening.shutdown(socket.SHUT_RDWR)


def message(kind, body):
    return struct.pack(">I", len(body) + 1) + bytes([kind]) + body


def signed(signature, kind=b"ssh-ed25519"):
    return message(14, pack_string(pack_string(kind) + pack_string(signature)))


BLOB = format_public_blob(SIGNER.public)
LISTED = struct.pack(">I", 1) + pack_string(BLOB) + pack_string(b"me")
WRONG = [
    (None, "it hung up"),
    (b"\0\0", "it hung up"),
    (b"\0\0\0\0", "0 bytes"),
    (struct.pack(">I", MAX_MESSAGE_BYTES + 1), f"{MAX_MESSAGE_BYTES + 1} bytes"),
    (message(5, b""), "it refused"),
    (message(12, b""), "message 12"),
    (message(14, b""), "its signature is not one"),
    (message(14, pack_string(b"ssh")), "its signature is not one"),
    (signed(SIGNER.sign(b"x"), b"ssh-rsa"), "not one of Ed25519"),
    (signed(SIGNER.sign(b"x")) + b"", ""),
    (signed(SIGNER.sign(b"x")[:-1]), "not one by that key"),
    (signed(OTHER.sign(b"x")), "not one by that key"),
    (signed(SIGNER.sign(b"y")), "not one by that key"),
    (message(14, pack_string(pack_string(b"ssh-ed25519") + pack_string(b"")) + b"z"), "not one"),
]


@pytest.mark.parametrize(("answer", "said"), WRONG)
def test_lying_agent(tmp_path, answer, said):
    """Whatever is not a signature by that key over that message is refused, and says why."""
    with lying(tmp_path, lambda _: answer) as agent:
        if not said:
            assert agent.sign(SIGNER.public, b"x") == SIGNER.sign(b"x")
            return
        with pytest.raises(StoreError) as caught:
            agent.sign(SIGNER.public, b"x")
    assert caught.value.code is Code.KEY_AGENT
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "listed",
    [b"", b"\0\0\0\2" + LISTED[4:], LISTED + b"x", LISTED[:-1], b"\xff\xff\xff\xff" + LISTED[4:]],
)
def test_lying_list(tmp_path, listed):
    with (
        lying(tmp_path, lambda _: message(12, listed)) as agent,
        pytest.raises(StoreError) as caught,
    ):
        agent.keys()
    assert caught.value.code is Code.KEY_AGENT


def test_stalling_agent(tmp_path, monkeypatch):
    monkeypatch.setattr(agents, "SECONDS", 0.05)
    with lying(tmp_path, lambda _: time.sleep(0.5)) as agent, pytest.raises(StoreError) as caught:
        agent.keys()
    assert caught.value.code is Code.KEY_AGENT
    assert "no answer within" in str(caught.value)


def test_no_agent_there(tmp_path):
    with pytest.raises(StoreError) as caught:
        Agent(tmp_path / "none").keys()
    assert caught.value.code is Code.KEY_AGENT
    with pytest.raises(StoreError):
        Agent(Path("/" + "x" * 200)).keys()


def test_too_long_to_ask(tmp_path):
    with lying(tmp_path, lambda _: None) as agent, pytest.raises(StoreError) as caught:
        agent.sign(SIGNER.public, bytes(MAX_MESSAGE_BYTES))
    assert "more than an agent takes" in str(caught.value)
