"""Imports point down, never up, and never in a circle; each foreign library has one door.

This sees imports and names, not what they do: ``open()`` in a pure module would be
seen here, ``getattr(builtins, ...)`` would not.
"""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import greenlight

ROOT = Path(greenlight.__file__).parent

# From the ground up; what stands in one row does not know its neighbours.
LAYERS = (
    ("codes",),
    ("errors",),
    ("primitives",),
    ("model",),
    ("verify",),
    ("shipped", "store", "execution", "forge"),
    ("ledger",),
    ("services",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
PURE = {"codes", "errors", "primitives", "model", "verify"}

# What a verdict must not depend on: files, clocks, processes, the network, chance.
OUTSIDE = {
    "asyncio", "fcntl", "ftplib", "getpass", "glob", "http", "importlib.metadata",
    "importlib.resources",  # import_module loads this package, and no data
    "io", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "pwd",
    "random", "resource", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid", "zipfile",
    "dulwich", "jsonschema", "typer",
}  # fmt: skip
CALLS = {"open", "input", "print", "now", "utcnow", "today", "getenv"}

DOORS = {
    "bcrypt": "primitives.openssh_private",
    "cbor2": "primitives.cbor",
    "cryptography": "primitives.openssh_private",
    "dulwich": "store",
    "httpx": "forge",
    "jsonschema": "services.schema",
    "nacl": "primitives.ed25519",
    "referencing": "services.schema",
    "ruamel": "primitives.yaml12",
    "stamina": "forge",
    "typer": "cli",
    "click": "cli",
}


@cache
def trees() -> dict[str, ast.Module]:
    """Parse every module, by name without the leading ``greenlight.``."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix("__init__").rstrip(".") or "greenlight"] = ast.parse(
            path.read_text(encoding="utf-8")
        )
    return found


@cache
def imports() -> dict[str, frozenset[str]]:
    """Map each module to the names it imports, lazy and typing-only imports too."""
    return {name: frozenset(imported(tree)) for name, tree in trees().items()}


def imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inner(name: str) -> str:
    """Return the part of an imported name behind ``greenlight.``, or an empty text."""
    return name.removeprefix("greenlight.") if name.startswith("greenlight.") else ""


def layer(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def crossings() -> list[tuple[str, str]]:
    """Return every pair (module, module or name of greenlight that it imports)."""
    return [
        (module, inner(name))
        for module, names in imports().items()
        for name in names
        if inner(name)
    ]


def test_the_modules_are_seen() -> None:
    """A test that looks at nothing proves nothing."""
    assert len(trees()) > 80
    assert ("verify.packet", "model.packet.Packet") in crossings()


def test_every_module_stands_in_a_layer() -> None:
    """A new folder needs a place among the layers before it gets a module."""
    assert {layer(module) for module in trees()} - RANK.keys() <= {"greenlight", "__main__"}


def test_imports_point_down() -> None:
    """A module imports its own layer or a lower one."""
    upward = [
        f"{module} imports {name}"
        for module, name in crossings()
        if module in trees() and layer(module) in RANK and layer(name) in RANK
        if RANK[layer(name)] > RANK[layer(module)]
    ]
    assert upward == []


def test_neighbours_are_strangers() -> None:
    """Store and execution know nothing of each other: services bring them together."""
    met = [
        f"{module} imports {name}"
        for module, name in crossings()
        if layer(module) in RANK and layer(name) in RANK
        if RANK[layer(name)] == RANK[layer(module)] and layer(name) != layer(module)
    ]
    assert met == []


def test_who_keeps_and_who_executes_does_not_judge() -> None:
    """Only services bring evidence and verdict together; the ledger checks its own chain."""
    allowed = ("verify.ahead", "verify.ledger", "verify.fold")
    met = [
        f"{module} imports {name}"
        for module, name in crossings()
        if layer(module) in {"store", "execution", "ledger"} and layer(name) == "verify"
        if not (layer(module) == "ledger" and name.startswith(allowed))
    ]
    assert met == []


def test_execution_does_not_know_the_ledger() -> None:
    """A step cannot reach the history that it will be written into."""
    met = [m for m, name in crossings() if layer(m) == "execution" and layer(name) == "ledger"]
    assert met == []


def test_the_core_does_no_io() -> None:
    """Codes, errors, primitives, model and verify know no file, clock, process or chance."""
    impure = [
        f"{module} imports {name}"
        for module, names in imports().items()
        for name in sorted(names)
        if layer(module) in PURE and any(f"{name}.".startswith(f"{no}.") for no in OUTSIDE)
    ]
    assert impure == []


def test_the_core_calls_nothing_outside() -> None:
    """No ``open()``, no ``datetime.now()`` where verdicts are computed."""
    called = [
        f"{module}:{node.lineno}"
        for module, tree in trees().items()
        if layer(module) in PURE
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in CALLS)
            or (isinstance(node.func, ast.Attribute) and node.func.attr in CALLS - {"open"})
        )
    ]
    assert called == []


def test_no_circular_imports() -> None:
    """No module imports itself through others, not even lazily."""
    graph = {
        module: {known for name in names if (known := owner(inner(name))) and known != module}
        for module, names in imports().items()
    }
    TopologicalSorter(graph).prepare()


def owner(name: str) -> str:
    """Return the module that an imported name is, or lies in."""
    if name in trees():
        return name
    return name.rpartition(".")[0] if name.rpartition(".")[0] in trees() else ""


@pytest.mark.parametrize("library", DOORS)
def test_a_foreign_library_has_one_door(library: str) -> None:
    """What it accepts too much is refused in one place, and its errors get out nowhere else."""
    door = DOORS[library]
    # Certificates are made, and nothing that came from outside is read with it there; one
    # algorithm is used, and sizes are checked before.
    others = {"cryptography": ("execution.proxy.authority", "primitives.mldsa")}.get(library, ())
    users = [
        module
        for module, names in imports().items()
        if any(name.split(".")[0] == library for name in names)
    ]
    assert [m for m in users if m not in (door, *others) and not m.startswith(f"{door}.")] == []


def test_only_the_command_line_knows_the_machine() -> None:
    """Environment, home folder and terminal are read in one layer; the rest gets arguments."""
    words = {"environ", "environb", "getenv", "home", "expanduser", "isatty", "argv"}
    outside = {name: tree for name, tree in trees().items() if layer(name) not in _MAY_KNOW}
    known = [
        f"{module}:{node.lineno}: {node.attr}"
        for module, tree in outside.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in words
        and isinstance(node.value, ast.Name)
        and node.value.id in {"os", "Path", "sys", "posixpath"}
    ]
    known += [
        f"{module} imports {name}"
        for module in outside
        for name in imports()[module] & {f"os.{word}" for word in words}
    ]
    assert known == []


_MAY_KNOW = {"cli", "__main__"}
