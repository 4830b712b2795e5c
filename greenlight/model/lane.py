"""Lane files: what a person writes to have a change executed inside a scope lock.

The fields below are the whole language; ``docs/spec/lane.md`` is made from them.
Paths are relative, ``/``-separated, and never leave the lane file's folder (for
sources) or the workspace (for everything else).  ``services.load_lane`` reads the
YAML; ``verify.lane`` says what contradicts itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from greenlight.model.fields import (
    Count,
    DigestText,
    Label,
    Line,
    MaybeDigest,
    MaybeLabel,
    Note,
    Positive,
    Range,
    Slug,
    Text,
    Variable,
    given,
    value,
)
from greenlight.model.surface import Change, SurfaceClass
from greenlight.primitives.limits import DEFAULT_STEP_OUTPUT_BYTES, MAX_STEP_OUTPUT_BYTES

MAX_TIMEOUT_SECONDS = 86_400  # one day: longer work is several lanes
DEFAULT_TIMEOUT_SECONDS = 60

RelativePath = Annotated[str, Text(r"[^\u0000-\u001f\u007f\\]{1,4096}", "a relative path")]
MaybePath = Annotated[str, Text(r"[^\u0000-\u001f\u007f\\]{0,4096}", "a relative path, or none")]
SurfaceId = Annotated[
    str,
    Text(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?", "an id of letters, digits, - and _"),
]
PIN_RULE = "full-normalized-content"
# What a digest looks like in the examples: the SHA-256 of no bytes at all.
_DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class InputKind(StrEnum):
    """What a preflight input is."""

    FILE = "file"
    PACKET = "packet"
    VERDICT = "verdict"


class Treatment(StrEnum):
    """What the preflight does with a packet that is an input (source-notes, B1)."""

    READ = "read"
    REFERENCE = "reference"
    RECONSTRUCT = "reconstruct"


class Builtin(StrEnum):
    """Steps that greenlight itself carries out."""

    PREFLIGHT = "preflight"
    SEAL_RECHECK = "seal_recheck"
    ROLLBACK_PROOF = "rollback_proof"
    GATE = "gate"
    PROBES = "probes"
    PUBLISH = "publish"
    REVIEW = "review"


class Decision(StrEnum):
    """Whether a planning surface was taken into the lane (001:13)."""

    INCLUDED = "included"
    EXCLUDED = "excluded"


class Standing(StrEnum):
    """What was known of a planning surface when it was decided."""

    SAFE = "safe"
    RISKY = "risky"
    PRODUCTION = "production"
    UNKNOWN = "unknown"


class Resolver(StrEnum):
    """Who may resolve a blocker."""

    OWNER = "owner"
    OPERATOR = "operator"


class Undo(StrEnum):
    """How an allowed change is taken back."""

    DELETE = "delete"
    RESTORE = "restore"
    RUN = "run"


class Retain(StrEnum):
    """What a packet keeps of an output (requirement A10)."""

    FULL = "full"
    DIGEST = "digest"
    WITHHELD = "withheld"


@value
class Source:
    """A file or folder that the workspace starts with."""

    source: RelativePath = given("Path beside the lane file.", "kb")
    at: RelativePath = given("Where it stands in the workspace.", "kb")


@value
class Input:
    """Something that must be exactly what it was when the lane was written."""

    name: Line = given("What people call it.", "canonical fold")
    kind: InputKind = given("file, packet or verdict.", "file")
    path: MaybePath = given("For a file or verdict: its path.", "inputs/fold.txt", default="")
    digest: MaybeDigest = given("SHA-256 of the file, or the packet tree.", _DIGEST, default="")
    treatment: Treatment = given(
        "read; for a packet: reference it, or reconstruct and verify it.",
        "reference",
        default=Treatment.READ,
    )
    contains: Note = given(
        "For a verdict: the words that must stand in it.", "FINAL_CLEAN", default=""
    )


@value
class AllowedSurface:
    """A surface that may change, and how."""

    id: SurfaceId = given("Name of the surface within the lane.", "KB-M1")
    path: RelativePath = given("Path or pattern in the workspace.", "kb/blueprint.md")
    change: Change = given("create, modify or delete.", "create")
    undo: Undo = given(
        "How it is taken back: delete, restore or run.", "delete", default=Undo.RESTORE
    )
    publish: bool = given("Whether it leaves the workspace once proven.", True, default=False)
    retain: Retain = given(
        "What the packet keeps of its new content: full, digest or withheld.",
        "withheld",
        default=Retain.FULL,
    )


@value
class ForbiddenSurface:
    """A surface that must not be touched, and how one would notice."""

    id: SurfaceId = given("Name of the surface within the lane.", "F01")
    surface_class: SurfaceClass = given("Which of the classes of 001 it is.", "production-pg")
    name: Line = given("What people call it.", "production PG")
    paths: tuple[RelativePath, ...] = given(
        "Paths or patterns in the workspace.", ["db/**"], default=()
    )
    tools: tuple[Line, ...] = given("Tool operations.", ["query_pg"], default=())
    network: tuple[Line, ...] = given("Network destinations.", ["pg.example:5432"], default=())
    programs: tuple[Line, ...] = given("Programs.", ["psql"], default=())
    variables: tuple[Variable, ...] = given("Environment variables.", ["PGPASSWORD"], default=())
    refs: tuple[Line, ...] = given(
        "Git refs, as repository:ref.", ["repo.git:refs/heads/production"], default=()
    )
    databases: tuple[Line, ...] = given(
        "Of SQLite databases, as file:schema or file:rows:table.",
        ["db/app.sqlite:rows:accounts"],
        default=(),
    )


@value
class PlanningSurface:
    """A numbered surface of the plan, with the decision about it."""

    number: Positive = given("Its number in the plan.", 1)
    name: Line = given("What it is.", "operative marker inside the canonicalizer")
    standing: Standing = given("safe, risky, production or unknown.", "risky")
    decision: Decision = given("included or excluded.", "excluded")
    reason: Line = given("Why.", "it would change the pinned document")
    paths: tuple[RelativePath, ...] = given(
        "Its paths in the workspace, if any.", ["kb/canonicalizer.md"], default=()
    )


@value
class Step:
    """One step: an argument vector, or something greenlight does itself."""

    id: SurfaceId = given("Name of the step.", "S5")
    title: Note = given("What it is for.", "publish M-1", default="")
    builtin: Builtin | None = given("A built-in step.", "publish", default=None)
    run: tuple[Line, ...] = given("An argument vector.", ["@python", "make.py"], default=())
    command: Note = given("A shell string; needs `shell: true`.", "sort names > sorted", default="")
    shell: bool = given("Says that `command` goes to /bin/sh.", True, default=False)
    tool: MaybeLabel = given("The tool operation it calls.", "upload_document", default="")
    touches: tuple[SurfaceId, ...] = given("Surfaces it touches.", ["KB-M1"], default=())
    document: MaybePath = given(
        "For publish: the source beside the lane file.", "documents/m1.md", default=""
    )
    workdir: MaybePath = given("Where it runs, in the workspace.", "kb", default="")
    timeout_seconds: Annotated[int, Range(1, MAX_TIMEOUT_SECONDS)] = given(
        "Seconds after which it is ended.", 300, default=DEFAULT_TIMEOUT_SECONDS
    )
    max_output_bytes: Annotated[int, Range(1, MAX_STEP_OUTPUT_BYTES)] = given(
        "Bytes of output after which it is ended.", 2**20, default=DEFAULT_STEP_OUTPUT_BYTES
    )
    expect_exit: tuple[Annotated[int, Range(0, 255)], ...] = given(
        "Exit codes that are success.", [0], default=(0,)
    )
    retain: Retain = given(
        "What the packet keeps of its output: full, digest or withheld.",
        "digest",
        default=Retain.FULL,
    )


@value
class Command:
    """An argument vector with a name: an undo step, or a view."""

    id: SurfaceId = given("Its name.", "rows")
    run: tuple[Line, ...] = given("The argument vector.", ["@python", "dump.py", "db/app.sqlite"])
    timeout_seconds: Annotated[int, Range(1, MAX_TIMEOUT_SECONDS)] = given(
        "Seconds after which it is ended.", 300, default=DEFAULT_TIMEOUT_SECONDS
    )


@value
class Rollback:
    """How the whole change is taken back, and what else is compared."""

    steps: tuple[Command, ...] = given("Run in order, for surfaces with `undo: run`.", default=())
    views: tuple[Command, ...] = given(
        "Commands whose output is compared before, applied and restored.", default=()
    )


@value
class LanePin:
    """A document whose content is locked."""

    name: Line = given("What people call it.", "P7 canonicalizer SSOT")
    path: RelativePath = given("Its path in the workspace.", "kb/canonicalizer.md")
    rule: Line = given("How it is normalised: full-normalized-content.", PIN_RULE)
    digest: DigestText = given("SHA-256 of the normalised content.", _DIGEST)


@value
class Tickets:
    """A range of ticket numbers to reserve."""

    # Letters, digits, - and _: with the number it is one segment of a claim in the ledger.
    prefix: SurfaceId = given("What stands before the number.", "TKT-OBJ")
    first: Positive = given("First number.", 442)
    last: Positive = given("Last number.", 461)
    ceiling: Count = given("The registry's highest number.", 441)
    registry: tuple[RelativePath, ...] = given(
        "The canonical registry's files.", ["kb/registry.json"], default=()
    )


@value
class LaneBlocker:
    """Something that still blocks production."""

    id: Label = given("Its id.", "FIX7-P0-PROD-OPT4-1")
    reason: Line = given("What is missing.", "production OPT-4 is not granted")
    resolver: Resolver = given("Who may resolve it.", "owner")
    evidence: Line = given("What evidence that takes.", "a signed production grant")


@value
class Prior:
    """A packet that this one depends on."""

    packet_tree: DigestText = given("Its packet tree.", _DIGEST)
    relation: Slug = given("What it is to this one.", "prior", default="prior")


@value
class NextDecision:
    """What is to be decided after this lane, and by whom."""

    decision: Label = given("HOLD unless an owner says otherwise.", "HOLD", default="HOLD")
    by: Line = given("Who decides.", "owner and operator", default="owner")
    grants_needed: tuple[Label, ...] = given(
        "Grants that going on would take.", ["PRODUCTION_OPT_4"], default=()
    )


@value
class Setting:
    """A variable that steps get."""

    name: Variable = given("Its name.", "LC_ALL")
    content: Note = given("Its value.", "C")


@value
class Destination:
    """Where a step may connect to, through the recording proxy."""

    host: Annotated[str, Text(r"[A-Za-z0-9._:-]{1,253}", "a host name or an address")] = given(
        "Name or address.", "pypi.org"
    )
    port: Annotated[int, Range(1, 65_535)] = given("Its port.", 443)
    intercept: bool = given(
        "Whether what is said there is looked into, though it is encrypted.", True, default=False
    )


@value
class EnvironmentRules:
    """What of the environment reaches a step."""

    allow: tuple[Variable, ...] = given(
        "Variables passed through.", ["PATH", "API_TOKEN"], default=()
    )
    masked: tuple[Variable, ...] = given("Of these, the secret ones.", ["API_TOKEN"], default=())
    set: tuple[Setting, ...] = given("Variables set for every step.", default=())
    execute: bool = given(
        "Whether a step may start programs that lie in the workspace.", True, default=False
    )


@value
class Lane:
    """A change, described before it is made."""

    format: Annotated[int, Range(1, 1)] = given("Version of the lane format.", 1)
    lane: Slug = given("Name of the lane.", "add-greeting")
    title: Line = given("What it does, for people.", "Add a greeting")
    mode: Line = given("dry_run, staging or prod; nothing else.", "staging")
    authority: Label = given(
        "The authority it needs.",
        "IMPLEMENTATION_EXECUTION_NO_PRODUCTION",
        default="IMPLEMENTATION_EXECUTION_NO_PRODUCTION",
    )
    owner_ask: bool = given("Whether an owner was asked for something.", True, default=False)
    not_authority: tuple[Line, ...] = given(
        "Seals and pins that grant nothing.", ["the P7 seal"], default=()
    )
    satisfies: tuple[Label, ...] = given(
        "Gates that the delegation satisfies.", ["STAGING_EXECUTION"], default=()
    )
    hands_on: tuple[Label, ...] = given(
        "Gates handed on to the blocker map.", ["PRODUCTION_CUTOVER"], default=()
    )
    workspace: tuple[Source, ...] = given("What the workspace starts with.", default=())
    inputs: tuple[Input, ...] = given("What the preflight checks.", default=())
    allowed: tuple[AllowedSurface, ...] = given("Surfaces that may change.", default=())
    forbidden: tuple[ForbiddenSurface, ...] = given("Surfaces that must not.", default=())
    planning: tuple[PlanningSurface, ...] = given("Planning surfaces.", default=())
    tools: tuple[Line, ...] = given("Tool operations allowed.", ["upload_document"], default=())
    steps: tuple[Step, ...] = given("The steps, in order.")
    never: tuple[Line, ...] = given("The FORBIDDEN row.", ["production", "REAL_RUN"], default=())
    rollback: Rollback | None = given("How the change is taken back.", default=None)
    pins: tuple[LanePin, ...] = given("Documents that are locked.", default=())
    tickets: Tickets | None = given("Tickets to reserve.", default=None)
    blockers: tuple[LaneBlocker, ...] = given("What still blocks production.", default=())
    resolves: tuple[Label, ...] = given(
        "Blockers it claims to resolve.", ["FIX7-P0-PROD-OPT4-1"], default=()
    )
    lineage: tuple[Prior, ...] = given("Packets it depends on.", default=())
    next_decision: NextDecision | None = given("What comes next.", default=None)
    environment: EnvironmentRules | None = given("What reaches a step.", default=None)
    network: tuple[Destination, ...] = given("Where a step may connect to.", default=())


# What every run does, and where: preflight first, nothing published before the proofs.
ORDER = (
    Builtin.PREFLIGHT,
    Builtin.SEAL_RECHECK,
    Builtin.ROLLBACK_PROOF,
    Builtin.GATE,
    Builtin.PROBES,
    Builtin.PUBLISH,
    Builtin.REVIEW,
)
MANDATORY = tuple(b for b in ORDER if b not in (Builtin.SEAL_RECHECK, Builtin.PUBLISH))


def complete_steps(lane: Lane) -> tuple[Step, ...]:
    """Return the lane's steps with the built-ins that it leaves unsaid, in their places."""
    named = {step.builtin for step in lane.steps}
    steps = list(lane.steps)
    for builtin in MANDATORY:
        if builtin in named:
            continue
        place = 0 if builtin is Builtin.PREFLIGHT else _place(steps, builtin)
        steps.insert(place, Step(id=str(builtin).replace("_", "-"), builtin=builtin))
    return tuple(steps)


def _place(steps: list[Step], builtin: Builtin) -> int:
    """Find the place before the first built-in that comes later, else the end."""
    later = ORDER[ORDER.index(builtin) + 1 :]
    return next((i for i, step in enumerate(steps) if step.builtin in later), len(steps))
