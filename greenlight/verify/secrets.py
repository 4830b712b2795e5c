"""Search bytes for secrets: the values of masked variables, and the shapes of known tokens.

A shape is listed only where its issuer gave it a fixed beginning, so that nearly
every hit is a real one: a hit stops a lane.  All fixed beginnings are searched for
at once (Aho-Corasick with a vector prefilter, a gigabyte a second); only in a piece
that holds one is each looked for by itself, and its shape compared.  A masked value
is also searched for in the spellings in which it usually leaks: base64 (at each of the
three places it can start in), hex, percent-encoding, JSON escapes.  What is compressed,
encrypted, in UTF-16, wrapped or cut into pieces is not found.

A hit says which rule and where, and never what: nothing here shows a value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, MatchKind

MIN_MASKED_BYTES: Final = 6  # a shorter value stands by chance in every larger file
MAX_TOKEN_BYTES: Final = 1100  # the longest match of a shape; a token may go on after it
_PIECE: Final = 64 * 1024  # bytes searched at a time for any beginning at all
MAX_HITS: Final = 1000  # a file: the first one stops the lane, the rest help to clean up

# A token begins where a word may; inside a longer word its letters are chance.
_WORD: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Rule:
    """One shape of token.

    Attributes:
        name: Stable word for it.
        anchors: The bytes it begins with, one of them.
        rest: Bounded regular expression for what follows the anchor.
        reason: Whose it is, and why the shape is sure.
        in_word: Whether it may begin inside a longer word.
    """

    name: str
    anchors: tuple[bytes, ...]
    rest: bytes
    reason: str
    in_word: bool = False


# Also where the key stands in a JSON text; a header that is only talked about has no key.
_KEY_FOLLOWS: Final = rb"(?:\s|\\[rn]){1,8}(?:[A-Za-z0-9+/]{16}|[A-Z][A-Za-z-]{2,20}: )"

RULES: Final = (
    Rule(
        "aws-access-key-id",
        (b"AKIA", b"ASIA"),
        rb"[A-Z2-7]{16}(?![A-Za-z0-9])",
        "AWS: long-term and temporary key ids, base32 of fixed length",
    ),
    Rule(
        "aws-secret-access-key",
        (b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY"),
        rb"[\"']?\s{0,8}[:=]\s{0,8}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
        "AWS: 40 characters behind the name that AWS's own tools give them",
        in_word=True,
    ),
    Rule(
        "github-token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        rb"[A-Za-z0-9]{36}",
        "GitHub: personal, OAuth, user, server and refresh tokens",
    ),
    Rule(
        "github-fine-grained-token",
        (b"github_pat_",),
        rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        "GitHub: fine-grained personal access tokens",
    ),
    Rule(
        "gitlab-token",
        (b"glpat-",),
        rb"[A-Za-z0-9_-]{20}",
        "GitLab: personal access tokens",
    ),
    Rule(
        "slack-token",
        (b"xoxa-", b"xoxb-", b"xoxe-", b"xoxo-", b"xoxp-", b"xoxr-", b"xoxs-"),
        rb"[0-9A-Za-z]{1,16}-[0-9A-Za-z-]{10}",
        "Slack: bot, user, app and refresh tokens",
    ),
    Rule(
        "slack-webhook",
        (b"hooks.slack.com/services/",),
        rb"T[A-Z0-9]{6,16}/B[A-Z0-9]{6,16}/[A-Za-z0-9]{16}",
        "Slack: whoever has the address may post",
        in_word=True,
    ),
    Rule(
        "stripe-key",
        (b"sk_live_", b"rk_live_"),
        rb"[A-Za-z0-9]{16}",
        "Stripe: live secret and restricted keys",
    ),
    Rule(
        "google-api-key",
        (b"AIza",),
        rb"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
        "Google: API keys of fixed length",
    ),
    Rule(
        "private-key",
        (b"-----BEGIN ",),
        rb"(?:RSA |EC |DSA |OPENSSH |ENCRYPTED |ANY )?PRIVATE KEY-----" + _KEY_FOLLOWS,
        "RFC 7468, OpenSSH: a header with key material behind it",
        in_word=True,
    ),
    Rule(
        "pgp-private-key",
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----",),
        _KEY_FOLLOWS,
        "RFC 9580: a header with key material behind it",
        in_word=True,
    ),
    Rule(
        "openssh-private-key",
        (b"b3BlbnNzaC1rZXktdjEA",),
        rb"[A-Za-z0-9+/]{16}",
        "OpenSSH: base64 of the first bytes of every private key file, header or not",
        in_word=True,
    ),
    Rule(
        "putty-private-key",
        (b"PuTTY-User-Key-File-",),
        rb"[23]: [a-z]",
        "PuTTY: first line of every private key file",
    ),
    Rule(
        "age-secret-key",
        (b"AGE-SECRET-KEY-1",),
        rb"[0-9A-Z]{58}",
        "age: Bech32 with a prefix of its own",
    ),
    Rule(
        "json-web-token",
        (b"eyJ",),
        rb"[A-Za-z0-9_-]{10,1000}+\.eyJ[A-Za-z0-9_-]{10}",
        "RFC 7519: base64url of two JSON objects",
    ),
    Rule(
        "npm-token",
        (b"npm_",),
        rb"[A-Za-z0-9]{36}(?![A-Za-z0-9])",
        "npm: access tokens of fixed length",
    ),
    Rule(
        "pypi-token",
        (b"pypi-AgE",),
        rb"[A-Za-z0-9_-]{50}",
        "PyPI: macaroons, whose first bytes are always the same",
    ),
)


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A place that holds a secret.

    Attributes:
        where: Name of what was searched.
        offset: Byte at which the secret begins.
        rule: Name of the rule, or ``masked:`` and the name of the variable.
    """

    where: str
    offset: int
    rule: str


@dataclass(frozen=True, slots=True)
class _Needle:
    """Bytes to search for, and what must follow them."""

    anchor: bytes
    rule: str
    rest: bytes | None  # a pattern; most anchors are found nowhere, so it is compiled when one is
    in_word: bool

    def find(self, data: bytes, start: int, end: int) -> Iterator[int]:
        """Yield every place from ``start`` to before ``end`` where a secret begins."""
        last = end + len(self.anchor) - 1
        while (start := data.find(self.anchor, start, last)) >= 0:
            begins = self.in_word or start == 0 or data[start - 1] not in _WORD
            if begins and self._goes_on(data, start + len(self.anchor)):
                yield start
            start += 1

    def _goes_on(self, data: bytes, at: int) -> bool:
        return self.rest is None or re.compile(self.rest).match(data, at) is not None


@dataclass(frozen=True, slots=True)
class Scanner:
    """Everything to search for, made once for many files.

    Attributes:
        too_short: Names of masked variables whose values are too short to search for.
        overlap: Bytes that must follow a place before it can be decided.
    """

    too_short: tuple[str, ...]
    _needles: tuple[_Needle, ...] = field(repr=False)  # hold the values: never to be shown
    _any: BytesAhoCorasick = field(repr=False)
    overlap: int

    @classmethod
    def of(cls, masked: Mapping[str, bytes] = MappingProxyType({})) -> Self:
        """Return a scanner for all rules and the values of ``masked``, by variable name."""
        needles = [
            _Needle(anchor, rule.name, rule.rest, rule.in_word)
            for rule in RULES
            for anchor in rule.anchors
        ]
        searched = {name: value for name, value in masked.items() if not is_too_short(value)}
        for name, value in sorted(searched.items()):
            needles += [
                _Needle(spelling, f"masked:{name}", None, in_word=True)
                for spelling in spellings(value)
            ]
        longest = max(MAX_TOKEN_BYTES, *(len(needle.anchor) for needle in needles))
        # Leftmost, since only then it looks at many bytes at once; which one it finds is no matter.
        anchors = dict.fromkeys(needle.anchor for needle in needles)
        found_any = BytesAhoCorasick(list(anchors), matchkind=MatchKind.LeftmostFirst)
        too_short = tuple(sorted(masked.keys() - searched.keys()))
        return cls(too_short, tuple(needles), found_any, longest + 1)

    def scan(self, where: str, chunks: bytes | Iterable[bytes]) -> list[Hit]:
        """Return the first MAX_HITS hits, by offset, however the bytes are cut into chunks."""
        search = self.search(where)
        for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
            search.feed(chunk)
            if search.is_full:
                break
        return search.finish()

    def search(self, where: str) -> Search:
        """Begin a search of bytes that come piece by piece."""
        return Search(self, where)

    def find(self, where: str, held: bytes, base: int, start: int, end: int) -> set[Hit]:
        """Return the hits that begin from ``start`` to before ``end``; ``held`` is at ``base``."""
        if not self._holds_any(held):
            return set()
        return {
            Hit(where, base + place, needle.rule)
            for needle in self._needles
            for place in islice(needle.find(held, start - base, end - base), MAX_HITS)
        }

    def _holds_any(self, held: bytes) -> bool:
        # Piece by piece: all matches of a piece come as a list, and one is enough.
        with memoryview(held) as whole:
            return any(
                self._any.find_matches_as_indexes(whole[start : start + _PIECE + self.overlap])
                for start in range(0, len(held), _PIECE)
            )


class Search:
    """One file that is searched while it is read."""

    def __init__(self, scanner: Scanner, where: str) -> None:
        self._scanner = scanner
        self._where = where
        # held: the bytes from offset ``base`` on; nothing before ``done`` needs another look.
        self._held, self._base, self._done = b"", 0, 0
        self._found: set[Hit] = set()

    @property
    def is_full(self) -> bool:
        """Whether more hits would not be told."""
        return len(self._found) >= MAX_HITS

    def feed(self, chunk: bytes) -> None:
        """Search the next bytes."""
        if self.is_full:
            return
        self._held = self._held + chunk if self._held else chunk
        # What begins later could look otherwise with the bytes to come.
        decided = self._base + len(self._held) - self._scanner.overlap
        if decided > self._done:
            self._look(decided)
            self._done = decided
            keep = max(0, decided - 1 - self._base)  # with the byte before: is it one of a word?
            self._held, self._base = self._held[keep:], self._base + keep

    def finish(self) -> list[Hit]:
        """Search what is left; return the first MAX_HITS hits, by offset."""
        if not self.is_full:
            self._look(self._base + len(self._held))
        return sorted(self._found)[:MAX_HITS]

    def _look(self, end: int) -> None:
        self._found |= self._scanner.find(self._where, self._held, self._base, self._done, end)


def scan(
    where: str,
    chunks: bytes | Iterable[bytes],
    masked: Mapping[str, bytes] = MappingProxyType({}),
) -> list[Hit]:
    """Return the hits in one file; for many files make one ``Scanner``."""
    return Scanner.of(masked).scan(where, chunks)


def is_too_short(value: bytes) -> bool:
    """Report whether a masked value is too short to be searched for, and not found by chance."""
    return len(value.strip()) < MIN_MASKED_BYTES


def spellings(value: bytes) -> tuple[bytes, ...]:
    """Return the spellings in which a masked value is searched for, without duplicates.

    White space around the value is no part of it: a file that ends in a newline is
    often read without it.
    """
    value = value.strip()
    digits = value.hex().encode()
    found = [value, digits, digits.upper(), *_base64_cores(value)]
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        found += [quoted.encode(), re.sub("%..", lambda m: m[0].lower(), quoted).encode()]
    with suppress(UnicodeDecodeError):
        text = value.decode("utf-8")
        for ascii_only in (True, False):
            escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            found += [escaped.encode(), escaped.replace("/", "\\/").encode()]
    return tuple(dict.fromkeys(found))


def _base64_cores(value: bytes) -> Iterator[bytes]:
    """Yield the digits that base64 must hold wherever ``value`` stands in what was encoded.

    With one or two bytes before it, the first digits mix with those; without a
    multiple of three bytes, the last ones mix with what follows.
    """
    for before in range(3):
        skipped = (0, 2, 3)[before]
        whole = (before + len(value)) * 8 // 6
        digits = base64.b64encode(bytes(before) + value)[skipped:whole]
        yield digits
        yield digits.translate(bytes.maketrans(b"+/", b"-_"))
