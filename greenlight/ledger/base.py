"""A snapshot's tables, open for reading: what they hold of the first records of a ledger.

Rows are only ever added, each with the index of its record; so whoever opened the
tables when they held ``size`` records goes on seeing these, however many are added by
others meanwhile.  Each row carries a checksum.  Where tables turn out to be damaged,
or are gone, the ledger is read anew, all of it, and the question is put to that.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.ledger.sieve import Sieve

BUSY_SECONDS: Final = 5.0  # a writer holds the tables for a millisecond
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

Row = tuple[object, ...]


def connect(path: Path) -> sqlite3.Connection:
    """Open tables that are there; read-only where the file is.

    Raises:
        sqlite3.Error: They are not, or cannot be opened.
    """
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # SQLite takes its turn; nobody writes through a reader's
    )


def checksum(row: Sequence[object]) -> int:
    """Return what stands in a row's last column: a check against decay, not against people."""
    plain = tuple(row)
    if bytes in map(type, plain):
        plain = tuple([zlib.crc32(item) if isinstance(item, bytes) else item for item in plain])
    return zlib.crc32(repr(plain).encode("utf-8", "surrogatepass"))


class Tables:
    """A connection to tables, closed with the last one who looks at them.

    Attributes:
        connection: To the tables.
        path: Where they lie; None for tables that go with the connection.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.connection = connection
        self.path = path
        self.pid = os.getpid()
        weakref.finalize(self, connection.close)


class Base:
    """The first records of a ledger, in tables.

    Args:
        tables: Where they are.
        size: How many records are looked at; more may be there.
        again: Reads the ledger anew, up to as many records.
        sieve: What tables in the making surely do not hold; None where nobody knows.
    """

    def __init__(
        self,
        tables: Tables,
        size: int,
        again: Callable[[], Base] | None = None,
        sieve: Sieve | None = None,
    ) -> None:
        self.tables = tables
        self.size = size
        self._again = again
        self._sieve = sieve
        self._absent: set[tuple[str, str]] = set()

    def lacks(self, kind: str, key: str) -> bool:
        """Report whether there is surely no such row, without a look at the tables."""
        if self._sieve is not None and self._sieve.lacks(kind, key):
            return True
        return (kind, key) in self._absent

    def note_absent(self, keys: Iterable[tuple[str, str]]) -> None:
        """Remember what was looked for in vain: at this size there is no such row, ever."""
        self._absent = set(keys)

    def rows(self, query: str, *values: object) -> list[Row]:
        """Return the rows that a query gives, without their checksums, which stand last.

        Raises:
            StoreError: The tables are damaged, and the ledger cannot be read anew.
            RejectedError: The same, since the ledger is broken by now.
        """
        for _ in range(2):
            try:
                return [_checked(row) for row in self._open().execute(query, values)]
            except sqlite3.Error as error:
                self._give_up(error)
        raise StoreError(Code.IO_FAILED, "the ledger's tables are damaged again and again")

    def pairs(self, query: str, *values: object) -> list[tuple[str, str]]:
        """Return pairs of texts that a query gives, which have no checksum."""
        for _ in range(2):
            try:
                return [(str(one), str(two)) for one, two in self._open().execute(query, values)]
            except sqlite3.Error as error:
                self._give_up(error)
        raise StoreError(Code.IO_FAILED, "the ledger's tables are damaged again and again")

    def count(self, query: str, *values: object) -> int:
        """Return the number that a query gives."""
        for _ in range(2):
            try:
                ((number,),) = self._open().execute(query, values).fetchall()
                return int(number)
            except sqlite3.Error as error:
                self._give_up(error)
        raise StoreError(Code.IO_FAILED, "the ledger's tables are damaged again and again")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Ask many questions in one transaction: to lock the file for each costs more than it.

        Nobody else can add to the tables meanwhile, so it is for a short while.
        """
        connection = self.tables.connection
        with suppress(sqlite3.Error):
            connection = self._open()
            connection.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("COMMIT")

    def distrust(self, reason: str) -> None:
        """Give the tables up, for what no checksum shows; the next question is put to new ones.

        Raises:
            StoreError: The ledger cannot be read anew.
            RejectedError: The same, since it is broken by now.
        """
        self._give_up(sqlite3.DatabaseError(reason))

    def _open(self) -> sqlite3.Connection:
        tables = self.tables
        if tables.path is not None and tables.pid != os.getpid():
            # A connection must not be used behind a fork.
            self.tables = Tables(connect(tables.path), tables.path)
        return self.tables.connection

    def _give_up(self, error: sqlite3.Error) -> None:
        """Read the ledger anew; tables that are damaged are in nobody's way after that."""
        if self._again is None:
            raise StoreError(Code.IO_FAILED, f"cannot read the ledger's tables: {error}") from error
        path = self.tables.path
        if path is not None and getattr(error, "sqlite_errorcode", None) not in _BUSY:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self.tables = self._again().tables
        self._again = None


def _checked(row: Row) -> Row:
    if row[-1] != checksum(row[:-1]):
        raise sqlite3.DatabaseError("a row is not what was written")
    return row[:-1]
