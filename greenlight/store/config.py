"""The few settings of a repository that decide whether it can be a store.

Only the repository's own ``config`` file is read, no system or user file, no
include, no environment: a setting could run a program or lead elsewhere
(CVE-2022-24765), and greenlight needs none of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from greenlight.codes import Code
from greenlight.errors import StoreError

MAX_CONFIG_BYTES = 4 * 2**20  # thousands of remotes and branches

_SECTION = re.compile(r'\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\.)*)")?\][ \t]*')
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(?:=[ \t]*(.*))?")
_QUOTED_OR_PLAIN = re.compile(r'"((?:[^"\\]|\\.)*)"|([^"#;]+)')
_TRUE = frozenset({"true", "yes", "on", "1"})

Settings = Mapping[tuple[str, str, str], str]


def parse_config(data: bytes) -> dict[tuple[str, str, str], str]:
    """Return settings by section, subsection and name; the last one of a name counts.

    Sections and names are in lower case; a name without a value has the value ``true``.

    Raises:
        StoreError: STORE_DAMAGED: a line that git would not read either.
    """
    if len(data) > MAX_CONFIG_BYTES:
        raise StoreError(Code.STORE_DAMAGED, f"the repository's config has {len(data)} bytes")
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\\\n", "")
    found: dict[tuple[str, str, str], str] = {}
    section = ("", "")
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole.strip()
        header = _SECTION.match(line)
        if header:
            section = (header[1].lower(), header[2] or "")
            line = line[header.end() :]
        if not line or line[0] in "#;":
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None:
            raise StoreError(
                Code.STORE_DAMAGED, f"the repository's config is damaged, line {number}"
            )
        value = "true" if setting[2] is None else _value(setting[2])
        found[(*section, setting[1].lower())] = value
    return found


def _value(text: str) -> str:
    """Return a value without quotes and comment."""
    parts = []
    at = 0
    while match := _QUOTED_OR_PLAIN.match(text, at):
        parts.append(match[2] if match[1] is None else match[1])
        at = match.end()
    return "".join(parts).strip()


def is_true(settings: Settings, section: str, name: str, subsection: str = "") -> bool:
    """Report whether a setting is on."""
    return settings.get((section, subsection, name), "").lower() in _TRUE
