"""The workloads, made from a seed: the same bytes everywhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random

FOLDERS = ("evidence/unit", "evidence/lint", "evidence/types", "evidence/security", "meta")
TOOLS = ("pytest", "ruff", "mypy", "bandit", "trivy")
STATES = ("pass", "pass", "pass", "fail", "skip")
WORDS = ("all checks passed", "unexpected type", "missing annotation", "deprecated call")
W1_FILES = 22  # as many as the packet of source 001 has


def make_w1(root: Path) -> tuple[int, int]:
    """Write W1, one packet of 22 files of JSON lines; return its files and bytes."""
    random = Random(42)  # noqa: S311  # the same workload for everybody
    total = 0
    for index in range(W1_FILES):
        data = _lines(random, int(random.uniform(1500, 7700)))
        path = root / FOLDERS[index % len(FOLDERS)] / f"f{index:02d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        total += len(data)
    return W1_FILES, total


def make_w2(root: Path, *, files: int = 10_000) -> tuple[int, int]:
    """Write W2, one packet of files of 4 KiB; return its files and bytes."""
    random = Random(43)  # noqa: S311  # the same workload for everybody
    for index in range(files):
        path = root / "p" / f"d{index % 100:02d}" / f"f{index:05d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_lines(random, 4096)[:4096])
    return files, files * 4096


def make_w3(root: Path, *, file_bytes: int = 64 * 2**20) -> tuple[int, int]:
    """Write W3, one packet of 16 large files, half of them text, half noise."""
    random = Random(44)  # noqa: S311  # the same workload for everybody
    (root / "p").mkdir(parents=True)
    text = _lines(random, min(file_bytes, 2**23))
    for index in range(16):
        data = random.randbytes(file_bytes)
        if index % 2 == 0:
            shift = index * 1009
            data = (text[shift:] + text[:shift]) * (1 + file_bytes // len(text))
        (root / "p" / f"f{index:02d}").write_bytes(data[:file_bytes])
    return 16, 16 * file_bytes


def make_w4(root: Path, *, packets: int = 1000) -> tuple[int, int]:
    """Write W4, packets of 22 small files each."""
    random = Random(45)  # noqa: S311  # the same workload for everybody
    total = 0
    for number in range(packets):
        for index in range(W1_FILES):
            data = _lines(random, int(random.uniform(500, 2500)))
            path = root / f"p{number:05d}" / FOLDERS[index % len(FOLDERS)] / f"f{index:02d}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            total += len(data)
    return packets * W1_FILES, total


def make_w5(root: Path, *, packets: int = 10_000) -> tuple[int, int]:
    """Write W5, ten times the packets of W4."""
    return make_w4(root, packets=packets)


def _lines(random: Random, size: int) -> bytes:
    """Return whole lines, at least ``size`` bytes of them."""
    out = bytearray()
    while len(out) < size:
        line = {
            "at": f"2026-11-{random.randint(1, 28):02d}T{random.randint(0, 23):02d}:00:00Z",
            "digest": hashlib.sha256(random.randbytes(32)).hexdigest(),
            "file": f"src/pkg_{random.randint(0, 29)}/mod_{random.randint(0, 89)}.py",
            "line": random.randint(1, 2000),
            "message": random.choice(WORDS),
            "rule": f"R{random.randint(0, 399):04d}",
            "status": random.choice(STATES),
            "tool": random.choice(TOOLS),
        }
        out += json.dumps(line, separators=(",", ":")).encode() + b"\n"
    return bytes(out)
