"""Migrate db/app.sqlite: ``migrate.py up FILE`` to schema 2, ``migrate.py down FILE`` back to 1.

Schema 2 splits the address out of ``customer``, back-fills ``customer.domain`` and
``invoice.country`` from what was there, and adds an index and a view that shows the
customers as schema 1 had them.  Nothing is lost on the way, so ``down`` gives schema 1
again, to the byte.

SQLite's own ``ALTER TABLE`` leaves a file that depends on its history and on the version
of the library.  So both ways rebuild: the rows are read, sorted, and written in that
order into a fresh image, and what a library writes about itself is set to fixed values.
Equal rows give equal bytes, on every machine.

Standard library only.  Exit 1 and one line on stderr where the file is not what it must be.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

PAGE_SIZE = 4096  # bytes
APPLICATION_ID = 0x474C4442  # "GLDB"
LEAF_INDEX, LEAF_TABLE, INNER_INDEX, INNER_TABLE = 0x0A, 0x0D, 0x02, 0x05  # kinds of page
MINIMUM = 0x002DC6C0  # 3000000, SQLITE_VERSION_NUMBER of SQLite 3.0.0: any reader is newer

# Table by table: how it is made, and the columns that give its rows their order.
SCHEMA_1 = {
    "customer": """CREATE TABLE customer (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  street TEXT NOT NULL,
  postcode TEXT NOT NULL,
  city TEXT NOT NULL,
  country TEXT NOT NULL
)""",
    "invoice": """CREATE TABLE invoice (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customer (id),
  issued_on TEXT NOT NULL,
  cents INTEGER NOT NULL
)""",
}
SCHEMA_2 = {
    "address": """CREATE TABLE address (
  customer_id INTEGER PRIMARY KEY REFERENCES customer (id),
  street TEXT NOT NULL,
  postcode TEXT NOT NULL,
  city TEXT NOT NULL,
  country TEXT NOT NULL
)""",
    "customer": """CREATE TABLE customer (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  domain TEXT NOT NULL
)""",
    "invoice": """CREATE TABLE invoice (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customer (id),
  issued_on TEXT NOT NULL,
  cents INTEGER NOT NULL,
  country TEXT NOT NULL
)""",
}
# What stands on top of the tables, in the order in which it is made.
AFTER_1 = ("CREATE INDEX invoice_customer ON invoice (customer_id, issued_on)",)
AFTER_2 = (
    "CREATE INDEX invoice_customer ON invoice (customer_id, issued_on)",
    "CREATE INDEX address_place ON address (country, city)",
    """CREATE VIEW customer_1 AS
  SELECT id, name, email, street, postcode, city, country
  FROM customer JOIN address ON customer_id = id""",
)
UP = {
    "address": "SELECT id, street, postcode, city, country FROM customer ORDER BY id",
    "customer": """SELECT id, name, email, substr(email, instr(email, '@') + 1)
        FROM customer ORDER BY id""",
    "invoice": """SELECT invoice.id, customer_id, issued_on, cents, country
        FROM invoice JOIN customer ON customer.id = customer_id ORDER BY invoice.id""",
}
DOWN = {
    "customer": """SELECT id, name, email, street, postcode, city, country
        FROM customer JOIN address ON customer_id = id ORDER BY id""",
    "invoice": "SELECT id, customer_id, issued_on, cents FROM invoice ORDER BY id",
}
# Rows that a migration would drop or make up; each must be none.
SOUND = {
    "an invoice without its customer": """SELECT count(*) FROM invoice
        WHERE customer_id NOT IN (SELECT id FROM customer)""",
    "an email without a domain": "SELECT count(*) FROM customer WHERE email NOT LIKE '%_@_%'",
}
SOUND_2 = {
    "a customer without an address": """SELECT count(*) FROM customer
        WHERE id NOT IN (SELECT customer_id FROM address)""",
    "an address without its customer": """SELECT count(*) FROM address
        WHERE customer_id NOT IN (SELECT id FROM customer)""",
    "a domain that is not the email's": """SELECT count(*) FROM customer
        WHERE domain <> substr(email, instr(email, '@') + 1)""",
    "an invoice of another country": """SELECT count(*) FROM invoice
        JOIN address USING (customer_id) WHERE invoice.country <> address.country""",
}


def migrate(image: bytes, direction: str) -> bytes:
    """Return the image of the database in the other schema."""
    forward = direction == "up"
    source = sqlite3.connect(":memory:")
    source.deserialize(image)
    found = source.execute("PRAGMA user_version").fetchone()[0]
    wanted = 1 if forward else 2
    if found != wanted:
        raise SystemExit(f"migrate: schema {found} where schema {wanted} was expected")
    for what, query in SOUND.items() if forward else {**SOUND, **SOUND_2}.items():
        if count := source.execute(query).fetchone()[0]:
            raise SystemExit(f"migrate: {what} ({count})")
    queries = UP if forward else DOWN
    rows = {table: source.execute(query).fetchall() for table, query in queries.items()}
    source.close()
    return build(2, rows) if forward else build(1, rows)


def build(version: int, rows: dict[str, list[tuple[object, ...]]]) -> bytes:
    """Return the one image that these rows have in schema ``version``."""
    tables, after = (SCHEMA_1, AFTER_1) if version == 1 else (SCHEMA_2, AFTER_2)
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    for setting in (
        f"page_size = {PAGE_SIZE}",
        "encoding = 'UTF-8'",
        "auto_vacuum = NONE",
        "legacy_file_format = OFF",
        f"application_id = {APPLICATION_ID}",
        f"user_version = {version}",
    ):
        fresh.execute(f"PRAGMA {setting}")
    for statement in tables.values():
        fresh.execute(statement)
    for table in tables:
        marks = ", ".join("?" * len(rows[table][0]))
        fresh.executemany(f"INSERT INTO {table} VALUES ({marks})", rows[table])  # noqa: S608 - our own names
    for statement in after:
        fresh.execute(statement)
    image = normalise(fresh.serialize())
    fresh.close()
    return image


def normalise(image: bytes) -> bytes:
    """Set what does not carry data to fixed values (https://sqlite.org/fileformat2.html).

    In the header: the file change counter, the schema cookie, and the counter again
    beside the library's version number.  On each page: the order of the cells, and the
    space between them, which keeps what was there before.
    """
    data = bytearray(image)
    if data[20]:  # some builds reserve space on every page for a checksum or a key
        raise SystemExit("migrate: this SQLite reserves space on every page")
    for offset, number in ((24, 1), (40, 1), (92, 1), (96, MINIMUM)):
        data[offset : offset + 4] = number.to_bytes(4, "big")
    for start in range(0, len(data), PAGE_SIZE):
        # Offsets on the first page count from its start, but its own header comes later.
        data[start : start + PAGE_SIZE] = pack(data[start : start + PAGE_SIZE], start == 0)
    return bytes(data)


def pack(page: bytearray, first: bool) -> bytearray:
    """Return a page with its cells at the end, the first one last, and zeros before them."""
    head = 100 if first else 0
    kind = page[head]
    if kind not in (LEAF_INDEX, LEAF_TABLE, INNER_INDEX, INNER_TABLE):
        raise SystemExit("migrate: a page that is of no table and no index")
    pointers = head + (12 if kind in (INNER_INDEX, INNER_TABLE) else 8)
    count = int.from_bytes(page[head + 3 : head + 5], "big")
    packed = bytearray(PAGE_SIZE)
    packed[:pointers] = page[:pointers]
    end = PAGE_SIZE
    for index in range(count):
        place = pointers + 2 * index
        cell = cell_at(page, int.from_bytes(page[place : place + 2], "big"), kind)
        packed[end - len(cell) : end] = cell
        end -= len(cell)
        packed[place : place + 2] = end.to_bytes(2, "big")
    packed[head + 1 : head + 3] = bytes(2)  # no free block
    packed[head + 5 : head + 7] = end.to_bytes(2, "big")
    packed[head + 7] = 0  # no fragment
    return packed


def cell_at(page: bytearray, start: int, kind: int) -> bytes:
    """Return one cell; rows here are too short to go on in another page."""
    at = start + (4 if kind in (INNER_INDEX, INNER_TABLE) else 0)  # the page to the left
    size, at = varint(page, at)
    if kind == LEAF_TABLE:
        _, at = varint(page, at)  # the row id, which the size does not count
    end = at + (0 if kind == INNER_TABLE else size)
    if end > PAGE_SIZE:
        raise SystemExit("migrate: a row that does not fit on its page")
    return bytes(page[start:end]).ljust(4, b"\0")


def varint(page: bytearray, at: int) -> tuple[int, int]:
    """Read a variable-length integer of up to eight bytes; return it and what follows."""
    number = 0
    while page[at] & 0x80:
        number = number << 7 | page[at] & 0x7F
        at += 1
    return number << 7 | page[at], at + 1


def main(arguments: list[str]) -> None:
    """Migrate one file in place, keeping its mode."""
    if len(arguments) != 2 or arguments[0] not in ("up", "down"):  # noqa: PLR2004 - as the usage says
        raise SystemExit("usage: migrate.py up|down FILE")
    path = Path(arguments[1])
    before = path.read_bytes()
    path.write_bytes(migrate(before, arguments[0]))
    sys.stdout.write(f"{arguments[0]}: {path.as_posix()}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
