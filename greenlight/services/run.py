"""Run a lane: admitted, opened, staged, proven, published, judged, sealed.

Before the run is open a refusal writes nothing.  After it everything that happened is
sealed, failures too; only a crash leaves a run without a packet, which shows as
ABANDONED, with its use of the grant spent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from greenlight.errors import GreenlightError
from greenlight.execution.workspace import Workspace, sweep
from greenlight.ledger.append import AUTHOR
from greenlight.services.admission import Examined, Provider, Request, admit, examine, masked_values
from greenlight.services.drafting import Closed, Draft
from greenlight.services.opening import Opened, current_state, open_run
from greenlight.services.private import set_apart
from greenlight.services.real_run import RealRun
from greenlight.services.rehearsing import require_sealable_words
from greenlight.services.saying import refresh
from greenlight.services.sealing import Sealed, seal_together
from greenlight.services.surroundings import Surroundings
from greenlight.services.withholding import close_without_secrets, withhold
from greenlight.store.packwriter import PackWriter
from greenlight.store.private import write_private
from greenlight.verify.derive.packet import Derived


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that is over, and its packet.

    Attributes:
        sealed: The packet, in the store.
        derived: Its documents.
        left: What could not be removed of the workspace; the next run tries again.
    """

    sealed: Sealed
    derived: Derived
    left: tuple[str, ...] = ()


def plan_lane(request: Request, provider: Provider, around: Surroundings) -> Examined:
    """Show what a run would do and what stands in its way; nothing is written or run."""
    return examine(_with(request, around), provider, current_state(around.store))


@dataclass(frozen=True, slots=True)
class Job:
    """A lane to be run.

    Attributes:
        request: The lane, and who asks.
        provider: Its surroundings.
        folder: The lane file's folder: what is published goes back where it came from.
    """

    request: Request
    provider: Provider
    folder: Path


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the lanes of one call.

    Attributes:
        results: Of those that were run, in their order; each is sealed.
        error: Why the next one was not run, or has no packet; None where all were.
    """

    results: tuple[RunResult, ...]
    error: GreenlightError | None = None


def run_lane(request: Request, provider: Provider, folder: Path, around: Surroundings) -> RunResult:
    """Run a lane and seal its packet.

    Args:
        request: The lane, and who asks.
        provider: Its surroundings.
        folder: The lane file's folder: what is published goes back where it came from.
        around: The outside world.

    Raises:
        RefusedError: Before the run was open: nothing was written.
        StoreError: The store does not serve.
    """
    return run_lanes([Job(request, provider, folder)], around).results[0]


def run_lanes(jobs: Sequence[Job], around: Surroundings) -> Ended:
    """Run lanes one after the other, and seal their packets together: one pack, one append.

    All are admitted before the first is opened, and each again when its turn comes.  Where
    one cannot be run after others were, those are sealed and the rest is not begun.  Killed
    before the packets are sealed, all runs that were open are ABANDONED.

    Args:
        jobs: What to run, in this order.
        around: The outside world.

    Raises:
        RefusedError: Before any run was open: nothing was written.
        StoreError: The store does not serve.
    """
    jobs = [replace(job, request=_with(job.request, around)) for job in jobs]
    refresh(around.store, needed=False)  # a grant that was just given elsewhere is known here
    for job in jobs if len(jobs) > 1 else ():
        admit(job.request, job.provider, current_state(around.store))
    sweep(around.parent)  # what killed runs have left
    # Before there is a pack: a run that is refused touches nothing.
    finished = [_carry_out(jobs[0], around)]
    failures: list[BaseException] = []

    def write(pack: PackWriter) -> list[Closed]:
        closed = [finished[0].close(pack, around)]
        for job in jobs[1:]:
            try:
                done = _carry_out(job, around)
                closed.append(done.close(pack, around))
            except BaseException as error:  # noqa: BLE001 - whatever it is, what was run is sealed
                failures.append(error)
                break
            finished.append(done)
        return closed

    def clock() -> datetime:
        return finished[-1].clock()  # not behind the ledger time at which the last was opened

    sealed = seal_together(around.store, around.signer, write, clock=clock)
    results = tuple(
        RunResult(each, done.derived, done.left)
        for each, done in zip(sealed, finished, strict=True)
    )
    error = failures[0] if failures else None
    if error is not None and not isinstance(error, GreenlightError):
        raise error
    return Ended(results, error)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A run that is over and not sealed yet."""

    derived: Derived
    files: Mapping[str, bytes]
    private: Mapping[str, bytes]
    left: tuple[str, ...]
    clock: Callable[[], datetime]

    def close(self, pack: PackWriter, around: Surroundings) -> Closed:
        """Put the packet into the pack; what it withholds comes first, where it is kept.

        A packet that is sealed must not say of bytes that are lost that they were kept.
        """
        header = self.derived.header
        if self.private:
            write_private(
                around.store, header.packet_id, self.private, author=AUTHOR, time=self.clock()
            )
        draft = Draft(pack)
        for path, data in self.files.items():
            draft.add(path, data)
        priors = self.derived.evidence.lane.lineage
        lineage = tuple(prior.packet_tree.removeprefix("sha256:") for prior in priors)
        return draft.close(header, around.signer, lineage)


def _carry_out(job: Job, around: Surroundings) -> _Finished:
    """Open a run, carry it out, and close its evidence."""

    def rehearse(opened: Opened) -> None:
        rehearsal = RealRun(opened, job.provider, job.folder, around, Workspace(job.folder, -1))
        masked = masked_values(opened.admission.lane, around.variables)
        require_sealable_words(rehearsal.rehearse(), masked)

    opened = open_run(
        around.store,
        around.signer,
        job.request,
        job.provider,
        clock=around.clock,
        rehearse=rehearse,
    )
    around = replace(around, clock=_forwards(around.clock, opened.at))
    workspace = Workspace.create(around.parent)
    try:
        run = RealRun(opened, job.provider, job.folder, around, workspace)
        evidence, artifacts = run.carry_out()
    finally:
        # What a step has made unremovable is no reason to lose the evidence of it.
        left = workspace.remove()
    artifacts = withhold(around.store, evidence, artifacts)
    artifacts, private = set_apart(evidence, artifacts, run.veil)
    masked = masked_values(evidence.lane, around.variables)
    derived, files = close_without_secrets(evidence, opened.admission.lane_bytes, artifacts, masked)
    return _Finished(derived, files, private, left, around.clock)


def _with(request: Request, around: Surroundings) -> Request:
    """Let admission know the caller's variables: no masked value may stand in the lane."""
    return replace(request, variables=around.variables)


def _forwards(clock: Callable[[], datetime], since: datetime) -> Callable[[], datetime]:
    """Return a clock that never goes back, beginning at the ledger time of the run."""
    latest = since

    def read() -> datetime:
        nonlocal latest
        latest = max(latest, clock())
        return latest

    return read
