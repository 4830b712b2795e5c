"""GitHub's own description of its API, as a second reader of what is asked and answered."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator

FOLDER = "GREENLIGHT_FORGE_TOOLS"  # where npm put what tests/forge/tools.json names


def tools() -> Path:
    """Return the folder with the tools; without them a test is skipped, or fails."""
    found = os.environ.get(FOLDER, "")
    folder = Path(found) / "node_modules"
    if found and folder.is_dir():
        return folder
    why = f"{FOLDER} does not name a folder with emulate and @octokit/openapi"
    if os.environ.get("GREENLIGHT_REQUIRE_TOOLS"):
        pytest.fail(why)
    pytest.skip(why)


@cache
def description() -> dict[str, Any]:
    path = tools() / "@octokit" / "openapi" / "generated" / "api.github.com.deref.json"
    return json.loads(path.read_bytes())


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for template in description()["paths"]:
        pattern = re.sub(r"\\{[a-z_0-9]+\\}", "([^/]+)", re.escape(template))
        found.append((re.compile(pattern), template))
    # What has more words of its own is meant where several fit.
    return sorted(found, key=lambda pair: pair[1].count("{"))


@cache
def _validator(template: str, status: str) -> Draft202012Validator | None:
    responses = description()["paths"][template]["get"]["responses"]
    content = responses.get(status, {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else Draft202012Validator(_plain(schema))


def _plain(schema: Any) -> Any:
    """Turn a schema of OpenAPI 3.0 into one of JSON Schema: ``nullable`` is a type there."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _plain(part) for name, part in schema.items() if name != "example"}
    if made.pop("nullable", False):
        return {"anyOf": [made, {"type": "null"}]}
    return made


def operation(path: str) -> str:
    """Return the template of what is asked; a question that the API does not have fails."""
    plain = urlsplit(path).path
    for pattern, template in _paths():
        if pattern.fullmatch(plain) and "get" in description()["paths"][template]:
            return template
    raise AssertionError(f"GitHub's API has no GET {plain}")


def check_request(path: str) -> None:
    """Hold a question against the description: its path, and each parameter."""
    template = operation(path)
    known = {
        parameter["name"]: parameter
        for parameter in description()["paths"][template]["get"].get("parameters", ())
        if parameter["in"] == "query"
    }
    for name, values in parse_qs(urlsplit(path).query).items():
        assert name in known, f"{template} has no parameter {name}"
        schema = known[name]["schema"]
        for value in values:
            found: Any = int(value) if schema.get("type") == "integer" else value
            if schema.get("type") == "boolean":
                found = value == "true"
            Draft202012Validator(_plain(schema)).validate(found)
    assert unquote(path).isprintable()


def check_response(path: str, status: int, value: Any, *, lacks: tuple[str, ...] = ()) -> None:
    """Hold an answer against the description.

    Args:
        path: What was asked.
        status: Its number.
        value: Its JSON.
        lacks: Fields that the emulator is known to leave out.
    """
    validator = _validator(operation(path), str(status))
    if validator is None:
        return
    for error in validator.iter_errors(value):
        missing = error.validator == "required" and any(
            f"'{name}'" in error.message for name in lacks
        )
        assert missing, f"{path} {status}: {error.json_path}: {error.message[:300]}"
