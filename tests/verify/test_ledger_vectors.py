"""The vectors of the ledger give the findings they are named after, and are what is made today."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from greenlight.errors import MalformedError
from greenlight.ledger.read import read_ledger
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.primitives.digest import Digest
from greenlight.store.packets import read_packet
from greenlight.store.repository import create_store
from greenlight.store.shelf import shelf_entries
from greenlight.verify.ledger import verify_chain
from tests.tools import need
from tools.vectors import ledger, trust

FOLDER = Path(__file__).parents[1] / "vectors" / "ledger"
CHAINS = sorted(path.parent.name for path in FOLDER.glob("*/head"))
STORES = sorted(path.parent.name for path in FOLDER.glob("*/store.fi"))


def expected(name):
    return json.loads((FOLDER / name / "expected.json").read_text())


def test_vectors_are_what_is_made():
    """Each vector, byte for byte, is what its generator gives; none is missing or left over."""
    found = {
        folder.name: {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in FOLDER.iterdir()
    }

    assert found == ledger.make() | trust.chains()


@pytest.mark.parametrize("name", CHAINS)
def test_chain(name):
    """A chain gives exactly the findings and void entries that stand beside it."""
    wanted, folder = expected(name), FOLDER / name
    count = len(list((folder / "records").iterdir()))
    chain = verify_chain(
        [(folder / f"records/{n}.cbor").read_bytes() for n in range(count)],
        head=(folder / "head").read_bytes(),
        frontier=(folder / "frontier.cbor").read_bytes(),
        pin=Digest.parse(wanted["pin"]),
        seen=Head.decode(base64.b64decode(wanted["seen"])) if wanted["seen"] else None,
    )

    assert [finding.label for finding in chain.findings] == wanted["findings"]
    assert [void.to_finding().label for void in chain.state.voids] == wanted["voids"]
    code = name.partition("__")[0]
    assert code == "GOOD" or {code} & {
        label.partition(":")[0] for label in wanted["findings"] + wanted["voids"]
    }


@pytest.mark.parametrize("name", STORES)
def test_store(name, tmp_path):
    """A store with rubbish in a ref gives the finding it is named after."""
    store = create_store(tmp_path / "store.git", object_format="sha1")
    subprocess.run(
        [need("git"), "fast-import", "--quiet"],
        cwd=store.git_dir,
        input=(FOLDER / name / "store.fi").read_bytes(),
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path)},
        check=True,
    )
    found = [f.code.name for f in read_ledger(store, "refs/greenlight/ledger", pin=None).findings]
    for entry in shelf_entries(store):
        if isinstance(entry, Finding):
            found.append(entry.code.name)
            continue
        with pytest.raises(MalformedError) as caught:
            read_packet(store, entry.commit)
        found.append(caught.value.code.name)

    assert found == expected(name)["findings"]
