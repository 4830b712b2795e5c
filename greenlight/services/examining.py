"""What a remote does when it is pushed to: tried on refs of our own, and looked at afterwards.

Each question gets a grade: HELD, it was tried and the remote holds; FOUND, it was tried and the
remote lets it through; UNKNOWN, it could not be tried, with the reason.  What a remote says of a
push is not believed: it is asked for its refs again.  Nothing but ``refs/greenlight/probe/``
moves there, or ``refs/heads/greenlight-probe/`` where the ledger is a branch, since most servers
refuse to rewind branches alone; and these go again where the remote lets them.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from greenlight.ledger.incoming import tracking_ref
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.store.gitobjects import encode_commit
from greenlight.store.gitremote import BRANCH_PROBE, PROBE, GitRemote, Pushed, PushOutcome
from greenlight.store.repository import Store

_AUTHOR: Final = "greenlight <greenlight@localhost>"


class Held(StrEnum):
    """What is known of a question."""

    HELD = "HELD"
    FOUND = "FOUND"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question.

    Attributes:
        question: Its name.
        held: HELD, FOUND or UNKNOWN.
        said: What that means here, in words.
    """

    question: str
    held: Held
    said: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What a remote does.

    Attributes:
        remote: Its name.
        answers: One for each question.
        single_use: How far what is spent once stays spent there.
        left: Refs of ours that it would not let go.
    """

    remote: str
    answers: tuple[Answer, ...]
    single_use: Answer
    left: tuple[str, ...]


def examine(store: Store, remote: GitRemote, *, clock: Callable[[], datetime]) -> Examined:
    """Try out what a remote does.

    Raises:
        StoreError: REMOTE_UNREACHABLE, REMOTE_TIMED_OUT, REMOTE_FORMAT: it cannot be asked at all;
            this repository cannot be written.
    """
    probe = _Probe(store, remote, clock)
    answers = tuple(probe.answers())
    left = tuple(sorted(remote.refs(f"{probe.prefix}*")))
    return Examined(remote.name, answers, _single_use(answers), left)


class _Probe:
    """Commits to push, and where the refs are that they are pushed to."""

    def __init__(self, store: Store, remote: GitRemote, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._remote = remote
        self._clock = clock
        pin = read_pin(store)
        self._ref = DEFAULT_REF if pin is None else pin.ref
        self.prefix = BRANCH_PROBE if self._ref.startswith("refs/heads/") else PROBE
        self._one, self._two = f"{self.prefix}one", f"{self.prefix}two"
        self._tree = store.objects.write("tree", b"")
        self._number = 0

    def answers(self) -> Iterator[Answer]:
        refs = self._remote.refs()
        yield Answer("reachable", Held.HELD, f"it answers, and has {len(refs)} refs")
        yield self._ledger(refs)
        base = self._commit(refs.get(self._one))
        taken = self._remote.probe(f"{base}:{self._one}")
        if not self._is(self._one, base):
            yield _no_probe("takes refs", taken)
            for question in ("compare-and-swap", "atomic", "no rewinds", "no deletes"):
                said = "it took no ref to try that on"
                yield Answer(question, Held.UNKNOWN, said)
            return
        yield Answer("takes refs", Held.HELD, f"{self._one} is as it was pushed")
        yield self._compare_and_swap(base)
        yield self._atomic()
        yield self._rewind()
        yield self._delete()

    def _ledger(self, refs: dict[str, str]) -> Answer:
        ref = self._ref
        tip, name = refs.get(ref), "the ledger"
        seen = self._store.refs.read(tracking_ref(self._remote, ref))
        if tip is None:
            if seen is not None:
                return Answer(name, Held.FOUND, f"{ref} was seen there, and is gone")
            return Answer(name, Held.UNKNOWN, f"it has no {ref} yet")
        if seen is None:
            return Answer(name, Held.UNKNOWN, f"it has {ref}, of which nothing was seen before")
        if seen == tip:
            return Answer(name, Held.HELD, f"{ref} is where it was seen last")
        return Answer(name, Held.UNKNOWN, f"{ref} has moved: greenlight fetch says whether forward")

    def _compare_and_swap(self, base: str) -> Answer:
        """Have somebody else push while we do: what they pushed must stay."""
        name = "compare-and-swap"
        ours, theirs = self._commit(base), self._commit(base)
        with self._meanwhile(theirs, self._one) as hooks:
            outcome = self._remote.probe(f"{ours}:{self._one}", hooks=hooks)
        at = self._at(self._one)
        if at == theirs and outcome.result is not Pushed.TAKEN:
            return Answer(name, Held.HELD, "of two pushes at once it took the first")
        if at == ours:
            return Answer(name, Held.FOUND, "of two pushes at once the second undid the first")
        if at == theirs:
            return Answer(name, Held.FOUND, "it said that it took a push, and did not")
        return Answer(name, Held.UNKNOWN, f"two pushes at once could not be tried: {outcome.said}")

    def _atomic(self) -> Answer:
        """Push two refs at once, one of which somebody else has moved meanwhile."""
        name = "atomic"
        one, two = self._at(self._one), self._at(self._two)
        ours, other = self._commit(one), self._commit(two)
        theirs = self._commit(one)
        with self._meanwhile(theirs, self._one) as hooks:
            specs = (f"{other}:{self._two}", f"{ours}:{self._one}")
            outcome = self._remote.probe(*specs, atomic=True, hooks=hooks)
        if "--atomic" in outcome.said:
            return Answer(name, Held.FOUND, "it cannot move several refs at once")
        now = self._at(self._one), self._at(self._two)
        if now == (theirs, two):
            return Answer(name, Held.HELD, "of two refs it moved none where one could not move")
        if now[1] == other:
            return Answer(name, Held.FOUND, "it moved one of two refs and not the other")
        return Answer(name, Held.UNKNOWN, f"it could not be tried: {outcome.said}")

    def _rewind(self) -> Answer:
        name = "no rewinds"
        before = self._at(self._one)
        apart = self._commit(None)
        outcome = self._remote.probe(f"{apart}:{self._one}")
        return self._moved(name, self._one, before, apart, outcome, "a forced push")

    def _delete(self) -> Answer:
        name = "no deletes"
        before = self._at(self._one)
        outcome = self._remote.probe(f":{self._one}")
        answer = self._moved(name, self._one, before, None, outcome, "a deletion")
        if answer.held is Held.FOUND and self._at(self._two) is not None:
            self._remote.probe(f":{self._two}")
        return answer

    def _moved(  # noqa: PLR0913, PLR0917 - what was tried, and what came of it
        self,
        name: str,
        ref: str,
        before: str | None,
        after: str | None,
        outcome: PushOutcome,
        what: str,
    ) -> Answer:
        at = self._at(ref)
        if before is None:
            return Answer(name, Held.UNKNOWN, f"there was no ref to try {what} on")
        if at == after:
            return Answer(name, Held.FOUND, f"{what} was let through")
        if at != before:
            return Answer(name, Held.UNKNOWN, f"somebody else moved {ref} meanwhile")
        if outcome.result is Pushed.TAKEN:
            return Answer(name, Held.FOUND, f"it said that it took {what}, and did not")
        if outcome.result is Pushed.FAILED:
            return Answer(name, Held.UNKNOWN, f"{what} got no answer: {outcome.said}")
        return Answer(name, Held.HELD, f"{what} was refused: {outcome.said}")

    def _meanwhile(self, commit: str, ref: str) -> _Meanwhile:
        """Have another push come in when the other side has said what it has."""
        return _Meanwhile(self._store.git_dir, self._remote.name, f"{commit}:{ref}")

    def _at(self, ref: str) -> str | None:
        return self._remote.refs(ref).get(ref)

    def _is(self, ref: str, commit: str) -> bool:
        return self._at(ref) == commit

    def _commit(self, parent: str | None) -> str:
        """Write a commit that nothing leads to; git's gc takes it away again."""
        self._number += 1
        body = encode_commit(
            tree=self._tree,
            parents=() if parent is None else (parent,),
            author=_AUTHOR,
            time=self._clock(),
            message=f"Probe {os.urandom(8).hex()}\n",
        )
        oid = self._store.objects.write("commit", body)
        self._store.objects.flush()
        return oid


class _Meanwhile:
    """A folder with a pre-push hook that pushes something else first."""

    def __init__(self, git_dir: Path, remote: str, spec: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="greenlight-")
        words = ["git", "-c", "core.hooksPath=/dev/null", "--git-dir", str(git_dir.absolute())]
        words += ["push", "--quiet", "--no-verify", "--force", remote, spec]
        hook = Path(self._folder.name) / "pre-push"
        # The push must not fail with it: what was refused is looked at afterwards.
        hook.write_text(f"#!/bin/sh\n{shlex.join(words)} >/dev/null 2>&1 </dev/null\nexit 0\n")
        hook.chmod(0o700)

    def __enter__(self) -> Path:
        return Path(self._folder.name)

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _no_probe(question: str, outcome: PushOutcome) -> Answer:
    if outcome.result is Pushed.TAKEN:
        return Answer(question, Held.FOUND, "it said that it took one, and has not")
    return Answer(question, Held.UNKNOWN, f"it took none: {outcome.said}")


def _single_use(answers: tuple[Answer, ...]) -> Answer:
    """Say how far what is spent once stays spent, from what the remote does."""
    name = "single use"
    known = {answer.question: answer.held for answer in answers}
    asked = ("compare-and-swap", "no rewinds", "no deletes")
    words = [known.get(question, Held.UNKNOWN) for question in asked]
    if Held.FOUND in words:
        which = ", ".join(q for q, word in zip(asked, words, strict=True) if word is Held.FOUND)
        said = (
            f"whoever may push there can make it forget ({which}): every clone that saw the spend"
            " finds it, one that did not cannot"
        )
        return Answer(name, Held.FOUND, said)
    if Held.UNKNOWN in words:
        return Answer(name, Held.UNKNOWN, "not everything that it stands on could be tried")
    return Answer(name, Held.HELD, "what is spent there stays spent, whoever pushes")
