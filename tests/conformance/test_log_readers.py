"""Other people's tools read what a ledger gives: x/mod's note, scitt-cose, git, a tile client."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cbor2
import pytest
import scitt_cose
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from scitt_cose import merkle

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.model.checkpoint import Checkpoint, log_key
from greenlight.model.head import Head
from greenlight.model.trust import Role
from greenlight.primitives.ed25519 import PublicKey, SeedSigner
from greenlight.primitives.note import ED25519, NoteKey, parse_note, verifies
from greenlight.primitives.openssh import format_public
from greenlight.services.checkpointing import make_checkpoint
from greenlight.services.ledgers import (
    inclusion_receipt,
    prove_consistency,
    prove_inclusion,
    statement_of,
)
from greenlight.services.tiles import export_tiles
from greenlight.services.trusting import add_key
from greenlight.store.repository import create_store
from tests.ledger.actors import EXECUTOR, OWNER, Clock, Pen, begin, outside, put
from tests.tools import need

LOG = SeedSigner(bytes([7]) * 32)
MODULES = Path("/usr/share/gocode")
OPEN = r"""
package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"
)

// Opens, or signs, what stands on standard input; or makes a key.
func main() {
	data, err := io.ReadAll(os.Stdin)
	if err != nil { panic(err) }
	if os.Args[1] == "sign" {
		signer, err := note.NewSigner(os.Args[2])
		if err != nil { panic(err) }
		out, err := note.Sign(&note.Note{Text: string(data)}, signer)
		if err != nil { panic(err) }
		os.Stdout.Write(out)
		return
	}
	if os.Args[1] == "key" {
		skey, vkey, err := note.GenerateKey(rand.Reader, os.Args[2])
		if err != nil { panic(err) }
		fmt.Println(skey)
		fmt.Println(vkey)
		return
	}
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil { fmt.Println(err); os.Exit(1) }
	n, err := note.Open(data, note.VerifierList(verifier))
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Print(n.Text)
}
"""


@pytest.fixture(scope="module")
def noter(tmp_path_factory):
    """A program around golang.org/x/mod/sumdb/note."""
    go = need("go")
    if not (MODULES / "src/golang.org/x/mod/sumdb/note").is_dir():
        pytest.skip("golang.org/x/mod is not installed (golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("noter")
    (folder / "main.go").write_text(OPEN)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOPATH": str(MODULES),
        "GO111MODULE": "off",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    built = subprocess.run(
        [go, "build", "-o", "noter", "main.go"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr

    def run(*words, data=b""):
        done = subprocess.run(
            [folder / "noter", *words], input=data, capture_output=True, check=False
        )
        return done.returncode, done.stdout

    return run


@pytest.fixture
def logged(tmp_path):
    """A ledger of 300 records, signed by its log key at the end."""
    clock = Clock()
    with create_store(tmp_path / "store.git") as store:
        begin(store, clock)
        pen = Pen()
        add_key(store, OWNER, LOG.public, [Role.LOG], clock=clock)
        put(store, [pen.sign(outside(number), EXECUTOR) for number in range(297)], clock)
        made = make_checkpoint(store, LOG, clock=clock)
        yield store, made.checkpoint


def pem(signer):
    key = Ed25519PublicKey.from_public_bytes(signer.public.raw)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_x_mod_opens_a_checkpoint(logged, noter):
    """By the key that greenlight names; not when a byte of it is another."""
    _, checkpoint = logged
    key = log_key(checkpoint.head.origin, LOG.public)
    code, text = noter("open", key.verifier, data=checkpoint.encode())
    assert (code, Head.decode(text)) == (0, checkpoint.head)
    assert noter("open", key.verifier, data=checkpoint.encode().replace(b"\n300\n", b"\n301\n"))[0]
    other = log_key(checkpoint.head.origin, OWNER.public)
    assert noter("open", other.verifier, data=checkpoint.encode())[0] == 1


def test_what_x_mod_signs_is_opened_here(noter):
    """A key that Go made, a note that Go signed."""
    _, printed = noter("key", "example.org/log")
    secret, public = printed.decode().split()
    _, signed = noter("sign", secret, data=b"example.org/log\n1\nAAAA\n")
    note = parse_note(signed)
    raw = base64.b64decode(public.split("+", 2)[2])
    key = NoteKey("example.org/log", ED25519, PublicKey(raw[1:]))
    assert key.verifier == public
    assert verifies(note.signatures[0], key, note.text)


def test_scitt_cose_verifies_an_inclusion_receipt(logged, tmp_path):
    """Through its command, with the record as the leaf entry; and refuses another record."""
    store, _ = logged
    proven = prove_inclusion(store, "17")
    receipt = inclusion_receipt(store, LOG, proven)
    read = scitt_cose.verify_receipt(
        receipt, leaf_entry_hex=proven.record.hex(), log_public_key_pem=pem(LOG)
    )
    assert read.ok, read.errors
    (tmp_path / "r.cose").write_bytes(receipt)
    (tmp_path / "log.pem").write_bytes(pem(LOG))

    def run(record):
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "scitt_cose.cli",
                "--receipt",
                tmp_path / "r.cose",
                "--receipt-log-pubkey",
                tmp_path / "log.pem",
                "--leaf-entry-hex",
                record.hex(),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    done = run(proven.record)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(proven.record + b"\0").returncode != 0


def test_a_transparent_statement(logged):
    """The entry as it was signed, with the receipt at header 394, by scitt-cose's own reading."""
    store, _ = logged
    proven = prove_inclusion(store, "17")
    receipt = inclusion_receipt(store, LOG, proven)
    statement = statement_of(proven, receipt)
    assert scitt_cose.extract_receipts(statement) == [receipt]
    message = scitt_cose.verify_sign1(statement, public_key_pem=pem(EXECUTOR))
    entry = cbor2.loads(proven.record)[6]
    assert message.payload == cbor2.loads(entry).value[2]


def test_git_shows_the_signatures(logged, tmp_path):
    """Plain ``git log --show-signature`` over the ledger's ref, with the keys of its people."""
    store, _ = logged
    git = need("git")
    need("ssh-keygen")
    signers = tmp_path / "signers"
    lines = [f"someone {format_public(signer.public)}\n" for signer in (OWNER, EXECUTOR, LOG)]
    signers.write_text("".join(lines))
    done = subprocess.run(
        [
            git,
            "-c",
            f"gpg.ssh.allowedSignersFile={signers}",
            "log",
            "--show-signature",
            "--first-parent",
            DEFAULT_REF,
        ],
        cwd=store.git_dir,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert shown.count('Good "git" signature for someone') == shown.count("\ncommit ") + 1


def test_tiles_are_read_by_their_own_rules(logged, tmp_path):
    """A client of static tiles: every record, every hash and the root, from the files alone."""
    store, checkpoint = logged
    folder = tmp_path / "tiles"
    done = export_tiles(store, str(folder))
    assert done.written == 5
    data = (folder / "checkpoint").read_bytes()
    head = Checkpoint.decode(data).head
    assert head == checkpoint.head
    leaves = []
    for number in range((head.size + 255) // 256):
        width = min(256, head.size - number * 256)
        partial = f".p/{width}" if width < 256 else ""
        bundle = (folder / f"tile/entries/{number:03d}{partial}").read_bytes()
        tile = (folder / f"tile/0/{number:03d}{partial}").read_bytes()
        at = 0
        for place in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            record = bundle[at + 2 : at + 2 + length]
            at += 2 + length
            leaf = hashlib.sha256(b"\0" + record).digest()
            assert tile[place * 32 : place * 32 + 32] == leaf
            leaves.append(leaf)
        assert at == len(bundle)
    level = leaves
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [hashlib.sha256(b"\1" + a + b).digest() for a, b in pairs] + odd
    assert level[0] == head.root
    first = (folder / "tile/1/000.p/1").read_bytes()
    whole = leaves[:256]
    while len(whole) > 1:
        pairs = zip(whole[::2], whole[1::2], strict=True)
        whole = [hashlib.sha256(b"\1" + a + b).digest() for a, b in pairs]
    assert first == whole[0]


def test_an_export_goes_on_and_never_writes_over(logged, tmp_path):
    """What is full stays; a tile, or a ledger, that is another stops it."""
    store, _ = logged
    folder = tmp_path / "tiles"
    export_tiles(store, str(folder))
    clock = Clock()
    pen = Pen(900_000)
    put(store, [pen.sign(outside(1000 + n), EXECUTOR) for n in range(300)], clock)
    clock.now = clock.now.replace(month=2)
    make_checkpoint(store, LOG, clock=clock)
    again = export_tiles(store, str(folder))
    assert again.there == 2  # a full tile and a full bundle
    tile = folder / "tile/0/001"
    tile.write_bytes(bytes(len(tile.read_bytes())))
    with pytest.raises(RefusedError) as caught:
        export_tiles(store, str(folder))
    assert caught.value.code is Code.TILES_DIFFER
    shutil.rmtree(folder / "tile")
    (folder / "checkpoint").write_bytes(b"not one")
    with pytest.raises(RefusedError) as caught:
        export_tiles(store, str(folder))
    assert caught.value.code is Code.TILES_DIFFER
    memory = export_tiles(store, "memory://somewhere/tiles")
    assert memory.written > 0
    old, head, proof = prove_consistency(store, 300)
    roots = (old.root.hex(), head.root.hex(), old.size, head.size)
    assert merkle.verify_consistency(*roots, [each.hex() for each in proof])
    assert not merkle.verify_consistency(*roots, [each.hex() for each in proof[1:]])
