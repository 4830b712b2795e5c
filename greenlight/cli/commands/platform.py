"""``greenlight platform check``: whether production may run on this host."""

from __future__ import annotations

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.values import Values
from greenlight.execution.host import platform_of_host
from greenlight.model.platform import LINUX_ONLY
from greenlight.verify.platform import check_platform

_JAMMY = "Ubuntu 22.04"


def check(arguments: Values) -> Answer:  # noqa: ARG001 - it has only the common options
    """Hold this host against the platform policy."""
    policy, host = LINUX_ONLY, platform_of_host()
    findings = check_platform(host, policy)
    data = {
        "allowed": not findings,
        "system": host.system,
        "kernel": host.release,
        "machine": host.machine,
        "distribution": host.distribution,
        "policy": {"systems": list(policy.systems), "min_kernel": str(policy.kernel)},
        "findings": [finding.to_dict() for finding in findings],
    }
    wanted = f"{' or '.join(policy.systems)}, of Linux with kernel {policy.kernel} or later"
    named = f", {host.distribution}" if host.distribution else ""
    lines = [
        f"{'NOT ALLOWED' if findings else 'ALLOWED'}  {host.system} {host.release}{named}",
        f"  policy  {wanted}",
    ]
    if not findings:
        return Answer(data, tuple(lines))
    hint = "docs/PLATFORM_POLICY.md says what to do, and what another platform would take"
    if host.distribution.startswith(_JAMMY):
        hint = "Ubuntu 22.04 comes with 5.15: take its HWE kernel (linux-generic-hwe-22.04)"
    fault = Fault(findings[0].code, str(findings[0]), hint)
    return Answer(data, tuple(lines), exit=Exit.PLATFORM, fault=fault)
