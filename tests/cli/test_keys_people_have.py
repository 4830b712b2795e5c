"""Signing keys as people have them: in ssh-agent, behind a passphrase, in a secret of the CI."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.primitives.openssh_private import parse_private
from tests.cli.conftest import World
from tests.services.test_agent import openssh


def without_file(folder: Path) -> dict[str, str]:
    """An environment whose home has no key."""
    (folder / "empty").mkdir(exist_ok=True)
    return {"HOME": str(folder / "empty")}


def test_the_only_key_of_the_agent(broken: World, tmp_path: Path) -> None:
    """With no file anywhere, the agent's one key signs; packets are INTACT as ever."""
    env = without_file(tmp_path)
    with openssh(tmp_path, broken.key.read_bytes()) as agent:
        env["SSH_AUTH_SOCK"] = str(agent.path)
        sealed = broken.ok("seal", broken.evidence, "--json", **env).json
        named = broken.ok("seal", broken.evidence, "--signing-key", f"{broken.key}.pub", **env)
    assert named.out.startswith("SEALED")
    assert broken.ok("verify", sealed["packet_id"]).out.startswith("INTACT")


def test_an_agent_without_the_key(broken: World, tmp_path: Path) -> None:
    env = without_file(tmp_path)
    with openssh(tmp_path) as agent:
        env["SSH_AUTH_SOCK"] = str(agent.path)
        none = broken("seal", broken.evidence, **env)
        named = broken("seal", broken.evidence, "--signing-key", f"{broken.key}.pub", **env)
    assert none.refused(69, "KEY_MISSING")
    assert named.refused(69, "KEY_AGENT")
    gone = broken("seal", broken.evidence, **env)
    assert gone.refused(69, "KEY_AGENT")


@pytest.mark.parametrize("spelled", ["{}", "{}\n\n", "  {}", "{crlf}"])
def test_a_secret_of_the_ci(broken: World, tmp_path: Path, spelled: str) -> None:
    """The key comes by the environment, however its line ends came through; no file is made."""
    text = broken.key.read_text().rstrip("\n")
    secret = spelled.format(text, crlf=text.replace("\n", "\r\n"))
    env = without_file(tmp_path) | {"GREENLIGHT_SIGNING_KEY": secret}
    sealed = broken.ok("seal", broken.evidence, "--json", **env).json
    assert broken.ok("verify", sealed["packet_id"]).out.startswith("INTACT")
    assert not list((tmp_path / "empty").iterdir())


def test_a_secret_that_is_none(broken: World, tmp_path: Path) -> None:
    """What is no key is refused without a word of it; two keys are one too many."""
    env = without_file(tmp_path)
    done = broken("seal", broken.evidence, GREENLIGHT_SIGNING_KEY="hunter2-hunter2", **env)
    assert done.refused(65, "KEY_UNREADABLE")
    assert "$GREENLIGHT_SIGNING_KEY" in done.err
    assert "hunter2" not in done.err + done.out
    both = {"GREENLIGHT_SIGNING_KEY": broken.key.read_text(), "GREENLIGHT_KEY": str(broken.key)}
    assert broken("seal", broken.evidence, **both).refused(64, "USAGE")
    broken.ok("seal", broken.evidence, "--signing-key", broken.key, **both)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_secret_is_hidden_from_others(broken: World) -> None:
    """No step finds the key: not in what it is given, and not in the environment of who signs.

    Linux shows ``/proc/<pid>/environ`` only to root where a process may not be dumped.
    """
    code = (
        "import ctypes\n"
        "from greenlight.cli import surroundings\n"
        "from greenlight.cli.values import Values\n"
        "print(surroundings.signer_of(Values(signing_key=None)).public.uri)\n"
        "assert 'GREENLIGHT_SIGNING_KEY' not in surroundings.variables()\n"
        "PR_GET_DUMPABLE = 3\n"
        "print(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))\n"
    )
    env = broken.environment(GREENLIGHT_SIGNING_KEY=broken.key.read_text())
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    public = parse_private(broken.key.read_bytes(), None).public
    assert said.split() == [public.uri, "0"]


def test_a_passphrase_is_asked_once(broken: World, tmp_path: Path) -> None:
    """Several packets, statements, commits and entries are signed; one question is asked."""
    word = tmp_path / "word"
    word.write_text("correct horse\n")
    env = {"GREENLIGHT_PASSPHRASE_FILE": str(word)}
    broken.ok("keys", "new", tmp_path / "key", "--passphrase", **env)
    store = tmp_path / "s.git"
    broken.ok("init", "--store", store, "--signing-key", tmp_path / "key", **env)
    words = ["--store", str(store), "--signing-key", str(tmp_path / "key")]
    folders = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        folders.append(str(tmp_path / name))
    child, terminal = pty.fork()
    if child == 0:
        command = [sys.executable, "-m", "greenlight", "seal", *folders, *words]
        os.chdir(broken.repo)
        os.execve(sys.executable, command, broken.environment())  # noqa: S606 - ourselves
    shown = b""
    answered = 0
    while True:
        if not select.select([terminal], [], [], 30)[0]:
            break
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if shown.count(b"Passphrase of") > answered:
            answered += 1
            os.write(terminal, b"correct horse\n")
    assert os.waitpid(child, 0)[1] == 0, shown
    assert answered == 1
    assert b"correct horse" not in shown
    assert shown.count(b"SEALED") == 2
