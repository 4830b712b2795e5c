"""Change one setting in a repository's ``config``, so that no crash leaves git's lock behind.

``git config`` would do it, but whoever kills it leaves ``config.lock``, and nobody sets anything
any more until a person removes that.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.config import parse_config
from greenlight.store.durable import locked, sync_directory, unique_name, wrapped, write_new
from greenlight.store.gitlock import FOREIGN_LOCK_WAIT_SECONDS, git_lock
from greenlight.store.repository import Store

_HEADER: Final = re.compile(r"[ \t]*\[([^\]\"\n]*?)[ \t]*(\"(?:[^\"\\\n]|\\.)*\")?\][ \t]*")
_NAME: Final = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9-]*)")


def change_setting(
    store: Store,
    section: str,
    name: str,
    value: str,
    *,
    wait_seconds: float = FOREIGN_LOCK_WAIT_SECONDS,
) -> None:
    """Set ``section.name``, or take it out where ``value`` is empty; durably.

    Args:
        store: Whose configuration.
        section: In lower case, without a subsection.
        name: In lower case.
        value: Of plain characters, that need no quotes.
        wait_seconds: How long git's own lock is waited for.

    Raises:
        StoreError: STORE_BUSY: git holds the lock; STORE_DAMAGED: the file cannot be read, or not
            be changed alone in this; IO_NOSPACE, IO_FAILED.
    """
    own = store.make_own_dir()
    path = (store.git_dir / "config").resolve()
    with locked(own / "lock"), git_lock(path, own / "reflock", wait_seconds=wait_seconds):
        with wrapped(f"read {path}"):
            before = path.read_bytes()
            mode = stat.S_IMODE(path.stat().st_mode)
        after = with_setting(before, section, name, value)
        temporary = path.with_name(unique_name("tmp-"))
        with wrapped(f"write {path}"):
            write_new(temporary, after)
            try:
                temporary.chmod(mode)
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        sync_directory(path.parent)


def with_setting(data: bytes, section: str, name: str, value: str) -> bytes:
    """Return a configuration with one setting set, or taken out where ``value`` is empty.

    Every other byte stays, but for a section that has nothing in it any more.

    Raises:
        StoreError: STORE_DAMAGED: it cannot be read, or would say something else beside it.
    """
    wanted = parse_config(data)
    wanted.pop((section, "", name), None)
    if value:
        wanted[section, "", name] = value
    lines = list(_without(data.decode("utf-8", "surrogateescape"), section, name))
    headers = [at for at, line in enumerate(lines) if _header(line) == section]
    if value:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        if not headers:
            headers = [len(lines)]
            lines.append(f"[{section}]\n")
        lines.insert(headers[-1] + 1, f"\t{name} = {value}\n")
    elif headers and _is_empty(lines, headers[-1]):
        del lines[headers[-1]]
    after = "".join(lines).encode("utf-8", "surrogateescape")
    if parse_config(after) != wanted:
        raise StoreError(
            Code.STORE_DAMAGED,
            "the repository's config is written in a way that is not changed safely",
            hint=f"git config {section}.{name} {value}".rstrip(),
        )
    return after


def _without(text: str, section: str, name: str) -> Iterator[str]:
    """Yield the lines of a configuration that do not set ``section.name``."""
    within = continued = dropping = False
    for line in text.splitlines(keepends=True):
        goes_on = line.rstrip("\r\n").endswith("\\") and not line.lstrip().startswith(("#", ";"))
        if continued:
            if not dropping:
                yield line
        else:
            header = _header(line)
            within = within if header is None else header == section
            end = _end_of_header(line)
            found = _NAME.match(line, end)
            dropping = within and found is not None and found[1].lower() == name
            if not dropping:
                yield line
            elif end:
                yield line[:end].rstrip() + "\n"
        continued = goes_on


def _header(line: str) -> str | None:
    """Return the section that a line begins; None where it begins none, or a subsection."""
    match = _HEADER.match(line)
    if match is None:
        return None
    return "" if match[2] else match[1].lower()


def _end_of_header(line: str) -> int:
    match = _HEADER.match(line)
    return 0 if match is None else match.end()


def _is_empty(lines: list[str], header: int) -> bool:
    """Report whether a section has no line of its own."""
    if lines[header][_end_of_header(lines[header]) :].strip():
        return False
    for line in lines[header + 1 :]:
        if _header(line) is not None:
            return True
        if line.strip():
            return False
    return True
