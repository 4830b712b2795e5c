"""The smokes really parse a hostile corpus, and see what a bad parser does."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from greenlight import shipped
from greenlight.errors import MalformedError
from greenlight.execution.process import run_process
from greenlight.execution.steps import DEFAULT_ENVIRONMENT
from greenlight.model.corpus import ACCEPTED, Answer, Case, Part, decode_corpus
from greenlight.primitives import cjson
from greenlight.primitives.limits import MIB
from greenlight.services import smokes
from greenlight.services.corpus import corpus_digest, shipped_corpus
from greenlight.services.parsers import own_parsers
from greenlight.services.smokes import (
    Asked,
    ParserUnderTest,
    SmokeResult,
    adversarial_smoke,
    ask,
    token_canonicalization,
)
from tests.tools import need

CASES = shipped_corpus().cases
JSON = [case for case in CASES if case.format == "json"]


@pytest.fixture(scope="module")
def own() -> Asked:
    return ask(ParserUnderTest())


def test_greenlight_s_own_parsers_pass_both(own: Asked) -> None:
    """Every document of every format, each answered as it must be."""
    for smoke in (token_canonicalization, adversarial_smoke):
        found = smoke(own)
        assert found.violations == ()
        assert (found.green, found.exit_code, found.total) == (True, 0, len(CASES))
        assert found.accepted + found.refused == found.total
        assert min(found.accepted, found.refused) > 20
        assert found.to_dict()["status"] == "pass"
        assert found.corpus == corpus_digest()


def test_the_corpus_has_what_it_must() -> None:
    """Each format that greenlight reads, spellings of one value, and each kind of attack."""
    assert {case.format for case in CASES} == set(own_parsers(shipped_corpus()))
    names = " ".join(case.name for case in CASES)
    for word in (
        "key-twice", "byte-order-mark", "decomposed", "overlong", "surrogate", "cyrillic",
        "zero-width", "deep", "million-digits", "bignum", "cut", "trailing", "billion-laughs",
        "empty", "too-large", "malleable", "flipped-bit", "infinity", "not-a-number",
    ):  # fmt: skip
        assert word in names, word
    groups = {case.means for case in CASES if case.means}
    for means in groups:
        inside = [case for case in CASES if case.means == means]
        assert sum(case.expect == "accept" for case in inside) == 1, means
        assert len(inside) > 1, means


def test_jq_agrees_about_the_one_spelling_of_json() -> None:
    """Another program prints what greenlight accepts, byte for byte."""
    for case in JSON:
        if case.expect == "accept" and "round" not in case.name:
            done = run_process(
                (need("jq"), "-S", "."),
                cwd=Path("/"),
                env={"PATH": "/usr/bin:/bin"},
                timeout_seconds=60,
                max_output_bytes=64 * MIB,
                stdin=_file(case.data),
            )
            assert done.stdout == case.data, case.name


def _file(data: bytes):
    import tempfile  # noqa: PLC0415 - here alone

    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the test
    file.write(data)
    file.seek(0)
    return file


# --- what a bad parser does


def under_test(code: str, **more: object) -> ParserUnderTest:
    argv = (sys.executable, "-I", "-S", "-c", code)
    made = ParserUnderTest(argv, ("json",), variables={"PATH": "/usr/bin:/bin"}, timeout_seconds=5)
    return replace(made, **more)  # type: ignore[arg-type]


def cases(*names: str) -> list[Case]:
    return [case for case in JSON if case.name.partition("/")[2] in names]


def found(result: SmokeResult) -> dict[str, str]:
    assert not result.green
    assert (result.exit_code, result.to_dict()["status"]) == (1, "fail")
    return {each.case: each.found for each in result.violations}


READ = "import sys; data = sys.stdin.buffer.read(); "
SOME = ("canonical", "key-order", "key-twice", "empty")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("import time; time.sleep(100)", "hung: no answer within 1 s"),
        (READ + "import os; os.kill(os.getpid(), 11)", "crashed: signal 11"),
        (READ + "b = bytearray(300 * 2**20)\nfor i in range(0, len(b), 4096): b[i] = 1", "grew: "),
        (READ + "import os\nwhile True: os.write(1, b'x' * 2**20)", "flooded: more than 64 MiB"),
        (READ + "import os, time\nif os.fork() == 0: os.setsid(); time.sleep(100)", "left: 1"),
    ],
)
def test_what_is_no_answer_is_a_violation_of_both(code: str, outcome: str) -> None:
    """A hang, a crash, a blow-up, a flood, a daemon: whatever the exit code says."""
    parser = under_test(
        code, timeout_seconds=1 if "hung" in outcome else 30, memory_bytes=200 * MIB
    )
    asked = ask(parser, cases("canonical"))
    for smoke in (token_canonicalization, adversarial_smoke):
        assert found(smoke(asked))["json/canonical"].startswith(outcome)


def test_a_parser_that_is_not_there_is_a_violation() -> None:
    missing = under_test("", argv=("no-such-parser",))
    assert found(adversarial_smoke(missing, cases(*SOME))).keys() == {f"json/{n}" for n in SOME}


def test_one_that_takes_everything_is_seen_by_both() -> None:
    """It takes what is hostile, and two spellings of one value."""
    asked = ask(under_test(READ), cases(*SOME))
    assert found(adversarial_smoke(asked)) == {
        "json/empty": "accepted", "json/key-twice": "accepted",
    }  # fmt: skip
    assert found(token_canonicalization(asked)) == {"json/key-order": "another too"}


def test_one_that_takes_nothing_is_no_parser() -> None:
    """Refusing is no safety: what is good must be taken."""
    asked = ask(under_test(READ + "sys.exit(1)"), cases("solidus", "safe-integer", "empty"))
    assert found(adversarial_smoke(asked)) == {
        "json/safe-integer": "refused", "json/solidus": "refused",
    }  # fmt: skip
    assert token_canonicalization(asked).green


def test_a_command_has_an_environment_of_its_own() -> None:
    """A path and a locale, and nothing of whoever asks."""
    code = READ + "import os; sys.exit(sorted(os.environ) != sorted(data.decode().split()))"
    wanted = " ".join(sorted(DEFAULT_ENVIRONMENT))
    case = replace(cases("empty")[0], parts=(Part(hex="", text=wanted, times=1),))
    asked = ask(ParserUnderTest(("@python", "-I", "-S", "-c", code), ("json",)), [case])
    assert [answer.outcome for _, answer in asked.answers] == [ACCEPTED]


def test_python_s_own_json_is_found_out() -> None:
    """A real parser, lenient as it is known to be."""
    code = READ + "import json; json.loads(data.decode('utf-8'))"
    asked = ask(under_test(code))
    assert asked.answers
    assert {"json/key-twice", "json/not-a-number", "json/infinity"} <= found(
        adversarial_smoke(asked)
    ).keys()
    assert "json/compact" in found(token_canonicalization(asked))


def test_a_strict_parser_passes() -> None:
    """A command around greenlight's own JSON: a parser can be a command and be green."""
    root = str(Path(shipped.__file__).parents[1])
    code = (
        f"import sys; sys.path.insert(0, {root!r}); from greenlight.primitives import cjson; "
        "cjson.decode(sys.stdin.buffer.read())"
    )
    parser = under_test(code, argv=(sys.executable, "-c", code), timeout_seconds=30)
    asked = ask(parser)
    assert [len(asked.answers), *map(len, ([], []))] == [len(JSON), 0, 0]
    assert token_canonicalization(asked).violations == ()
    assert adversarial_smoke(asked).violations == ()


def test_nothing_tried_is_never_green() -> None:
    """No case for this format, no format at all, an empty corpus."""
    for parser, given in (
        (under_test(READ, formats=("no-such",)), None),
        (under_test(READ, formats=()), None),
        (under_test(READ), []),
        (ParserUnderTest(formats=("no-such",)), None),
    ):
        for smoke in (token_canonicalization, adversarial_smoke):
            assert found(smoke(parser, given)) == {"corpus": "none for this parser"}


def test_a_wrong_answer_of_our_own_is_a_violation(own: Asked) -> None:
    """Another code, an acceptance, other bytes: each is seen by name."""
    answers = {case.name: (case, answer) for case, answer in own.answers}

    def with_answer(name: str, answer: Answer) -> Asked:
        changed = answers | {name: (answers[name][0], answer)}
        return Asked(own.parser, tuple(changed.values()))

    other = with_answer("json/key-twice", Answer("refused", code="CBOR_MALFORMED"))
    assert found(adversarial_smoke(other)) == {"json/key-twice": "refused: CBOR_MALFORMED"}
    taken = with_answer("cbor/one-in-two", Answer(ACCEPTED, same=True))
    assert found(token_canonicalization(taken)) == {"cbor/one-in-two": "another too"}
    assert found(adversarial_smoke(taken)) == {"cbor/one-in-two": "accepted"}
    changed = with_answer("cbor/one", Answer(ACCEPTED, same=False))
    assert found(token_canonicalization(changed)) == {"cbor/one": "other bytes"}
    gone = with_answer("yaml/map", Answer("crashed", detail="RecursionError"))
    for smoke in (token_canonicalization, adversarial_smoke):
        assert found(smoke(gone)) == {"yaml/map": "crashed: RecursionError"}


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("os.kill(os.getpid(), 9)", "crashed"),
        ("raise RuntimeError('boom')", "crashed"),
        ("raise RecursionError", "crashed"),
        ("bytearray(10 * 2**30)", "crashed"),  # MemoryError: the process has 2 GiB
        ("globals().update(kept=b'x' * (400 * 2**20))", "grew"),
        ("while True: pass", "hung"),
    ],
)
def test_a_parser_of_ours_that_dies_is_found_and_the_rest_is_asked(
    line: str, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is begun again behind the document that ended it, which is named."""
    program = tmp_path / "broken.py"
    program.write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(shipped.__file__).parents[1])!r})\n"
        "from greenlight.services import parsers, subject\n"
        "subject.SECONDS = 3.0\n"
        "whole = subject.own_parsers\n"
        "def broken(corpus):\n"
        "    def parse(data, real=whole(corpus)['token']):\n"
        "        if data == b'release-docs':\n"
        f"            {line}\n"
        "        return real(data)\n"
        "    return whole(corpus) | {'token': parse}\n"
        "subject.own_parsers = broken\n"
        "raise SystemExit(subject.main())\n"
    )
    monkeypatch.setattr(smokes, "own_command", lambda _: ((sys.executable, str(program)), {}))
    asked = ask(ParserUnderTest())
    wrong = [(case.name, answer) for case, answer in asked.answers if answer.outcome == outcome]
    assert [name for name, _ in wrong] == ["token/plain"]
    assert len(asked.answers) == len(CASES)
    assert found(adversarial_smoke(asked)).keys() == {"token/plain"}


def test_one_that_always_dies_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some deaths the rest is unreached, and that is red too."""
    argv = (sys.executable, "-c", "raise SystemExit('dead')")
    monkeypatch.setattr(smokes, "own_command", lambda _: (argv, {}))
    result = adversarial_smoke(ParserUnderTest())
    assert len(found(result)) == len(CASES)
    assert set(found(result).values()) == {
        "crashed: dead", "unreached: the parsers died too often",
    }  # fmt: skip


# --- the corpus as a file


def test_a_corpus_is_read_strictly() -> None:
    """Sorted, each name once, no unknown field, and no bomb in a few bytes."""
    whole = json.loads(shipped.hostile_corpus())
    assert decode_corpus(cjson.encode(whole)) == shipped_corpus()
    for broken in (
        {**whole, "cases": whole["cases"][:2] + whole["cases"][:1]},
        {**whole, "cases": [{**whole["cases"][0], "more": 1}]},
        {**whole, "format": 2},
    ):
        with pytest.raises(MalformedError):
            decode_corpus(cjson.encode(broken))
    bomb = replace(CASES[0], parts=(Part(hex="00" * 65_536, text="", times=10_000_000),))
    with pytest.raises(MalformedError):
        assert bomb.data
