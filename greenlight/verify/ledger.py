"""Whether the records of a ledger are one unbroken history (docs/spec/ledger.md).

``verify_chain`` takes the bytes of all records and what the ledger says of itself,
and goes through them once:

1. each record parses; its format version is known;
2. its index is its position;
3. it carries the SHA-512 and BLAKE2b-256 of the record before;
4. ledger time does not fall, but to the time that an owner's correction states;
5. record 0 is the trust root that was pinned, where one was pinned;
6. a head that was seen before is still contained;
7. head and frontier are what the records give.

A fault here breaks the ledger.  An entry without effect does not: it is void, and
stands in the state that comes back (``verify.fold``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.head import Head, encode_frontier, origin_of
from greenlight.model.record import NO_LINKS, Links, Record, encode_record
from greenlight.model.state import LedgerState
from greenlight.primitives.digest import Digest
from greenlight.primitives.merkle import Frontier, leaf_hash
from greenlight.primitives.timestamp import format_micros
from greenlight.verify.ahead import Ahead, Look, look_ahead
from greenlight.verify.fold import Folding


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a chain: all that placing or checking the next record takes.

    Attributes:
        origin: Empty before the first record.
        frontier: Of the Merkle tree over all records.
        links: Digests of the last record's bytes.
        time: Ledger time of the last record that parsed.
    """

    origin: str = ""
    frontier: Frontier = Frontier()  # noqa: RUF009 - frozen, so shared without harm
    links: Links = NO_LINKS
    time: datetime | None = None

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def head(self) -> Head:
        return Head(self.origin, self.size, self.frontier.root)

    @property
    def frontier_bytes(self) -> bytes:
        return encode_frontier(self.frontier)

    def place(self, entry: bytes, time: datetime) -> tuple[bytes, Tip]:
        """Return the record that puts ``entry`` next, and the tip after it."""
        raw = encode_record(self.size, self.links, time, entry)
        return raw, self.after(raw, time)

    def follow(
        self, entries: Iterable[bytes], time_of: Callable[[bytes, datetime | None], datetime]
    ) -> tuple[tuple[Record, ...], Tip]:
        """Return the records that put ``entries`` next, as they will be read, and the tip then.

        Args:
            entries: In order.
            time_of: Returns ledger time of an entry, given that of the record before it.
        """
        records, leaves = [], []
        origin, links, time = self.origin, self.links, self.time
        for index, entry in enumerate(entries, self.size):
            time = time_of(entry, time).astimezone(UTC)
            raw = encode_record(index, links, time, entry)
            records.append(Record(index, links, time, entry, raw))
            leaves.append(leaf_hash(raw))
            links = Links.of(raw)
            origin = origin or origin_of(raw)
        return tuple(records), Tip(origin, self.frontier.followed_by(leaves), links, time)

    def after(self, raw: bytes, time: datetime | None) -> Tip:
        """Return the tip after a record with these bytes."""
        return Tip(
            origin=self.origin or origin_of(raw),
            frontier=self.frontier.append(leaf_hash(raw)),
            links=Links.of(raw),
            time=self.time if time is None else time,
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """What going through a ledger gave.

    Attributes:
        findings: Faults that break the ledger; no void entries.
        state: The fold of the records.
        tip: Where the next record goes.
    """

    findings: tuple[Finding, ...]
    state: LedgerState
    tip: Tip


class ChainCheck:
    """A verification in progress: takes records one by one, in order.

    Args:
        pin: SHA-256 of record 0 as it was pinned, or None: then anybody's ledger passes.
        seen: A head that this ledger was once seen with, or None.
        tip: Where to go on.
        state: The state at ``tip``.

    Attributes:
        findings: What was found so far.
        leaves: Leaf hashes of the records that were taken, in order.
    """

    def __init__(
        self,
        *,
        pin: Digest | None = None,
        seen: Head | None = None,
        tip: Tip | None = None,
        state: LedgerState | None = None,
    ) -> None:
        self.findings: list[Finding] = []
        self.leaves: list[bytes] = []
        # The tip, taken apart: to make one for each record would double what the chain costs.
        self._tip = tip or Tip()
        self._size, self._links, self._time = self._tip.size, self._tip.links, self._tip.time
        self._origin = self._tip.origin
        self._hashed = 0  # leaves that are in the tip's frontier
        self._folding = Folding(state or LedgerState())
        self._pin = pin
        self._seen = seen

    @property
    def state(self) -> LedgerState:
        return self._folding.state

    @property
    def tip(self) -> Tip:
        """Where the next record goes."""
        if self._tip.size != self._size:
            frontier = self._tip.frontier.followed_by(self.leaves[self._hashed :])
            self._tip = Tip(self._origin, frontier, self._links, self._time)
            self._hashed = len(self.leaves)
        return self._tip

    def add(self, raw: bytes) -> None:
        """Check one more record, and fold it in if it parses."""
        self.add_ahead(look_ahead(raw, {}))

    def add_ahead(self, seen: Ahead) -> None:
        """Check one more record, of which is known what can be said of it by itself."""
        index = self._size
        where = f"ledger/records/{index}.cbor"
        if seen.record is not None:
            self._check(seen.record, seen.look, index, where)
            self._time = seen.record.time
        else:
            code = seen.code
            if code is not Code.UNSUPPORTED_VERSION:
                code = Code.LEDGER_RECORD_MALFORMED
            self._find(code, where, "a record of format version 1", seen.reason)
        self.leaves.append(seen.leaf)
        self._links = seen.links
        if not index:
            self._origin = origin_of(seen.raw)
        self._size = index + 1
        self._check_known(where)

    def _check(self, record: Record, look: Look | None, index: int, where: str) -> None:
        if record.index != index:
            self._find(Code.LEDGER_INDEX, where, str(index), str(record.index))
        links = self._links
        previous = record.previous
        if previous.sha512 != links.sha512:
            self._find_link(where, "SHA-512", links.sha512, previous.sha512)
        if previous.blake2b != links.blake2b:
            self._find_link(where, "BLAKE2b-256", links.blake2b, previous.blake2b)
        self._folding.add(record if record.index == index else replace(record, index=index), look)
        last = self._time
        if last is not None and record.time < last and record.index not in self.state.corrections:
            self._find(
                Code.LEDGER_TIME_BACKWARDS,
                where,
                f"{format_micros(last)} or later",
                format_micros(record.time),
            )

    def _find_link(self, where: str, name: str, expected: bytes, found: bytes) -> None:
        said = f"{name} {expected.hex()}", f"{name} {found.hex()}"
        self._find(Code.LEDGER_LINK_BROKEN, where, *said)

    def _check_known(self, where: str) -> None:
        if self._size == 1 and self._pin is not None and self.tip.head.pin != self._pin:
            self._find(Code.TRUST_ROOT_MISMATCH, where, str(self._pin), str(self.tip.head.pin))
        seen = self._seen
        if seen is not None and self._size == seen.size and self.tip.head != seen:
            self._find(Code.LEDGER_REWOUND, where, _say(seen), _say(self.tip.head))

    def finish(self, *, head: bytes | None, frontier: bytes | None) -> Chain:
        """Compare what the ledger says of itself, and return the outcome.

        Args:
            head: Bytes of ``head``, or None where there is no ledger.
            frontier: Bytes of ``frontier.cbor``, likewise.
        """
        if self._seen is not None and self._size < self._seen.size:
            self._find(
                Code.LEDGER_REWOUND, "ledger/head", _say(self._seen), f"size {self.tip.size}"
            )
        self.check_head(head, frontier, "ledger")
        return Chain(tuple(self.findings), self.state, self.tip)

    def check_head(self, head: bytes | None, frontier: bytes | None, where: str) -> None:
        """Compare head and frontier with what the records so far give."""
        if head is not None and head != self.tip.head.encode():
            self._find(
                Code.LEDGER_HEAD_MISMATCH, f"{where}/head", _say(self.tip.head), ascii(head)[1:]
            )
        if frontier is not None and frontier != self.tip.frontier_bytes:
            self._find(
                Code.LEDGER_FRONTIER_MISMATCH,
                f"{where}/frontier.cbor",
                self.tip.frontier_bytes.hex(),
                frontier.hex(),
            )

    def _find(self, code: Code, where: str, expected: str, found: str) -> None:
        self.findings.append(Finding(code, where, expected, found))


def verify_chain(
    records: Iterable[bytes],
    *,
    head: bytes | None,
    frontier: bytes | None = None,
    pin: Digest | None = None,
    seen: Head | None = None,
) -> Chain:
    """Go through a whole ledger; see the module's text for what is checked."""
    check = ChainCheck(pin=pin, seen=seen)
    for raw in records:
        check.add(raw)
    return check.finish(head=head, frontier=frontier)


def _say(head: Head) -> str:
    return f"size {head.size} root {head.root.hex()}"
