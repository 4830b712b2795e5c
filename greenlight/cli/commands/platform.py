"""``greenlight platform check``: whether production may run on this host."""

from __future__ import annotations

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.project import project_of
from greenlight.cli.values import Values
from greenlight.execution.host import platform_of_host
from greenlight.model.platform import Kernel, PlatformPolicy
from greenlight.verify.platform import check_platform

_JAMMY = "Ubuntu 22.04"


def check(arguments: Values) -> Answer:
    """Hold this host against the platform policy."""
    with project_of(arguments) as project:
        judging = project.judging
    wanted = judging.settings.platform
    policy = PlatformPolicy(wanted.systems, Kernel.parse(wanted.min_kernel))
    host = platform_of_host()
    findings = check_platform(host, policy)
    data = {
        "allowed": not findings,
        "system": host.system,
        "kernel": host.release,
        "machine": host.machine,
        "distribution": host.distribution,
        "policy": {"systems": list(policy.systems), "min_kernel": str(policy.kernel)},
        "judged_by": judging.to_dict(),
        "findings": [finding.to_dict() for finding in findings],
    }
    named = f", {host.distribution}" if host.distribution else ""
    allowed = f"{' or '.join(policy.systems)}, of Linux with kernel {policy.kernel} or later"
    lines = [
        f"{'NOT ALLOWED' if findings else 'ALLOWED'}  {host.system} {host.release}{named}",
        f"  policy  {allowed}",
        f"  judged by {judging.source}",
    ]
    if not findings:
        return Answer(data, tuple(lines))
    hint = "docs/PLATFORM_POLICY.md says what to do, and what another platform would take"
    if host.distribution.startswith(_JAMMY):
        hint = "Ubuntu 22.04 comes with 5.15: take its HWE kernel (linux-generic-hwe-22.04)"
    fault = Fault(findings[0].code, str(findings[0]), hint)
    return Answer(data, tuple(lines), exit=Exit.PLATFORM, fault=fault)
