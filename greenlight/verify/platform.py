"""Whether a host is one that the platform policy allows (docs/PLATFORM_POLICY.md)."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.platform import Kernel, Platform, PlatformPolicy

_LINUX = "Linux"


def check_platform(host: Platform, policy: PlatformPolicy) -> tuple[Finding, ...]:
    """Return what forbids this host; nothing where the policy allows it."""
    if host.system not in policy.systems:
        allowed = " or ".join(policy.systems)
        return (Finding(Code.PLATFORM_SYSTEM, "uname -s", allowed, host.system or "nothing"),)
    if host.system != _LINUX:
        return ()  # the policy's kernel is one of Linux
    kernel = Kernel.of_release(host.release)
    if kernel is None or kernel < policy.kernel:
        expected = f"{policy.kernel} or later"
        return (Finding(Code.PLATFORM_KERNEL, "uname -r", expected, host.release or "nothing"),)
    return ()
