"""Load the changed module for itself, and check what the change promises."""

import hashlib
import sys

sys.path.insert(0, "base")

from greenlight.primitives.digest import SALT_BYTES, Digest, salted

salt = bytes(range(SALT_BYTES))
assert salted(salt, b"data") == Digest("sha256", hashlib.sha256(salt + b"data").digest())
assert salted(bytes(SALT_BYTES), b"data") != salted(salt, b"data")
assert str(Digest.of(b"")).startswith("sha256:e3b0c442")
print("salted digests are what they must be")
