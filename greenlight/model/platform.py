"""Where production may run: the platform policy of 000, and what a host is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError

_RELEASE: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})(?:[^0-9].*)?")
_KERNEL: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})")


@dataclass(frozen=True, slots=True, order=True)
class Kernel:
    """Major and minor number of a kernel: what a policy compares."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Kernel:
        """Read what a policy says, as ``6.1``.

        Raises:
            MalformedError: It is no such number.
        """
        found = _KERNEL.fullmatch(text)
        if found is None:
            raise MalformedError(Code.MALFORMED, "a kernel is two numbers, as 6.1")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_release(cls, release: str) -> Kernel | None:
        """Read what ``uname -r`` says, as ``6.8.0-41-generic``; None where that is no number."""
        found = _RELEASE.fullmatch(release)
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class PlatformPolicy:
    """What a host must be.

    Attributes:
        systems: Names of operating systems, as ``uname -s``; any of them will do.
        kernel: The oldest kernel of Linux.
    """

    systems: tuple[str, ...] = ("Linux",)
    kernel: Kernel = Kernel(6, 1)


LINUX_ONLY: Final = PlatformPolicy()  # source 000, docs/PLATFORM_POLICY.md


@dataclass(frozen=True, slots=True)
class Platform:
    """What a host is.

    Attributes:
        system: As ``uname -s``.
        release: As ``uname -r``.
        machine: As ``uname -m``.
        distribution: PRETTY_NAME of ``/etc/os-release``; empty where there is none.
    """

    system: str
    release: str
    machine: str
    distribution: str = ""
