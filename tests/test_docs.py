"""Pages that are made from code are current, links lead somewhere, decisions are complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.cli.exit_codes import RESERVED, Exit
from greenlight.codes import Code
from greenlight.model.codec import kind_of
from greenlight.model.documents import DOCUMENTS
from greenlight.model.lane_file import parse_lane
from greenlight.verify.lane import check_lane

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*/README.md")), *sorted(ROOT.glob("*.md"))]


@pytest.mark.parametrize("script", ["make_docs.py", "make_schemas.py"])
def test_what_is_made_from_code_is_current(script: str) -> None:
    """Nobody edits it by hand, and nobody forgets to make it again: `make fix`."""
    command = [sys.executable, ROOT / "tools" / script, "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_document_has_a_page() -> None:
    """With its fields, and none for a document that is gone."""
    pages = {path.stem for path in (DOCS / "spec" / "documents").glob("*.md")} - {"README"}
    assert pages == {kind_of(cls) for cls in DOCUMENTS}


def test_every_code_and_exit_is_in_its_table() -> None:
    """A code or number that people meet can be looked up."""
    codes = (DOCS / "reject-codes.md").read_text()
    assert [code.name for code in Code if codes.count(f"| `{code.name}` |") != 1] == []
    exits = (DOCS / "exit-codes.md").read_text()
    assert [n for n in [*Exit, *RESERVED] if f"\n| {int(n)} |" not in exits] == []


def test_the_examples_of_the_lane_page_are_lanes() -> None:
    """A block that says what format it is parses, and would be admitted."""
    page = (DOCS / "spec" / "lane.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    lanes = [block for block in blocks if "\nformat: 1\n" in f"\n{block}"]
    assert lanes
    for block in lanes:
        assert check_lane(parse_lane(block.encode())) == []


def test_the_lane_page_shows_messages_with_a_line() -> None:
    """A mistake names code, line, field, what was expected and what was found."""
    page = (DOCS / "spec" / "lane.md").read_text().partition("## What a mistake looks like")[2]
    messages = re.findall(r"```\n(.*?)\n```", page.partition("## Fields")[0], re.DOTALL)
    assert len(messages) == 5
    wanted = r"[A-Z_]+: line \d+: (field )?/\S+: expected .+, found .+"
    assert [text for text in messages if not re.fullmatch(wanted, text)] == []


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_says_status_context_decision_and_consequences(path: Path) -> None:
    """In this order, and under its own number."""
    text = path.read_text()
    assert text.startswith(f"# {path.name[:4]}: ")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    wanted = ["Status", "Context", "Decision", "Consequences"]
    assert [name for name in sections if name in wanted] == wanted


def test_no_number_of_a_decision_is_used_twice() -> None:
    """Superseded, never deleted, never reused."""
    numbers = [path.name[:4] for path in ADRS]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of the repository finds it, and every anchor its heading."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        found = (path.parent / name).resolve() if name else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}
