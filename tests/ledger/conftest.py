"""Stores of both object formats, and git as it runs for nobody in particular."""

from __future__ import annotations

import os
import subprocess

import pytest

from greenlight.store.repository import create_store
from tests.tools import need


@pytest.fixture(params=["sha1", "sha256"])
def store(request, tmp_path):
    with create_store(tmp_path / "store.git", object_format=request.param) as made:
        yield made


@pytest.fixture
def git():
    """Run git without the settings of this machine; return its standard output."""
    program = need("git")

    def run(*arguments, cwd, data=None, check=True):
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "T",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "T",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }
        done = subprocess.run(
            [program, *arguments], cwd=cwd, env=env, input=data, capture_output=True, check=False
        )
        if check:
            assert done.returncode == 0, done.stderr.decode()
            return done.stdout
        return done

    return run
