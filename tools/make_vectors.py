"""Make tests/vectors: ``python tools/make_vectors.py [--check]``.

One good packet is made for real, and one thing broken in it for each code that
verification gives.  With ``--check`` nothing is written, and the exit code is 1 where a
vector is not exactly what comes out.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a plain script, also where nothing is installed

from tools.generated import bring_up_to_date  # noqa: E402 - after the path is set, as all below
from tools.vectors import (  # noqa: E402
    baseline,
    kit,
    ledger,
    packet_bytes,
    packet_documents,
    packet_recorded,
    stores,
    trust,
)
from tools.vectors.kit import VECTORS  # noqa: E402

FOLDER = ROOT / "tests" / "vectors"
AREAS = ("baseline", "ledger", "packet", "store")  # every vector in them is made here
# Each fills the table as it loads.
BREAKS = (packet_bytes, packet_documents, packet_recorded, stores)


def wanted() -> dict[Path, bytes]:
    """Return every file of every vector.

    Raises:
        ValueError: Two vectors have one name.
    """
    table = [*VECTORS, *kit.goods(), *stores.goods()]
    names = [(vector.area, vector.name) for vector in table]
    if len(set(names)) != len(names):
        raise ValueError(f"two vectors of one name: {sorted(names)}")
    made = {(vector.area, vector.name): vector.make() for vector in table}
    chains = ledger.make() | trust.chains()
    made |= {("ledger", name): files for name, files in chains.items()}
    made |= {("baseline", name): files for name, files in baseline.make().items()}
    return {
        FOLDER / area / name / path: data
        for (area, name), files in made.items()
        for path, data in files.items()
    }


def present() -> list[Path]:
    """Return the files that are there now; README.md and the lanes are written by hand."""
    return [path for area in AREAS for path in (FOLDER / area).rglob("*") if path.is_file()]


if __name__ == "__main__":
    sys.exit(bring_up_to_date(wanted(), present(), check="--check" in sys.argv[1:]))
