"""Facts about the host for ``environment.json``: what explains a difference, nothing personal.

No host name, no user name, no path of the machine; nothing that a locale changes.
What cannot be found out is the empty text, never a guess.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight import __version__
from greenlight.execution.steps import DEFAULT_ENVIRONMENT
from greenlight.model.platform import Platform

_GIT_SECONDS: Final = 10  # it takes 2 ms; a broken one must not stop a run
_OS_RELEASE: Final = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
_MAX_OS_RELEASE_BYTES: Final = 64 * 1024
_GIT_VERSION: Final = re.compile(rb"git version ([0-9][0-9A-Za-z.-]{0,63})")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a run ran on.

    Attributes:
        system: Name of the operating system, as ``uname -s``.
        kernel_release: As ``uname -r``.
        machine: As ``uname -m``.
        python_implementation: As ``CPython``.
        python_version: As ``3.11.7``.
        git_version: Of the ``git`` that steps find; empty where there is none.
        greenlight_version: Of this package.
        sqlite_version: Of the library that Python is linked with.
    """

    system: str
    kernel_release: str
    machine: str
    python_implementation: str
    python_version: str
    git_version: str
    greenlight_version: str
    sqlite_version: str


def facts() -> HostFacts:
    """Return the facts about this host."""
    uname = os.uname()
    return HostFacts(
        system=uname.sysname,
        kernel_release=uname.release,
        machine=uname.machine,
        python_implementation=platform.python_implementation(),
        python_version=".".join(map(str, sys.version_info[:3])),
        git_version=_git_version(),
        greenlight_version=__version__,
        sqlite_version=sqlite3.sqlite_version,
    )


def platform_of_host() -> Platform:
    """Return what a platform policy asks about this host."""
    uname = os.uname()
    return Platform(uname.sysname, uname.release, uname.machine, _distribution())


def _distribution() -> str:
    """Return PRETTY_NAME of os-release(5): for people, who know their kernel by it."""
    for path in _OS_RELEASE:
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_OS_RELEASE_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name == "PRETTY_NAME":
                return value.strip().strip("\"'")
    return ""


def _git_version() -> str:
    try:
        result = subprocess.run(
            ("git", "--version"),  # noqa: S607 - the git on the path that steps get
            env=dict(DEFAULT_ENVIRONMENT),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # Apple's git goes on after the number.
    found = _GIT_VERSION.match(result.stdout)
    return found[1].decode("ascii") if found and result.returncode == 0 else ""
