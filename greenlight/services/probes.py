"""Send the fifteen bad inputs of source 001, and one good one, through the real entries.

Requests 1 to 11 and the control go through ``services.opening.open_run``, the entry
that a run takes; 12 to 15 are evidence, and go through ``services.closing.require_sealable``,
the door that every run's evidence takes before it is sealed.  All of it happens
against a store made for the purpose and thrown away: the user's is not even open here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.execution.workspace import Workspace
from greenlight.model.codec import draft, to_plain
from greenlight.model.documents import BadInputProbes
from greenlight.model.documents.bad_input_probes import ProbeRow
from greenlight.model.documents.outcomes import MutationRow
from greenlight.model.evidence import Evidence
from greenlight.model.lane import ForbiddenSurface, Lane, Step
from greenlight.model.snapshot import ABSENT, FileState
from greenlight.model.surface import SurfaceClass
from greenlight.model.words import Mode, Status
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services.admission import Provider, Request
from greenlight.services.closing import require_sealable
from greenlight.services.founding import found_ledger
from greenlight.services.opening import open_run
from greenlight.store.repository import Store, create_store
from greenlight.verify.probe_classes import ACCEPTED, PROBES, ProbeClass

# Not a secret: the store that it signs for lives for a second and is thrown away.
_SEED = Digest.of(b"greenlight probes: a key for a throw-away store").value
_TARGET = "probe-target"
_PASS = re.compile(r"\bPASS\b")

_TOUCHED = {
    2: SurfaceClass.REAL_RUN,
    3: SurfaceClass.QT001_APPLY,
    4: SurfaceClass.CUTOVER,
    5: SurfaceClass.PRODUCTION_PG,
    6: SurfaceClass.DIRECTUS,
    7: SurfaceClass.SYSTEM_ISSUES,
    8: SurfaceClass.CI_DEPLOY,
    9: SurfaceClass.SECRETS,
    10: SurfaceClass.EVIDENCE_DELETION,
}


def send_probes(
    lane: Lane,
    provider: Provider,
    evidence: Evidence,
    *,
    clock: Callable[[], datetime],
    parent: Path | None,
) -> BadInputProbes:
    """Send all probes and write down what came of each.

    Args:
        lane: The lane of the run; each bad request is this one with one thing wrong.
        provider: The run's surroundings.
        evidence: What the run has so far, with a status claimed; each bad evidence is
            this with one thing wrong.
        clock: The time of this machine.
        parent: Where the throw-away store is made.
    """
    signer = SeedSigner(_SEED)
    with Workspace.create(parent) as room:
        store = create_store(room.root / "store", object_format="sha256")
        with store:
            found_ledger(
                store,
                signer,
                clock=clock,
                authority=lane.authority,
                lanes=lane.lane,
                # The run has this authority, or it would not have been opened.
                operations=tuple(sorted({"*", *(f"resolve:{name}" for name in lane.resolves)})),
            )
            rows = tuple(
                _send(probe, _entry(probe, lane, provider, evidence, store, signer, clock), store)
                for probe in PROBES
            )
            control = _outcome(
                lambda: open_run(
                    store, signer, _request(lane, signer, clock), provider, clock=clock
                )
            )
    return draft(BadInputProbes, probes=rows, control=control[0])


def _entry(  # noqa: PLR0913, PLR0917 - everything that a request is made of
    probe: ProbeClass,
    lane: Lane,
    provider: Provider,
    evidence: Evidence,
    store: Store,
    signer: SeedSigner,
    clock: Callable[[], datetime],
) -> Callable[[], object]:
    """Return the call that sends one probe."""
    if probe.number >= 12:  # noqa: PLR2004 - the first that is evidence, not a request
        bad = _bad_evidence(probe, evidence)
        return lambda: require_sealable(bad)
    request = _request(_bad_lane(probe, lane), signer, clock)
    return lambda: open_run(store, signer, request, provider, clock=clock)


def _request(lane: Lane, signer: SeedSigner, clock: Callable[[], datetime]) -> Request:
    # JSON is YAML 1.2: the request is a lane file like any other.
    return Request(cjson.encode(to_plain(lane)), signer.public.uri, clock())


def _bad_lane(probe: ProbeClass, lane: Lane) -> Lane:
    if probe.number == 1:
        return replace(lane, mode=Mode.PROD.value)
    if probe.code is Code.DELEGATION_MISSING:
        # The same lane under a name that nobody was let run.
        other = "a-lane-without-a-delegation"
        return replace(lane, lane=other if lane.lane != other else f"{other}-2")
    surface = ForbiddenSurface(
        id=_TARGET, surface_class=_TOUCHED[probe.number], name=probe.probe_class
    )
    step = Step(id=_TARGET, run=("true",), touches=(_TARGET,))
    return replace(
        lane, forbidden=(*lane.forbidden, surface), steps=(*_before(lane), step, *_after(lane))
    )


def _before(lane: Lane) -> tuple[Step, ...]:
    """Return the steps that may stand before a command."""
    return lane.steps[: _commands_end(lane)]


def _after(lane: Lane) -> tuple[Step, ...]:
    return lane.steps[_commands_end(lane) :]


def _commands_end(lane: Lane) -> int:
    early = ("preflight", "seal_recheck")
    return next(
        (
            index
            for index, step in enumerate(lane.steps)
            if step.builtin is not None and step.builtin.value not in early
        ),
        len(lane.steps),
    )


def _bad_evidence(probe: ProbeClass, evidence: Evidence) -> Evidence:
    proof = evidence.rollback
    match probe.code:
        case Code.ROLLBACK_NO_MUTATION:
            return replace(evidence, rollback=replace(proof, mutations=()))
        case Code.ROLLBACK_APPLY_DID_NOT_MUTATE:
            rows = tuple(replace(row, applied=row.before) for row in proof.mutations)
            return replace(evidence, rollback=replace(proof, mutations=rows))
        case Code.ROLLBACK_PROOF_MISSING:
            return replace(evidence, rollback=replace(proof, reached=False))
    # PASS while a forbidden surface was touched: it claims the most there is to claim.
    header = replace(evidence.header, status=Status.APPLIED_CLEAN)
    touched = MutationRow(
        path="a-forbidden-surface",
        change="created",
        surface="",
        before=ABSENT,
        after=FileState("file", "0644", 0, str(Digest.of(b""))),
        artifact="",
    )
    outcomes = replace(evidence.outcomes, mutations=(*evidence.outcomes.mutations, touched))
    return replace(evidence, header=header, outcomes=outcomes)


def _send(probe: ProbeClass, entry: Callable[[], object], store: Store) -> ProbeRow:
    before = _contents(store)
    said, codes, text = _outcome(entry)
    after = _contents(store)
    expected = str(probe.code)
    refs, objects = (
        sum(after[name].get(key) != before[name].get(key) for key in after[name] | before[name])
        for name in ("refs", "objects")
    )
    return draft(
        ProbeRow,
        number=probe.number,
        probe_class=probe.probe_class,
        expected=expected,
        # Several things may be wrong with a bad input; the one that was made must be named.
        got=expected if expected in codes else said,
        objects_left=objects,
        refs_left=refs,
        pass_token=_PASS.search(text) is not None,
    )


def _outcome(entry: Callable[[], object]) -> tuple[str, frozenset[str], str]:
    """Return what a request gave: accepted or a code, all codes, and what was said."""
    try:
        entry()
    except GreenlightError as error:
        return error.code.name, frozenset(code.name for code in error.codes), str(error)
    return ACCEPTED, frozenset(), ""


def _contents(store: Store) -> dict[str, dict[str, str]]:
    """Return the store's refs, and its objects by name."""
    objects = {path.name: path.parent.name for path in _files(store.git_dir / "objects")}
    return {"refs": dict(store.refs.list("refs/")), "objects": objects}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
