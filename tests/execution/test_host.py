"""Facts about the host explain a difference and name nobody."""

from __future__ import annotations

import getpass
import os
import platform
import sqlite3
from dataclasses import astuple

import pytest

from greenlight import __version__
from greenlight.execution import host
from greenlight.execution.host import facts
from tests.tools import need


def test_the_facts_are_those_of_this_host():
    """As uname, python and sqlite say."""
    found = facts()
    assert (found.system, found.kernel_release) == (os.uname().sysname, os.uname().release)
    assert found.machine == os.uname().machine
    assert found.python_version == platform.python_version()
    assert found.python_implementation == platform.python_implementation()
    assert (found.greenlight_version, found.sqlite_version) == (__version__, sqlite3.sqlite_version)


def test_git_is_the_one_that_steps_find():
    """Its number, and nothing that a locale or a vendor adds."""
    need("git")
    assert facts().git_version.split(".")[0].isdigit()


def test_nothing_personal_is_among_the_facts():
    """No host name, no user name, no path."""
    text = " ".join(astuple(facts()))
    # A container may be called after its kernel: only the exact word counts.
    assert os.uname().nodename not in text.split()
    assert getpass.getuser() not in text.split()
    assert "/" not in text


@pytest.mark.parametrize("path", ["/nowhere", "{fake}"])
def test_a_git_that_is_absent_or_broken_is_the_empty_text(
    tmp_path, monkeypatch: pytest.MonkeyPatch, path: str
):
    """What cannot be found out is not guessed."""
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\necho git version 1.0\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(host, "DEFAULT_ENVIRONMENT", {"PATH": path.format(fake=tmp_path)})
    assert facts().git_version == ""
