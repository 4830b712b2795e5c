"""The rule of ``trust.root``: each version follows the one before."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.trust import TrustRoot
from greenlight.verify.rules.placing import Placing, VoidError


def trust_root(placing: Placing, body: TrustRoot) -> None:
    """Put the next version of the trust root in force.

    Raises:
        VoidError: It does not follow the one before.
    """
    before = placing.state.trust
    if before is not None and before.threshold != 1:
        # One entry carries one signature; to count this as enough would be worse.
        raise VoidError(Code.TRUST_REFUSED, f"the threshold of {before.threshold} is not met")
    if before is not None and body.version != before.version + 1:
        raise VoidError(Code.TRUST_REFUSED, f"version {before.version} is not followed by this one")
    if placing.index != 0 and before is None:
        raise VoidError(Code.TRUST_REFUSED, "record 0 is no trust root, and nothing else can be")
    placing.take()
    placing.state.trust = body
