"""What is found in bytes that must carry no secret, and what is left alone.

The tokens are put together here, so that this file holds none.
"""

from __future__ import annotations

import base64
import json
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.verify.secrets import MAX_HITS, RULES, Hit, Scanner, is_too_short, scan

MIXED = "aB3" * 30
HEADER = "-----BEGIN " + "%sPRIVATE KEY" + "%s-----"
BODY = "MC4CAQAwBQYDK2VwBCIEIDyc9O0Yy8XzbHrM"

TOKENS = {
    "aws-access-key-id": ["AKIA" + "IOSFODNN7ABCDEF2", "ASIA" + "2" * 16],
    "aws-secret-access-key": [
        "aws_secret_access_key" + " = " + MIXED[:40],
        'export AWS_SECRET_ACCESS_KEY="'[7:] + MIXED[:40] + '"',
    ],
    "github-token": [f"gh{kind}_" + MIXED[:36] for kind in "pousr"],
    "github-fine-grained-token": ["github_" + "pat_" + MIXED[:22] + "_" + MIXED[:59]],
    "gitlab-token": ["glpat" + "-" + MIXED[:20]],
    "slack-token": ["xoxb" + "-123456789012-1234567890123-" + MIXED[:24]],
    "slack-webhook": ["https://hooks.slack.com/" + "services/T00000000/B00000000/" + MIXED[:24]],
    "stripe-key": ["sk_" + "live_" + MIXED[:24], "rk_" + "live_" + MIXED[:24]],
    "google-api-key": ["AIza" + MIXED[:35]],
    "private-key": [
        HEADER % (word, "") + newline + BODY
        for word in ("", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH ")
        for newline in ("\n", "\r\n", "\\n")
    ]
    + [HEADER % ("RSA ", "") + "\nProc-Type: 4,ENCRYPTED"],
    "pgp-private-key": [HEADER % ("PGP ", " BLOCK") + "\n\n" + BODY],
    "openssh-private-key": ["b3BlbnNzaC1r" + "ZXktdjEA" + "AAAABG5vbmUAAAAE"],
    "putty-private-key": ["PuTTY-User-Key" + "-File-2: ssh-ed25519"],
    "age-secret-key": ["AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF" * 5 + "QPZRY9X8"],
    "json-web-token": ["eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.c2ln"],
    "npm-token": ["npm_" + MIXED[:36]],
    "pypi-token": ["pypi-" + "AgEIcHlwaS5vcmc" + MIXED[:60]],
}
ALL_TOKENS = [(rule, token) for rule, tokens in TOKENS.items() for token in tokens]


def test_every_rule_has_a_token_here():
    """No rule stands unproven, and names and reasons are there."""
    assert list(TOKENS) == [rule.name for rule in RULES]
    assert all(rule.reason and rule.anchors for rule in RULES)


@pytest.mark.parametrize(("rule", "token"), ALL_TOKENS)
def test_a_token_is_found_where_it_stands(rule: str, token: str):
    """A hit names the rule and the first byte, at the beginning, in the middle, at the end."""
    offset = token.find("hooks") if rule == "slack-webhook" else 0
    for before, after in (("", ""), ("x = '", "'\n"), ("\n", "\n"), ("", " "), (" ", "")):
        hits = scan("a.txt", (before + token + after).encode())
        assert Hit("a.txt", len(before) + offset, rule) in hits


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" + "short",
        "xghp_" + MIXED[:36],  # the end of a longer name
        "AKIA" + "2" * 17,  # longer than a key id
        "AKIA" + "lowercase2222222",
        "a header " + HEADER % ("OPENSSH ", "") + " is not a key",
        HEADER % ("", ""),
        "-----BEGIN PUBLIC KEY-----\n" + BODY,
        "-----BEGIN CERTIFICATE-----\n" + BODY,
        "sk_test_" + MIXED[:24],
        "eyJ" + "hbGciOiJIUzI1NiJ9",
        "AIza" + MIXED[:36],
        "npm_config_registry_of_this_machine_is_local",
        "sha256:" + "e3b0c442" * 8,
        "password = hunter2",
    ],
)
def test_what_only_looks_like_a_token_is_left_alone(text: str):
    """A false alarm stops a lane, so shapes are exact."""
    assert scan("a.txt", text.encode()) == []


def test_our_own_sources_hold_no_token():
    """Several hundred files of code, tests and documents give no false alarm."""
    top = Path(__file__).resolve().parents[2]
    files = [
        path
        for folder in ("greenlight", "tests", "docs")
        for path in sorted((top / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    scanner = Scanner.of()
    assert len(files) > 20
    assert [hit for path in files for hit in scanner.scan(str(path), path.read_bytes())] == []


VALUE = b'p\xc3\xa4ss/w+rd "one"\nline two~'


@pytest.mark.parametrize(
    "leak",
    [
        VALUE,
        VALUE.hex().encode(),
        VALUE.hex().upper().encode(),
        base64.b64encode(VALUE),
        base64.b64encode(b"u" + VALUE),
        base64.b64encode(b"u:" + VALUE + b"@host"),
        base64.urlsafe_b64encode(VALUE),
        quote(VALUE).encode(),
        quote(VALUE, safe="").encode(),
        quote(VALUE, safe="").lower().encode(),
        json.dumps(VALUE.decode()).encode(),
        json.dumps(VALUE.decode(), ensure_ascii=False).encode(),
        json.dumps(VALUE.decode()).replace("/", "\\/").encode(),
    ],
)
def test_a_masked_value_is_found_in_its_usual_spellings(leak: bytes):
    """Raw, hex, base64 wherever it begins, percent-encoded, in a JSON text."""
    hits = scan("log", b"begin " + leak + b" end", {"TOKEN": VALUE})
    assert hits
    assert {hit.rule for hit in hits} == {"masked:TOKEN"}


def test_a_masked_value_is_found_without_its_last_newline():
    """A value read from a file often ends in one that the leak has not."""
    assert scan("log", b"x=hunter2hunter2;", {"T": b"hunter2hunter2\n"}) == [
        Hit("log", 2, "masked:T")
    ]


def test_a_short_masked_value_is_reported_and_not_searched():
    """Five bytes stand by chance in every larger file; whoever asks is told."""
    scanner = Scanner.of({"PIN": b"12345", "BLANK": b"  \n", "TOKEN": b"123456"})
    assert scanner.too_short == ("BLANK", "PIN")
    assert is_too_short(b"12345\n")
    assert [hit.rule for hit in scanner.scan("a", b"12345 123456")] == ["masked:TOKEN"]


def test_a_hit_never_shows_a_value():
    """Neither a hit nor the scanner prints what was searched for."""
    scanner = Scanner.of({"TOKEN": b"hunter2hunter2"})
    (hit,) = scanner.scan("a", b"..hunter2hunter2")
    assert "hunter2" not in repr(scanner) + repr(hit)


@given(st.data())
def test_where_the_chunks_are_cut_makes_no_difference(data: st.DataObject):
    """One piece, or many pieces of any length: the same hits at the same offsets."""
    parts = data.draw(
        st.lists(
            st.one_of(
                st.sampled_from([token.encode() for _, token in ALL_TOKENS]),
                st.sampled_from([b"hunter2hunter2", b"A", b"_", b" ", b"\n"]),
                st.integers(0, 1500).map(lambda count: b"." * count),
            ),
            max_size=8,
        )
    )
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    edges = [0, *cuts, len(whole)]
    chunks = [whole[low:high] for low, high in pairwise(edges)]
    scanner = Scanner.of({"TOKEN": b"hunter2hunter2"})
    assert scanner.scan("a", chunks) == scanner.scan("a", whole)
    assert scanner.scan("a", (bytes([byte]) for byte in whole)) == scanner.scan("a", whole)


def test_hits_are_bounded():
    """A file that is nothing but hits costs no more memory than a thousand of them."""
    hits = scan("a", b"x" * 100_000, {"TOKEN": b"xxxxxxx"})
    assert [hit.offset for hit in hits] == list(range(MAX_HITS))


@pytest.mark.parametrize(
    "data",
    [
        b"def scan(where, chunks): return list(chunks)  # eyJ ghp_ AKIA\n" * 160_000,
        bytes(10_000_000),
        b"-----BEGIN PRIVATE KEY-----\n" * 360_000,
        b"eyJ" * 3_400_000,
    ],
    ids=["text", "zeros", "headers", "anchors"],
)
def test_ten_megabytes_take_well_under_a_second(data: bytes):
    """The scan stands between every run and its seal; no input makes it slow."""
    scanner = Scanner.of({"ONE": b"hunter2hunter2", "TWO": b"correct horse battery"})
    started = time.process_time()
    assert scanner.scan("a", data) == []
    assert time.process_time() - started < 2.0  # 0.1 to 0.6 s where this was written
