"""Write ``schemas/`` from the types of the model: ``python tools/make_schemas.py [--check]``.

With ``--check`` nothing is written, and the exit code is 1 where a file is not
exactly what the types give, or stands there for no type.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a plain script, also where nothing is installed

from generated import bring_up_to_date  # noqa: E402 - after the path is set

from greenlight.model.schema import SCHEMAS, schema_of  # noqa: E402 - likewise
from greenlight.primitives import cjson  # noqa: E402 - likewise


def pages() -> dict[Path, bytes]:
    """Return what each file of ``schemas/`` must hold."""
    folder = ROOT / "schemas"
    return {
        folder / f"{name}.schema.json": cjson.encode(schema_of(cls))
        for name, cls in SCHEMAS.items()
    }


def main() -> int:
    """Write or check, as the command line says."""
    present = set((ROOT / "schemas").glob("*.schema.json"))
    return bring_up_to_date(pages(), present, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
