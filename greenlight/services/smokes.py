"""Token canonicalisation and adversarial smoke of 000: a hostile corpus, really parsed.

Both send the same documents and look for different things:

* ``token_canonicalization``: what is accepted is written again byte for byte, and of several
  spellings of one value one passes, and no other.
* ``adversarial_smoke``: every document is answered as it must be, by a parser that neither
  crashes, nor hangs, nor grows.

The parser is greenlight's own, in a process of its own; or a command that reads a document on
standard input and ends with 0 where it accepts, with another exit code where it refuses.
A corpus without a case for the parser is a failure: where nothing was tried nothing is green.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from greenlight.execution.metering import Meter, MeteredCommand, MeteredRun
from greenlight.execution.own import own_command, with_python
from greenlight.execution.process import run_process
from greenlight.execution.steps import DEFAULT_ENVIRONMENT
from greenlight.model.corpus import (
    ACCEPT,
    ACCEPTED,
    CRASHED,
    FLOODED,
    GREW,
    HUNG,
    LEFT,
    REFUSED,
    UNREACHED,
    Answer,
    Case,
    Others,
)
from greenlight.primitives.limits import MIB
from greenlight.services.corpus import corpus_digest, shipped_corpus

TOKEN_CANONICALIZATION: Final = "token_canonicalization"  # noqa: S105 - a check of 000
ADVERSARIAL_SMOKE: Final = "adversarial_smoke"
_OWN: Final = "greenlight.services.subject"
_OWN_SECONDS: Final = 60.0  # the whole corpus takes half of one
_OUTPUT_BYTES: Final = 64 * MIB  # a parser may print what it read: 17 MiB, and escapes
_MAX_RESTARTS: Final = 4  # parsers that die more often are not asked the rest
_ENDED: Final = frozenset({ACCEPTED, REFUSED})  # the answers of a parser that works


@dataclass(frozen=True, slots=True)
class ParserUnderTest:
    """What the corpus is sent to.

    Attributes:
        argv: The command; none for greenlight's own parsers. ``@python`` as its first word is the
            interpreter that runs greenlight.
        formats: What it reads: names of the corpus's formats; of a command at least one.
        folder: Where it runs.
        variables: Its whole environment.
        timeout_seconds: For one document.
        memory_bytes: Largest resident set that it may have.
    """

    argv: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    folder: Path = field(default_factory=lambda: Path("/"))
    variables: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ENVIRONMENT)
    timeout_seconds: int = 10
    memory_bytes: int = 512 * MIB

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return " ".join(self.argv) or "greenlight's own parsers"


@dataclass(frozen=True, slots=True)
class Violation:
    """One document that was not answered as it must be.

    Attributes:
        case: Its name.
        expected: What should have come.
        found: What came.
    """

    case: str
    expected: str
    found: str

    def to_dict(self) -> dict[str, str]:
        return {"case": self.case, "expected": self.expected, "found": self.found}


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """What a smoke came to.

    Attributes:
        smoke: Its name.
        parser: What was tried.
        total: Documents that were sent.
        accepted: Of these.
        refused: Likewise.
        violations: By name of the case.
        corpus: ``sha256:<hex>`` of the corpus.
    """

    smoke: str
    parser: str
    total: int
    accepted: int
    refused: int
    violations: tuple[Violation, ...]
    corpus: str

    @property
    def green(self) -> bool:
        """Whether something was tried, and nothing was found."""
        return self.total > 0 and not self.violations

    @property
    def exit_code(self) -> int:
        """000: 1 where it is run alone."""
        return 0 if self.green else 1

    def to_dict(self) -> dict[str, object]:
        """Return the section of a report."""
        return {
            "status": "pass" if self.green else "fail",
            "smoke": self.smoke,
            "parser": self.parser,
            "corpus": self.corpus,
            "cases_total": self.total,
            "accepted_total": self.accepted,
            "refused_total": self.refused,
            "violations_total": len(self.violations),
            "violations": [violation.to_dict() for violation in self.violations],
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers of one parser to all cases of its formats; both smokes look at the same."""

    parser: ParserUnderTest
    answers: tuple[tuple[Case, Answer], ...]


def token_canonicalization(
    parser: ParserUnderTest | Asked, cases: Sequence[Case] | None = None
) -> SmokeResult:
    """Send the corpus, and see that a value has one spelling.

    Raises:
        StoreError: A process cannot be started.
    """
    return _result(TOKEN_CANONICALIZATION, _asked(parser, cases), _canonical)


def adversarial_smoke(
    parser: ParserUnderTest | Asked, cases: Sequence[Case] | None = None
) -> SmokeResult:
    """Send the corpus, and see that every document is answered as it must be.

    Raises:
        StoreError: A process cannot be started.
    """
    return _result(ADVERSARIAL_SMOKE, _asked(parser, cases), _adversarial)


def ask(parser: ParserUnderTest, cases: Sequence[Case] | None = None) -> Asked:
    """Send the corpus once, for both smokes.

    Args:
        parser: What is tried.
        cases: The corpus; by default what ships with greenlight, which is the only one that
            greenlight's own parsers are asked.

    Raises:
        StoreError: A process cannot be started.
    """
    known = shipped_corpus().cases if cases is None else cases
    wanted = [case for case in known if not parser.formats or case.format in parser.formats]
    if not parser.argv:
        answers = _ask_own(known) if wanted else {}
        return Asked(parser, tuple((case, answers[case.name]) for case in wanted))
    return Asked(parser, tuple(_ask_command(parser, wanted if parser.formats else [])))


def _asked(parser: ParserUnderTest | Asked, cases: Sequence[Case] | None) -> Asked:
    return parser if isinstance(parser, Asked) else ask(parser, cases)


def _result(smoke: str, asked: Asked, judge: Callable[[Asked], Iterable[Violation]]) -> SmokeResult:
    outcomes = [answer.outcome for _, answer in asked.answers]
    violations = list(judge(asked))
    if not outcomes:
        violations.append(Violation("corpus", "at least one case", "none for this parser"))
    return SmokeResult(
        smoke=smoke,
        parser=asked.parser.name,
        total=len(outcomes),
        accepted=outcomes.count(ACCEPTED),
        refused=outcomes.count(REFUSED),
        violations=tuple(sorted(violations, key=lambda each: (each.case, each.expected))),
        corpus=corpus_digest(),
    )


# --- what must be


def _canonical(asked: Asked) -> Iterable[Violation]:
    spellings: dict[str, list[Case]] = defaultdict(list)
    for case, answer in asked.answers:
        if answer.outcome not in _ENDED:
            yield Violation(case.name, "an answer", _shown(answer))
        elif answer.outcome == ACCEPTED and answer.same is False:
            yield Violation(case.name, "written again byte for byte", "other bytes")
        elif answer.outcome == ACCEPTED and case.means:
            spellings[case.means].append(case)
    for means, cases in sorted(spellings.items()):
        # The one that greenlight takes is meant, where it is among them.
        kept, *others = sorted(cases, key=lambda each: (each.expect != ACCEPT, each.name))
        for other in others:
            yield Violation(other.name, f"one spelling of {means}: {kept.name}", "another too")


def _adversarial(asked: Asked) -> Iterable[Violation]:
    own = not asked.parser.argv
    for case, answer in asked.answers:
        if answer.outcome not in _ENDED:
            yield Violation(case.name, _wanted(case, own=own), _shown(answer))
            continue
        if own:
            good = case.expect == (ACCEPT if answer.outcome == ACCEPTED else answer.code)
        else:
            word = Others.ACCEPT if answer.outcome == ACCEPTED else Others.REFUSE
            good = case.others in (word, Others.EITHER)
        if not good:
            yield Violation(case.name, _wanted(case, own=own), _shown(answer))


def _wanted(case: Case, *, own: bool) -> str:
    if own:
        return "accepted" if case.expect == ACCEPT else f"refused: {case.expect}"
    return {"accept": "accepted", "refuse": "refused", "either": "an answer"}[case.others.value]


def _shown(answer: Answer) -> str:
    more = answer.code or answer.detail
    return f"{answer.outcome}: {more}" if more else answer.outcome


# --- greenlight's own


def _ask_own(cases: Sequence[Case]) -> dict[str, Answer]:
    """Ask greenlight's own parsers; a case at which the process dies is that case's answer."""
    found: dict[str, Answer] = {}
    at = restarts = 0
    while at < len(cases) and restarts <= _MAX_RESTARTS:
        argv, env = own_command(_OWN)
        with tempfile.TemporaryFile() as stdin:
            stdin.write(b"judge %d\n" % at)
            stdin.seek(0)
            result = run_process(
                argv,
                cwd=Path("/"),
                env=env,
                timeout_seconds=_OWN_SECONDS,
                max_output_bytes=4 * MIB,
                stdin=stdin,
            )
        for line in result.stdout.split(b"\n")[:-1]:
            said: dict[str, Any] = json.loads(line)
            name = cases[said.pop("case")].name
            found[name] = Answer(**said)
            at += 1
        if at < len(cases):
            outcome = HUNG if result.timed_out else CRASHED
            why = _said(result.stderr) or f"exit code {result.exit_code}, signal {result.signal}"
            found[cases[at].name] = Answer(outcome, detail=why)
            at += 1
            restarts += 1
    for case in cases[at:]:
        found[case.name] = Answer(UNREACHED, detail="the parsers died too often")
    return found


# --- a command


def _ask_command(parser: ParserUnderTest, cases: Sequence[Case]) -> Iterable[tuple[Case, Answer]]:
    if not cases:
        return
    with Meter() as meter:
        for case in cases:
            command = MeteredCommand(
                with_python(parser.argv),
                parser.folder,
                parser.variables,
                parser.timeout_seconds,
                max_output_bytes=_OUTPUT_BYTES,
                stdin=case.data,
                data_bytes=4 * parser.memory_bytes,
            )
            yield case, _read(meter.run(command), parser)


def _read(run: MeteredRun, parser: ParserUnderTest) -> Answer:
    # In this order: what grew without bound may have ended by a signal, for its memory.
    for wrong, outcome, detail in (
        (run.not_found, UNREACHED, f"{parser.argv[0]} cannot be started"),
        (run.timed_out, HUNG, f"no answer within {parser.timeout_seconds} s"),
        (
            run.peak_rss_bytes > parser.memory_bytes,
            GREW,
            f"{run.peak_rss_bytes // MIB} MiB",
        ),
        (run.output_exceeded, FLOODED, f"more than {_OUTPUT_BYTES // MIB} MiB of output"),
        (run.signal is not None, CRASHED, f"signal {run.signal}"),
        (run.left > 0, LEFT, f"{run.left} processes"),
    ):
        if wrong:
            return Answer(outcome, detail=detail)
    return Answer(ACCEPTED if run.exit_code == 0 else REFUSED)


def _said(stderr: bytes) -> str:
    last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return re.sub(r"\s+", " ", last)[:200]


__all__ = [
    "ADVERSARIAL_SMOKE",
    "TOKEN_CANONICALIZATION",
    "Asked",
    "ParserUnderTest",
    "SmokeResult",
    "Violation",
    "adversarial_smoke",
    "ask",
    "token_canonicalization",
]
