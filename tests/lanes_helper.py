"""Run lanes for real: a folder from a dict, a throw-away key, a store of its own.

Nothing is mocked unless a test says so: ``Bench.run`` is what ``greenlight run`` does, and
``Ran.verdict`` what ``greenlight verify`` says of it afterwards.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from greenlight.execution.confinement import Confinement, Unconfined
from greenlight.ledger.append import append
from greenlight.model.documents import Header
from greenlight.model.entry import sign_entry
from greenlight.model.grant import Grant
from greenlight.model.lane import Lane
from greenlight.model.lane_file import parse_lane
from greenlight.model.state import LedgerState
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.admission import Examined, Request
from greenlight.services.drafting import Closed, Draft
from greenlight.services.founding import DELEGATION, NO_PRODUCTION, found_ledger
from greenlight.services.opening import current_state
from greenlight.services.packets import Located, locate
from greenlight.services.provider import FolderProvider
from greenlight.services.run import RunResult, plan_lane, run_lane
from greenlight.services.sealing import Sealed, seal_together
from greenlight.services.surroundings import Surroundings
from greenlight.services.verifying import Trust, Verdict, verify_located
from greenlight.store.packwriter import PackWriter
from greenlight.store.repository import Store, create_store

OWNER = SeedSigner(hashlib.sha256(b"the owner of a throw-away store").digest())
STRANGER = SeedSigner(hashlib.sha256(b"somebody else").digest())
ROOT = Path(__file__).resolve().parent.parent

GREETING = {"id": "GREETING", "path": "greeting.txt", "change": "create", "undo": "delete"}
WRITE = {"id": "write", "run": ["sh", "-c", "echo hello > greeting.txt"], "touches": ["GREETING"]}


def digest(data: bytes | str) -> str:
    return str(Digest.of(data.encode() if isinstance(data, str) else data))


def lane(**fields: Any) -> dict[str, Any]:
    """The lane that writes a greeting, with other fields where they are given."""
    good = {
        "format": 1,
        "lane": "greet",
        "title": "Write a greeting",
        "mode": "staging",
        "allowed": [GREETING],
        "steps": [WRITE],
    }
    return good | fields


def shell(script: str, **fields: Any) -> dict[str, Any]:
    """A step that hands a script to sh, by argument vector."""
    return {"id": "write", "run": ["sh", "-c", script]} | fields


def editing(change: str = "modify", **surface: Any) -> dict[str, Any]:
    """A lane that appends a line to kb/doc.md and publishes it, beside two other files."""
    row = {"id": "DOC", "path": "kb/doc.md", "change": change, "undo": "restore", "publish": True}
    return lane(
        workspace=[{"source": "kb", "at": "kb"}],
        allowed=[row | surface],
        tools=["upload_document"],
        steps=[
            shell("echo more >> kb/doc.md", touches=["DOC"]),
            {"id": "publish", "builtin": "publish", "touches": ["DOC"]},
        ],
    )


@dataclass
class Clock:
    """The time of this machine, moved by ``shift``."""

    shift: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class Ran:
    """A run that is over, as others see it."""

    store: Store
    result: RunResult

    @cached_property
    def located(self) -> Located:
        return locate(self.store, self.result.sealed.packet_tree, whole=True)

    @cached_property
    def verdict(self) -> Verdict:
        return verify_located(self.located, Trust(), store=self.store)

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.located.files

    @property
    def status(self) -> str:
        return self.verdict.status

    def document(self, name: str) -> Any:
        return json.loads(self.files[name])

    @property
    def log(self) -> dict[str, dict[str, Any]]:
        return {row["step"]: row for row in self.document("execution-log.json")["steps"]}

    @property
    def states(self) -> dict[str, str]:
        return {step: row["state"] for step, row in self.log.items()}

    @property
    def failed(self) -> tuple[str, str]:
        """The step that failed, and its code; ("", "") where none did."""
        rows = [row for row in self.log.values() if row["state"] == "failed"]
        return (rows[0]["step"], rows[0]["code"].partition(":")[0]) if rows else ("", "")

    @property
    def mutations(self) -> dict[str, dict[str, Any]]:
        return {row["path"]: row for row in self.document("outcomes.json")["mutations"]}

    @property
    def published(self) -> list[dict[str, Any]]:
        return self.document("publication.json")["published"]


@dataclass
class Bench:
    """A lane's folder, a store with a ledger, and what a run needs besides."""

    folder: Path
    store: Store
    rooms: Path
    signer: SeedSigner = OWNER
    clock: Clock = field(default_factory=Clock)
    variables: dict[str, str] = field(default_factory=dict)
    confinement: Confinement = field(default_factory=Unconfined)

    @classmethod
    def make(cls, tmp: Path, files: Mapping[str, bytes | str] | None = None, **more: Any) -> Bench:
        """Make all of it below ``tmp``; ``object_format`` and ``found`` may be given."""
        object_format, found = more.pop("object_format", "sha256"), more.pop("found", True)
        for name in ("lane", "rooms"):
            (tmp / name).mkdir(parents=True)
        store = create_store(tmp / "store.git", object_format=object_format)
        bench = cls(tmp / "lane", store, tmp / "rooms", **more)
        for path, data in (files or {}).items():
            bench.write(path, data)
        if found:
            found_ledger(store, OWNER, clock=bench.clock)
        return bench

    def write(self, path: str, data: bytes | str, mode: int = 0o644) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        target.chmod(mode)
        return target

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            self.store, self.signer, self.confinement, self.clock, self.variables, self.rooms
        )

    @property
    def provider(self) -> FolderProvider:
        return FolderProvider(self.folder, self.store, Trust())

    @property
    def state(self) -> LedgerState:
        return current_state(self.store)

    def request(self, wanted: dict[str, Any] | bytes, grant: str = "") -> Request:
        data = wanted if isinstance(wanted, bytes) else json.dumps(wanted, indent=1).encode()
        return Request(data, self.signer.public.uri, self.clock(), grant)

    def parse(self, wanted: dict[str, Any]) -> Lane:
        return parse_lane(self.request(wanted).lane)

    def plan(self, wanted: dict[str, Any] | bytes, **more: Any) -> Examined:
        return plan_lane(self.request(wanted, **more), self.provider, self.around)

    def run(self, wanted: dict[str, Any] | bytes, *, on_step: Any = None, **more: Any) -> Ran:
        """Run a lane; ``on_step`` is told each step's id before it begins."""
        around = self.around if on_step is None else replace(self.around, on_step=on_step)
        result = run_lane(self.request(wanted, **more), self.provider, self.folder, around)
        return Ran(self.store, result)

    def grant(self, name: str, **fields: Any) -> None:
        """Let the owner issue a grant for every lane, with other fields where they are given."""
        values = {
            "grant": name,
            "lane": "*",
            "executor": self.signer.public.uri,
            "authority": NO_PRODUCTION,
            "delegation": DELEGATION,
            "operations": ("*",),
            "modes": ("staging",),
            "not_before": "",
            "expires": format_seconds(self.clock() + timedelta(days=1)),
            "max_uses": 10,
        }
        body = Grant(**(values | fields))
        entry = sign_entry(body, uuid=str(uuid.uuid4()), signer=OWNER)
        append(self.store, OWNER, lambda _state, _now: [entry], clock=self.clock)


def contents(folder: Path) -> dict[str, str]:
    """Every path below a folder, with its mode and the digest of its bytes."""
    return dict(_contents(folder))


def _contents(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        name = str(path.relative_to(folder))
        yield name, f"{status.st_mode:o} {hashlib.sha256(data).hexdigest()}"


def all_objects(store: Store) -> bytes:
    """The bytes of every object of a store, reachable or not, as git gives them."""
    return subprocess.run(
        ["git", "--git-dir", store.git_dir, "cat-file", "--batch-all-objects", "--batch"],
        capture_output=True,
        check=True,
    ).stdout


def seal_files(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: SeedSigner,
    files: Mapping[str, bytes],
    header: Header,
    *,
    lineage: tuple[str, ...],
    clock: Callable[[], datetime],
) -> Sealed:
    """Seal files exactly as they are, whatever a run would have made of them."""

    def write(pack: PackWriter) -> list[Closed]:
        draft = Draft(pack)
        for path, data in files.items():
            draft.add(path, data)
        return [draft.close(header, signer, lineage)]

    (sealed,) = seal_together(store, signer, write, clock=clock)
    return sealed
