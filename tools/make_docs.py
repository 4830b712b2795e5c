"""Write the pages that are made from code: ``python tools/make_docs.py [--check]``.

A page in ``tools/templates/`` is written by hand; ``{{name}}`` in it stands for a part
that is made here.  With ``--check`` nothing is written, and the exit code is 1 where a
page under ``docs/`` is not exactly what comes out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a plain script, also where nothing is installed

import doc_codes  # noqa: E402 - after the path is set, as all below
import doc_types  # noqa: E402
from generated import bring_up_to_date  # noqa: E402

from greenlight.errors import MalformedError  # noqa: E402
from greenlight.model.codec import kind_of  # noqa: E402
from greenlight.model.documents import DOCUMENTS  # noqa: E402
from greenlight.model.lane_file import parse_lane, with_lines  # noqa: E402
from greenlight.verify import lane, packet, rollback, seal  # noqa: E402

TEMPLATES = ROOT / "tools" / "templates"
DOCUMENTS_FOLDER = ROOT / "docs" / "spec" / "documents"
_EXAMPLE_LANE = ROOT / "lanes" / "hello" / "lane.yaml"
# The packet that examples are taken from: the lane of source 001.
_EXAMPLE_PACKETS = "fix7-p0*/packet"


def pages() -> dict[Path, bytes]:
    """Return what each generated page must hold."""
    found = sorted((ROOT / "packets").glob(_EXAMPLE_PACKETS))
    example = found[0] if found else None
    made = {
        DOCUMENTS_FOLDER / f"{kind_of(cls)}.md": doc_types.document_page(cls, example)
        + VERIFICATION.get(kind_of(cls), "")
        for cls in DOCUMENTS
    }
    for template in sorted(TEMPLATES.rglob("*.md")):
        made[ROOT / "docs" / template.relative_to(TEMPLATES)] = fill(
            template.read_text(encoding="utf-8")
        )
    return {path: text.encode("utf-8") for path, text in made.items()}


def fill(text: str) -> str:
    """Put the made parts into a template.

    Raises:
        KeyError: A part that nobody makes.
    """
    return re.sub(r"\{\{([^}]+)\}\}", lambda match: part(match[1]), text)


def part(name: str) -> str:
    """Return one made part; ``mistake: OLD => NEW`` is what a mistake in the example says."""
    kind, _, rest = name.partition(": ")
    if kind == "mistake":
        old, _, new = rest.partition(" => ")
        return mistake(old, new)
    return PARTS[name]()


def mistake(old: str, new: str) -> str:
    """Break the smallest lane in one place and return what greenlight says.

    Raises:
        ValueError: The place is not in the lane, or the lane is not broken by it.
    """
    data = _EXAMPLE_LANE.read_bytes()
    broken = data.replace(old.encode(), new.encode().replace(b"\\n", b"\n"), 1)
    if broken == data:
        raise ValueError(f"{old!r} is not in {_EXAMPLE_LANE}")
    try:
        found = with_lines(broken, lane.check_lane(parse_lane(broken)))
    except MalformedError as error:
        return f"{error.code}: {error}"
    if not found:
        raise ValueError(f"{new!r} is no mistake")
    return "\n".join(f"{f.label}: {f.where}: expected {f.expected}, found {f.found}" for f in found)


# What a page of a document says besides, by kind.
VERIFICATION = {
    "rollback-proof": (
        "\n## Verification\n\nFrom `greenlight/verify/rollback.py`, the validator that the gate "
        f"tries:\n\n{doc_codes.steps_of(rollback)}\n"
    )
}
_CODES = ROOT / "greenlight" / "codes.py"
PARTS: dict[str, Callable[[], str]] = {
    "documents": doc_types.documents_table,
    "lane fields": doc_types.lane_fields,
    "smallest lane": lambda: _EXAMPLE_LANE.read_text(encoding="utf-8").rstrip(),
    "lane steps": lambda: doc_codes.steps_of(lane),
    "packet steps": lambda: doc_codes.steps_of(packet),
    "seal steps": lambda: doc_codes.steps_of(seal),
    "codes": lambda: doc_codes.codes_table(_CODES),
    "givers": doc_codes.givers_table,
    "decisions": lambda: doc_codes.decisions_table(ROOT / "docs" / "adr"),
    "exits": doc_codes.exits_table,
    "reserved": doc_codes.reserved_table,
}


def main() -> int:
    """Write or check, as the command line says."""
    present = set(DOCUMENTS_FOLDER.glob("*.md"))
    return bring_up_to_date(pages(), present, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
