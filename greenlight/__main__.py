"""``python -m greenlight``: the same as the command ``greenlight``."""

from __future__ import annotations

import sys

from greenlight.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
