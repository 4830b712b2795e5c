"""``python -m tests.faults [--tenth]``: the whole of the fault suites; prints the table.

Root is needed for the power cuts.  The whole takes hours, a tenth of it minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults import cuts
from tests.faults.table import (
    HEAD,
    TENTH,
    WHOLE,
    Row,
    Size,
    broken_acts,
    cut_off,
    raced,
    raced_by_clones,
    written,
)


def rows(folder: Path, size: Size) -> Iterator[Row]:
    """Yield the rows as they are made."""
    yield raced(folder, size)
    yield raced_by_clones(folder, size)
    yield written(folder, size)
    if cuts.why_not():
        sys.stderr.write(f"no power cuts: {cuts.why_not()}\n")
    else:
        yield cut_off(folder, size)
    yield from broken_acts(folder, size)


def main() -> int:
    """Print the table; exit 1 where a row fails."""
    size = TENTH if "--tenth" in sys.argv[1:] else WHOLE
    failed = False
    sys.stdout.write(HEAD + "\n")
    with tempfile.TemporaryDirectory(prefix="greenlight-faults-") as folder:
        for row in rows(Path(folder), size):
            sys.stdout.write(f"{row.line}\n")
            sys.stdout.flush()
            for failure in row.failures[:20]:
                sys.stderr.write(f"  {row.suite}: {failure}\n")
            failed |= bool(row.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
