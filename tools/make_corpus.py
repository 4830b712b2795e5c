"""Write the hostile corpus: ``python tools/make_corpus.py [--check]``.

Each case is bytes that somebody could send, and the answer that must come.  They are written
in ``tools/corpus`` as Python, so that what is special about them can be read, and kept as data,
so that another parser can be held to them (docs/spec/baseline.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a plain script, also where nothing is installed

from greenlight.primitives import cjson  # noqa: E402 - after the path is set, as all below
from tools.corpus import (  # noqa: E402
    cbor_cases,
    cose_cases,
    json_cases,
    text_cases,
    yaml_cases,
)
from tools.corpus.kit import CASES  # noqa: E402
from tools.generated import bring_up_to_date  # noqa: E402

PATH = ROOT / "greenlight" / "data" / "hostile-corpus.json"
FILLS = (
    json_cases.spellings,
    json_cases.attacks,
    json_cases.excesses,
    cbor_cases.spellings,
    cbor_cases.attacks,
    yaml_cases.attacks,
    cose_cases.attacks,
    text_cases.tokens,
    text_cases.paths,
    text_cases.values,
)


def main() -> int:
    """Write or check, as the command line says."""
    for fill in FILLS:
        fill()
    names = [each["name"] for each in CASES]
    if len(set(names)) != len(names):
        raise ValueError(f"two cases of one name: {sorted(names)}")
    whole = {
        "cases": sorted(CASES, key=lambda each: each["name"]),
        "cose_key": cose_cases.KEY.public.raw.hex(),
        "format": 1,
        "kind": "hostile-corpus",
    }
    return bring_up_to_date({PATH: cjson.encode(whole)}, [], check="--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
