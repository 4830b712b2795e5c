"""Make the reference packets: run their lanes for real, and check them out into ``packets/``.

The sealing key is made for the purpose and thrown away; ``packets/allowed_signers``
keeps its public half.  Run it after a change to the packet format, which a released
version never makes: ``python tools/make_packets.py``.  The packets in ``packets/unconfined``
are of the version before steps ran in a box; they are kept, to be verified for ever.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from greenlight.execution.confined import Confined, require_enforced  # noqa: E402 - found above
from greenlight.primitives.ed25519 import SeedSigner  # noqa: E402
from greenlight.primitives.openssh import format_public  # noqa: E402
from greenlight.services.admission import Request  # noqa: E402
from greenlight.services.checkout import checkout  # noqa: E402
from greenlight.services.founding import found_ledger  # noqa: E402
from greenlight.services.packets import locate  # noqa: E402
from greenlight.services.provider import FolderProvider  # noqa: E402
from greenlight.services.run import run_lane  # noqa: E402
from greenlight.services.surroundings import Surroundings  # noqa: E402
from greenlight.services.verifying import Trust  # noqa: E402
from greenlight.store.repository import Store, create_store  # noqa: E402

LANES = ("fix7-p0", "git-ref", "self-change", "sqlite-migration")
PRINCIPAL = "reference-packets@greenlight"


def clock() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def make(store: Store, signer: SeedSigner, name: str, room: Path) -> str:
    """Run one lane and put its packet in its place; return its status."""
    folder = room / name
    shutil.copytree(ROOT / "lanes" / name, folder)  # a publish step writes beside the lane file
    request = Request((folder / "lane.yaml").read_bytes(), signer.public.uri, clock())
    around = Surroundings(store, signer, Confined.here(), clock, {}, parent=None)
    result = run_lane(request, FolderProvider(folder, store, Trust()), folder, around)
    target = ROOT / "packets" / name
    shutil.rmtree(target, ignore_errors=True)
    checkout(locate(store, result.sealed.packet_tree, whole=True), target, store=store)
    return result.sealed.statement.status.value


def main() -> None:
    """Make every reference packet, and the file that says who sealed them."""
    require_enforced(Confined.here().ability)
    signer = SeedSigner(os.urandom(32))
    with tempfile.TemporaryDirectory() as scratch:
        room = Path(scratch)
        with create_store(room / "store", object_format="sha256") as store:
            founded = found_ledger(store, signer, clock=clock)
            for name in LANES:
                print(f"packets/{name}: {make(store, signer, name, room)}")
    line = f'{PRINCIPAL} namespaces="greenlight,git" {format_public(signer.public)}\n'
    (ROOT / "packets" / "allowed_signers").write_text(line, encoding="ascii")
    (ROOT / "packets" / "trust-root").write_text(f"{founded.trust_root}\n", encoding="ascii")


if __name__ == "__main__":
    main()
