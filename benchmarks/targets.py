"""What the ratios are to be at most, by workload, job and peer."""

from __future__ import annotations

from typing import Final

AS_FAST: Final = 1.0
_GIT: Final = "git add && git commit -S, each"
_FSCK: Final = "git fsck && verify-commit, each"
_BAGIT: Final = "bagit.py --validate, 2 processes"

TARGETS: Final = {
    ("w1", "seal", "in-toto-run"): AS_FAST,
    ("w1", "verify", "in-toto-verify"): AS_FAST,
    ("w2", "seal", _GIT): 0.35,
    ("w2", "verify", _FSCK): 0.7,
    ("w2", "verify", "sha256sum -c"): AS_FAST,
    ("w3", "seal", _GIT): 0.2,
    ("w3", "seal", "sha256sum"): AS_FAST,
    ("w3", "verify", _FSCK): 0.3,
    ("w3", "verify", "sha256sum -c"): 0.5,
    ("w4", "seal", _GIT): 0.1,
    ("w4", "verify", _FSCK): 0.2,
    ("w4", "verify", _BAGIT): 0.2,
    # Linear in W4, of which W5 is ten; what does not hang on the store's size costs the same,
    # within a tenth that a machine's noise is allowed.
    ("w5", "seal", "1000 packets, in one call"): 10.0,
    ("w5", "verify", "1000 packets"): 10.0,
    ("w5", "seal", "the first"): 1.1,
    ("w5", "find", "in a store of 10"): 1.1,
    ("w5", "verify", "all, not only the new 100"): 0.02,
}
MAX_MIB: Final = {"w3": 150, "w5": 256}  # of the largest process
