"""The platform policy: Linux with kernel 6.1 or later, and what is not known is not allowed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from greenlight.cli.exit_codes import Exit
from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.execution.host import platform_of_host
from greenlight.model.platform import LINUX_ONLY, Kernel, Platform, PlatformPolicy
from greenlight.verify.platform import check_platform


def found(system, release, policy=LINUX_ONLY):
    return [finding.code for finding in check_platform(Platform(system, release, "x86_64"), policy)]


@pytest.mark.parametrize(
    "release",
    ["6.1", "6.1.0", "6.1.0-18-amd64", "6.10.3", "7.0.1-arch1-1", "6.8.0-41-generic", "10.0+x"],
)
def test_allowed(release):
    """A number is compared as a number: 6.10 is after 6.9."""
    assert found("Linux", release) == []


@pytest.mark.parametrize(
    "release",
    [
        "5.15.0-119-generic",
        "6.0.19",
        "6",
        "",
        "six.one",
        "-6.1",
        "6.1x\n6.9",
        "06.",
        "6.",
        "\u0666.\u0661",
    ],
)
def test_older_or_unreadable(release):
    """What cannot be read as a number is not allowed."""
    assert found("Linux", release) == [Code.PLATFORM_KERNEL]


@pytest.mark.parametrize("system", ["Windows", "Darwin", "linux", "FreeBSD", ""])
def test_other_systems(system):
    """The name is the one of ``uname -s``, letter for letter."""
    assert found(system, "99.0") == [Code.PLATFORM_SYSTEM]


def test_a_policy_of_ones_own():
    """Another system has no kernel of Linux to be compared."""
    policy = PlatformPolicy(("Linux", "Darwin"), Kernel.parse("6.6"))
    assert found("Darwin", "24.1.0", policy) == []
    assert found("Linux", "6.5.9", policy) == [Code.PLATFORM_KERNEL]
    for text in ("6", "6.1.2", "", "6.x", "-1.0"):
        with pytest.raises(MalformedError):
            Kernel.parse(text)


def test_the_command_says_what_uname_says():
    """It exits with 0 or 2, as the policy has it, and python says the same of the system."""
    done = subprocess.run(
        [sys.executable, "-m", "greenlight", "platform", "check", "--json"],
        capture_output=True,
        check=False,
    )
    host = platform_of_host()
    assert (host.system, host.release) == (os.uname().sysname, os.uname().release)
    allowed = not check_platform(host, LINUX_ONLY)
    assert done.returncode == (Exit.OK if allowed else 2)
    assert f'"kernel":"{host.release}"'.encode() in done.stdout.replace(b": ", b":")
