"""The main job, as ``./RERUN.sh`` does it: a lane from run to replay, then every reference packet.

1. In a folder that is thrown away: a key, a store, and the lane of lanes/fix7-p0, run,
   sealed, verified and replayed by the commands that a person would type.
2. Every packet of packets/, and of packets/unconfined/: checked by this checkout's own copy of
   the published script with sh and git, verified by greenlight, and replayed.

Exits 0 only where all of it held.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANE = "fix7-p0"
SCRIPT = ROOT / "greenlight" / "data" / "rerun-v1.sh"
# Each folder of packets has keys of its own, in allowed_signers and trust-root.
GROUPS = (ROOT / "packets", ROOT / "packets" / "unconfined")


def say(text: str) -> None:
    """Print a line at once, so that it stands before what the next command prints."""
    print(text, flush=True)


def run(*words: str | Path, cwd: Path = ROOT) -> None:
    """Show a command as a person would type it, and run it.

    Raises:
        CalledProcessError: It did not end with 0.
    """
    shown = [str(word) for word in words]
    say(f"\n$ {shlex.join(word.removeprefix(f'{ROOT}/') for word in shown)}")
    command = [sys.executable, "-m", *shown] if shown[0] == "greenlight" else shown
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(cwd),
    }
    subprocess.run(command, cwd=cwd, env=environment, check=True)


def run_a_lane() -> None:
    """Run, seal, verify and replay the lane of source 001 in a folder that is thrown away."""
    say(f"== The lane {LANE}, executed here and now, with a key and a store made for it")
    with tempfile.TemporaryDirectory() as scratch:
        room = Path(scratch)
        # A publish step writes beside the lane file, so it is a copy that is run.
        shutil.copytree(ROOT / "lanes" / LANE, room / LANE)
        run("greenlight", "keys", "new", cwd=room)
        run("greenlight", "init", "--store", "store", cwd=room)
        run("greenlight", "run", f"{LANE}/lane.yaml", "--store", "store", cwd=room)
        run("greenlight", "verify", "--all", "--store", "store", cwd=room)
        run("greenlight", "rerun", LANE, "--store", "store", cwd=room)


def packets_of(group: Path) -> list[Path]:
    """Return the packet folders of a group."""
    return sorted(folder for folder in group.iterdir() if (folder / "packet").is_dir())


def check_a_packet(folder: Path) -> None:
    """Check one reference packet with the script, with greenlight, and by replaying it."""
    group = folder.parent
    signers, trust_root = group / "allowed_signers", group / "trust-root"
    name, by = folder.relative_to(ROOT), group.relative_to(ROOT)
    say(f"\n== {name}, trusted by {by}/trust-root and {by}/allowed_signers")
    run("sh", SCRIPT, folder, "--key", signers)
    run("greenlight", "verify", folder, "--trust-root", trust_root.read_text("ascii").strip())
    run("greenlight", "verify", folder, "--allowed-signers", signers)
    run("greenlight", "rerun", folder, "--allowed-signers", signers)


def main() -> int:
    """Do all of it; the first thing that does not hold ends it."""
    packets = [folder for group in GROUPS for folder in packets_of(group)]
    if not packets:
        say("no reference packet in packets/: nothing was checked")
        return 1
    try:
        run_a_lane()
        for folder in packets:
            check_a_packet(folder)
    except subprocess.CalledProcessError as error:
        say(f"\nFAIL: exit {error.returncode} of {shlex.join(map(str, error.cmd))}")
        return 1
    say(f"\nPASS: the lane {LANE} and {len(packets)} reference packets, replayed byte for byte")
    return 0


if __name__ == "__main__":
    sys.exit(main())
