"""Files shipped beside the code, and the requirements that install it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import hatchling.build
import pytest

from greenlight import shipped
from greenlight.codes import Code
from greenlight.errors import GreenlightError

ROOT = Path(__file__).parents[1]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


def test_the_script_of_format_version_1_is_shipped() -> None:
    """`rerun_script` gives the published bytes."""
    assert shipped.rerun_script(1) == (ROOT / "greenlight/data/rerun-v1.sh").read_bytes()


def test_an_unknown_version_has_no_script() -> None:
    """A version is known or refused, never guessed."""
    with pytest.raises(GreenlightError) as caught:
        shipped.rerun_script(2)
    assert caught.value.code is Code.UNSUPPORTED_VERSION


def test_every_schema_is_listed_and_readable() -> None:
    """The names are those of the files in schemas/."""
    files = {path.name: path.read_bytes() for path in (ROOT / "schemas").glob("*.schema.json")}
    assert {f"{name}.schema.json": shipped.schema(name) for name in shipped.schema_names()} == files


@pytest.mark.parametrize("name", ["", "nothing", "../pyproject", "README.md"])
def test_a_name_that_is_not_listed_is_no_schema(name: str) -> None:
    """A name is looked up, never joined to a path."""
    with pytest.raises(GreenlightError) as caught:
        shipped.schema(name)
    assert caught.value.code is Code.SCHEMA_UNKNOWN


def test_the_wheel_carries_schemas_and_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a checkout has beside the package, the wheel has inside it."""
    monkeypatch.chdir(ROOT)
    wheel = tmp_path / hatchling.build.build_wheel(str(tmp_path))
    names = set(zipfile.ZipFile(wheel).namelist())
    schemas = {f"greenlight/schemas/{path.name}" for path in (ROOT / "schemas").iterdir()}
    assert schemas | {"greenlight/data/rerun-v1.sh", "greenlight/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests/", "schemas/", "benchmarks/"))]


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_locked_requirements_name_no_index_and_carry_hashes(path: Path) -> None:
    """Any index will do, and only the locked bytes."""
    text = path.read_text()
    assert not re.search(r"https?:|//|@|^-", text, re.MULTILINE)
    pins = re.split(r"\n(?=\S)", text.strip())
    assert pins
    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_all_environments_agree_on_versions() -> None:
    """What is tested is what is installed: dev locks every runtime package at the same version."""

    def versions(name: str) -> set[str]:
        text = (ROOT / f"requirements/{name}.txt").read_text()
        return set(re.findall(r"^(\S+==\S+)", text, re.MULTILINE))

    assert versions("runtime") <= versions("dev")
    assert versions("build") <= versions("dev")
