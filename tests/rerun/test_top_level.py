"""The RERUN.sh at the top: its environment, made once, by one at a time, from locked requirements.

The project set up here is a stand-in that needs no package index; `.ci/run` sets up the real one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rerun.conftest import call
from tests.tools import need

ROOT = Path(__file__).parents[2]
PATH = f"{sys.base_prefix}/bin:/usr/bin:/bin"
PYPROJECT = """
[project]
name = "stand-in"
version = "1"
[build-system]
requires = []
build-backend = "back_end"
backend-path = ["."]
"""
BACK_END = '''
import zipfile

def build_editable(folder, settings=None, metadata=None):
    """Write the smallest wheel there is, and count the call."""
    with open("built", "a") as built:
        built.write("x")
    info = "stand_in-1.dist-info"
    with zipfile.ZipFile(f"{folder}/stand_in-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: stand-in\\nVersion: 1\\n")
        words = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", words)
        wheel.writestr(f"{info}/RECORD", "")
    return "stand_in-1-py3-none-any.whl"
'''
MAIN_JOB = """
import os, sys
print("main job", sys.argv[1:], os.path.basename(os.getcwd()), "HOME" in os.environ, sys.prefix)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with a space in its path, a back end of its own, and nothing to download."""
    root = tmp_path / "a checkout"
    for name, text in {
        "RERUN.sh": (ROOT / "RERUN.sh").read_text(),
        "pyproject.toml": PYPROJECT,
        "back_end.py": BACK_END,
        "tools/main_job.py": MAIN_JOB,
        "requirements/build.txt": "",
        "requirements/runtime.txt": "",
        "requirements/dev.txt": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def start(project: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """Start it with PATH and no index to reach."""
    return subprocess.Popen(
        ["/bin/sh", str(project / "RERUN.sh"), *arguments],
        env={"PATH": PATH, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"} | env,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run it to its end."""
    process = start(project, *arguments, **env)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_two_at_once_then_never_again(project: Path) -> None:
    """Two first runs make one environment, without HOME; a third has nothing to do."""
    need("git")
    both = [start(project), start(project)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out == f"main job [] a checkout True {project / '.venv'}\n"
    assert (project / "built").read_text() == "x"
    assert run(project)[2] == ""


def test_a_set_up_that_was_cut_off_is_made_anew(project: Path) -> None:
    """Half an environment is never used, and a change of what is locked is installed."""
    need("git")
    assert run(project, "setup")[0] == 0
    (project / ".venv/.greenlight").write_text("incomplete\n")
    (project / ".venv/left-over").touch()
    assert run(project, "setup")[0] == 0
    assert not (project / ".venv/left-over").exists()
    (project / "requirements/runtime.txt").write_text("# another lock\n")
    (project / ".venv/kept").touch()
    assert run(project, "setup")[0] == 0
    assert (project / ".venv/kept").exists()
    assert (project / "built").read_text() == "xxx"


def test_what_cannot_be_installed_is_one_clear_error(project: Path) -> None:
    """Without an index: what to do, and where all of pip's words are."""
    need("git")
    (project / "requirements/runtime.txt").write_text(f"nothing==1 --hash=sha256:{'0' * 64}\n")
    code, _, err = run(project)
    assert code == 69
    assert "RERUN.sh: error: could not install runtime requirements" in err
    assert "PIP_INDEX_URL" in err.splitlines()[-1]
    assert (project / ".venv.log").read_text()


def test_somebody_elses_environment_is_not_removed(project: Path) -> None:
    """A .venv that this script did not make stays."""
    need("git")
    (project / ".venv").mkdir()
    (project / ".venv/precious").touch()
    code, _, err = run(project)
    assert code == 69
    assert "move it away" in err
    assert (project / ".venv/precious").exists()


@pytest.mark.parametrize(
    ("has", "words"),
    [((), "no git"), (("git",), "no Python 3.11"), (("git", "python3"), "no venv")],
)
def test_what_is_missing_is_named(
    has: tuple[str, ...], words: str, project: Path, tmp_path: Path
) -> None:
    """Each prerequisite has its own line and a hint."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "cat", "cksum", "dirname", "sed", "tail", "mkdir", "mv", "rm"):
        (folder / tool).symlink_to(need(tool))
    for tool in has:
        # A Python of which only the version check succeeds: as Debian's without python3-venv.
        (folder / tool).write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\n')
        (folder / tool).chmod(0o755)
    code, out, err = run(project, PATH=str(folder))
    assert (code, out) == (69, "")
    assert words in err
    assert "RERUN.sh: hint: " in err


@pytest.mark.parametrize("arguments", [["frobnicate"], ["setup", "everything"], ["-x"]])
def test_a_wrong_argument_exits_64(arguments: list[str]) -> None:
    """Nothing is set up for a command line that is wrong."""
    verdict = call(["/bin/sh", str(ROOT / "RERUN.sh"), *arguments])
    assert (verdict.exit, verdict.lines) == (64, [])
    assert verdict.errors.startswith("RERUN.sh: error: ")


def test_help_is_the_head_of_the_script() -> None:
    """--help needs no environment."""
    verdict = call(["/bin/sh", str(ROOT / "RERUN.sh"), "--help"])
    assert verdict.exit == 0
    assert verdict.lines[0].startswith("./RERUN.sh ")
    assert verdict.lines[-1].startswith("To check one packet without greenlight")


def test_shellcheck_has_nothing_to_say_here() -> None:
    """Plain POSIX sh."""
    done = subprocess.run(
        [need("shellcheck"), "-s", "sh", str(ROOT / "RERUN.sh")], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
