"""The programs that are compared: where they are, which version, and their keys."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.paired import Command

BIN = Path(sys.executable).parent
IN_TOTO_KEY, GIT_KEY = "in-toto.pem", "git_key"


@dataclass(frozen=True, slots=True)
class Bench:
    """A scratch home with keys for everybody, and a workload.

    Attributes:
        home: HOME of all programs.
        work: The workload's folder, never changed.
    """

    home: Path
    work: Path

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of every process, the same for all."""
        return {
            "HOME": str(self.home),
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GREENLIGHT_NO_MAINTAIN": "1",  # nothing may run on beside what is timed
        }

    def command(self, cwd: Path, *argv: str) -> Command:
        return Command(argv, cwd, self.env)

    def run(self, cwd: Path, *argv: str) -> str:
        """Run a step of preparation; return what it printed."""
        return self.run_in(cwd, self.env, *argv)

    def run_in(self, cwd: Path, env: dict[str, str], *argv: str) -> str:
        """Run a step of preparation in an environment of its own."""
        done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            msg = f"cannot prepare: {' '.join(argv)}\n{done.stderr or done.stdout}"
            raise SystemExit(msg)
        return done.stdout

    def copy(self, folder: Path) -> Path:
        """Return a fresh copy of the workload."""
        return Path(shutil.copytree(self.work, folder))

    def make_keys(self) -> None:
        """Give each program an unencrypted Ed25519 key in the form that it reads."""
        self.home.mkdir(parents=True)
        home = self.home
        self.run(home, "openssl", "genpkey", "-algorithm", "ed25519", "-out", IN_TOTO_KEY)
        self.run(home, "openssl", "pkey", "-in", IN_TOTO_KEY, "-pubout", "-out", "in-toto.pub")
        self.run(home, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", GIT_KEY)
        public = (home / f"{GIT_KEY}.pub").read_text()
        (home / "allowed_signers").write_text(f"bench@example.com {public}")
        (home / ".gitconfig").write_text(
            "[user]\n\tname = bench\n\temail = bench@example.com\n"
            f"\tsigningkey = {home / GIT_KEY}\n"
            "[gpg]\n\tformat = ssh\n"
            f'[gpg "ssh"]\n\tallowedSignersFile = {home / "allowed_signers"}\n'
            "[init]\n\tdefaultBranch = main\n"
        )
        self.run(home, "greenlight", "keys", "new")


def versions() -> dict[str, str]:
    """Return what is compared, for the head of the table."""
    first = {
        "git": ["git", "--version"],
        "openssh": ["ssh", "-V"],
        "restic": ["restic", "version"],
        "borg": ["borg", "--version"],
    }
    found = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }
    for name in ("greenlight", "dulwich", "in-toto", "securesystemslib", "bagit"):
        found[name] = version(name)
    for name, argv in first.items():
        if shutil.which(argv[0]) is None:
            continue
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        found[name] = (done.stdout or done.stderr).strip()
    return found


def write_in_toto_layout(bench: Bench, folder: Path) -> None:
    """Write and sign a layout whose inspection hashes every file again."""
    # Imported here: only the benchmark of in-toto needs it.
    from in_toto.models.layout import Inspection, Layout, Step  # noqa: PLC0415
    from in_toto.models.metadata import Metablock  # noqa: PLC0415

    layout = Layout()
    key = layout.add_functionary_key_from_path(str(bench.home / "in-toto.pub"))
    layout.steps = [
        Step(
            name="seal",
            pubkeys=[key["keyid"]],
            expected_materials=[["ALLOW", "*"]],
            expected_products=[["ALLOW", "*"]],
        )
    ]
    layout.inspect = [
        Inspection(
            name="again",
            run=["true"],
            expected_materials=[
                ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "seal"],
                ["ALLOW", "seal.*.link"],
                ["ALLOW", "root.layout"],
                ["DISALLOW", "*"],
            ],
        )
    ]
    layout.set_relative_expiration(days=1)
    Metablock(signed=layout).dump(str(folder / "root.layout"))
    bench.run(folder, "in-toto-sign", "-f", "root.layout", "-k", str(bench.home / IN_TOTO_KEY))


def packet_id(printed: str) -> str:
    """Return the id in what `greenlight seal --json` printed."""
    return str(json.loads(printed)["packet_id"])
