"""Two readers of one table: what the plain one reads, typer reads alike."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.cli.arguments import parser_for
from greenlight.cli.declared import DECLARED
from greenlight.cli.plain import read_plain
from greenlight.cli.table import COMMANDS

WORDS = (
    st.sampled_from(
        [
            "a",
            "x/y.yaml",
            "sha256:0",
            "1",
            "42",
            "0",
            "99999999",
            "clean",
            "owner",
            "staging",
            "bash",
        ]
    )
    .flatmap(
        lambda word: st.sampled_from(
            [
                word,
                "é",
                "-",
                "--",
                "--json",
                "--store",
                "--all",
                "--key",
                "--mode",
                "--role",
                "--plan",
            ]
        )
    )
    .flatmap(
        lambda word: st.sampled_from(
            [word, "--nothing", "-n", "--limit", "--uses", "--lane", "--store=x", "--require"]
        )
    )
)


def test_every_command_is_declared():
    """The table of commands and the table of parameters name the same ones."""
    assert DECLARED.keys() == COMMANDS.keys()


@pytest.mark.parametrize("command", DECLARED)
@settings(max_examples=60, deadline=None)
@given(words=st.lists(WORDS, max_size=6))
def test_both_readers_agree(command, words):
    """Whatever the plain reader accepts, typer accepts with the same values."""
    found = read_plain(command, words)
    if found is not None:
        assert vars(found) == vars(parser_for(command).parse_args(words))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("verify", ["p", "--store=x"]),
        ("verify", ["--nothing"]),
        ("verify", ["p", "--require", "dirty"]),
        ("log", ["-n", "0"]),
        ("log", ["-n"]),
        ("run", []),
        ("diff", ["one"]),
        ("diff", ["one", "two", "three"]),
        ("seal", ["x", "--lane", "a", "--lane", "b"]),
        ("trust add", ["key.pub"]),
        ("show", ["--help"]),
    ],
)
def test_what_is_not_plain_is_left_to_typer(command, words):
    """Help, mistakes and unusual spellings are not the plain reader's business."""
    assert read_plain(command, words) is None


def test_plain_lines_are_read_without_typer():
    """What people type most needs no parser at all."""
    found = read_plain("verify", ["hello", "--lineage", "--key", "k.pub", "--json"])
    assert (found.packet, found.lineage, str(found.key), found.json, found.all) == (
        "hello", True, "k.pub", True, False,
    )  # fmt: skip
    words = ["k.pub", "--mode", "staging", "--mode", "prod", "--uses", "3"]
    found = read_plain("grant issue", words)
    assert (found.mode, found.uses, found.lane) == (["staging", "prod"], 3, "*")
    assert found.operation is None
