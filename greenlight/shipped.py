"""The files that are shipped beside the code: schemas, a RERUN.sh a format version, the corpus.

In a wheel all lie inside the package.  In a checkout the schemas lie at the top,
where people look for them, so that is the second place (docs/adr/0012-packaging.md).
"""

from __future__ import annotations

from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, UsageError

_SCRIPTS = {1: "rerun-v1.sh"}
_PACKAGE = Path(__file__).parent  # importlib.resources would cost 10 ms of every seal
_SUFFIX = ".schema.json"


def rerun_script(version: int = 1) -> bytes:
    """Return the constant RERUN.sh of a packet format version (docs/spec/rerun-sh.md).

    Raises:
        MalformedError: UNSUPPORTED_VERSION, for a version without a published script.
    """
    if version not in _SCRIPTS:
        raise MalformedError(Code.UNSUPPORTED_VERSION, f"no RERUN.sh for format version {version}")
    return (_PACKAGE / "data" / _SCRIPTS[version]).read_bytes()


def hostile_corpus() -> bytes:
    """Return the corpus of documents that parsers are tried with (docs/spec/baseline.md)."""
    return (_PACKAGE / "data" / "hostile-corpus.json").read_bytes()


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas, sorted: the file names without `.schema.json`."""
    found = (item.name for item in _schemas().iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def schema(name: str) -> bytes:
    """Return the JSON Schema of one document kind.

    Raises:
        UsageError: SCHEMA_UNKNOWN, for a name that is not among ``schema_names()``.
    """
    # Only listed names are opened: a name from the command line is no path.
    if name not in schema_names():
        raise UsageError(
            Code.SCHEMA_UNKNOWN, "no such schema", hint=f"one of: {', '.join(schema_names())}"
        )
    return (_schemas() / f"{name}{_SUFFIX}").read_bytes()


def _schemas() -> Path:
    inside = _PACKAGE / "schemas"
    return inside if inside.is_dir() else _PACKAGE.parent / "schemas"
