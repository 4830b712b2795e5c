"""Second readers: other people's programs, called by the recipes that the specification gives."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.tools import need

# docs/spec/packet.md: the highest attributes there are, above any .gitattributes of the packet.
ATTRIBUTES = "* -text -ident -filter -eol -working-tree-encoding\n"


def git_packet_tree(folder: Path, object_format: str = "sha256") -> str:
    """Return the id that git alone gives to the files below ``folder``, in hex digits."""
    git = need("git")
    with tempfile.TemporaryDirectory() as scratch:
        git_dir = Path(scratch) / "git"
        environment = {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_DIR": str(git_dir),
            "GIT_WORK_TREE": str(folder),
            "HOME": scratch,
            "PATH": os.environ["PATH"],
        }

        def run(*arguments: str) -> str:
            return subprocess.run(
                [git, *arguments],
                cwd=folder,
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout

        run("init", "-q", "--template=", f"--object-format={object_format}")
        run("config", "core.fileMode", "false")
        run("config", "core.fsync", "none")  # for speed alone: the repository is thrown away
        (git_dir / "info").mkdir(exist_ok=True)
        (git_dir / "info" / "attributes").write_text(ATTRIBUTES)
        run("add", "-A", "-f", ".")
        return run("write-tree").strip()
