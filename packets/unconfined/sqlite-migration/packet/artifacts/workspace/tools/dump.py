"""Print what a database says, whatever its bytes are: ``dump.py rows|schema FILE``.

``rows`` is every row of every table, sorted, as SQL literals; ``schema`` is every
statement that made something, and the version.  The file is opened for reading alone.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path


def rows(database: sqlite3.Connection) -> Iterator[str]:
    """Yield a line a row, by table and then by its columns."""
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    for (table,) in database.execute(tables).fetchall():
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        columns = " || ', ' || ".join(f"quote({name})" for name in names)
        order = ", ".join(names)
        yield f"-- {table} ({order})"
        query = f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608 - names from the schema
        for (line,) in database.execute(query):
            yield f"{table}: {line}"


def schema(database: sqlite3.Connection) -> Iterator[str]:
    """Yield the schema's statements, by kind and name, and its version."""
    query = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name"
    for (statement,) in database.execute(query):
        yield f"{statement};"
    yield f"PRAGMA user_version = {database.execute('PRAGMA user_version').fetchone()[0]};"


def main(arguments: list[str]) -> None:
    """Print one view of one file."""
    views = {"rows": rows, "schema": schema}
    if len(arguments) != 2 or arguments[0] not in views:  # noqa: PLR2004 - as the usage says
        raise SystemExit("usage: dump.py rows|schema FILE")
    database = sqlite3.connect(":memory:")
    database.deserialize(Path(arguments[1]).read_bytes())
    check = database.execute("PRAGMA integrity_check").fetchall()
    if check != [("ok",)]:
        raise SystemExit(f"dump: {check}")
    for line in views[arguments[0]](database):
        sys.stdout.buffer.write(line.encode() + b"\n")  # UTF-8, whatever the locale


if __name__ == "__main__":
    main(sys.argv[1:])
