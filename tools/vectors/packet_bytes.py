"""Vectors of paths, folder, manifest, statement and seal: what needs no document to be wrong."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from greenlight.codes import Code
from greenlight.model.seal import CONTENT_TYPE, SEAL, STATEMENT, SUMS, format_signer, format_sums
from greenlight.model.seal import SIGNER as SIGNER_FILE
from greenlight.primitives import cbor, cose
from greenlight.primitives.limits import MAX_PACKET_BYTES
from tools.vectors.good import SIGNER, STRANGER
from tools.vectors.kit import Folder, packet

PAGE = "packet/artifacts/outputs/kb/page.md"


def odd_file(folder: Folder, path: str) -> None:
    """Describe a file that a checkout could not hold, or would change."""
    folder.odd.append({"path": path, "text": "odd\n"})


@packet(Code.PATH_ABSOLUTE)
def from_the_root(folder: Folder) -> None:
    """A path that starts with a slash would be written outside the packet."""
    odd_file(folder, "packet//etc/passwd")


@packet(Code.PATH_DOTS)
def to_the_parent(folder: Folder) -> None:
    """A path with two dots leaves the packet."""
    odd_file(folder, "packet/artifacts/../../escaped")


@packet(Code.PATH_BACKSLASH)
def a_separator_elsewhere(folder: Folder) -> None:
    """A backslash is part of a name on one system and separates names on another."""
    odd_file(folder, "packet/artifacts/a\\b")


@packet(Code.PATH_CONTROL)
def an_escape_sequence(folder: Folder) -> None:
    """A name that a terminal obeys could hide what stands beside it."""
    odd_file(folder, "packet/artifacts/\x1b[2Jname")


@packet(Code.PATH_NOT_UTF8)
def a_byte_of_latin_1(folder: Folder) -> None:
    """A name that is not UTF-8 has no one spelling; the lone surrogate stands for the byte 0xE4."""
    odd_file(folder, "packet/artifacts/h\udce4kchen")


@packet(Code.PATH_NOT_NFC)
def two_code_points_for_one(folder: Folder) -> None:
    """An a with a combining diaeresis is composed by some file systems, and not by others."""
    odd_file(folder, "packet/artifacts/ha\u0308kchen")


@packet(Code.PATH_TOO_LONG)
def a_segment_of_256_bytes(folder: Folder) -> None:
    """No common file system holds a name of more than 255 bytes."""
    odd_file(folder, "packet/artifacts/" + "n" * 256)


@packet(Code.PATH_TOO_DEEP)
def forty_folders(folder: Folder) -> None:
    """A path of more than 32 segments is no packet's."""
    odd_file(folder, "packet/artifacts/" + "d/" * 40 + "file")


@packet(Code.PATH_DOTGIT)
def the_short_name_of_dotgit(folder: Folder) -> None:
    """On Windows GIT~1 is the folder .git, and a hook in it would be run (CVE-2019-1352)."""
    odd_file(folder, "packet/artifacts/GIT~1/hooks/post-checkout")


@packet(Code.PATH_WINDOWS)
def a_device_name(folder: Folder) -> None:
    """NUL.txt is a device on Windows: what is written there is gone."""
    odd_file(folder, "packet/artifacts/NUL.txt")


@packet(Code.PATH_COLLISION)
def two_names_that_fold_to_one(folder: Folder) -> None:
    """Where case does not count, one of the two files takes the other's place."""
    odd_file(folder, "packet/artifacts/outputs/kb/PAGE.md")


@packet(Code.FILE_TYPE_REFUSED)
def a_link_in_place_of_a_file(folder: Folder) -> None:
    """A link is somebody else's bytes: what it leads to is not in the packet."""
    del folder.files[PAGE]
    folder.odd.append({"path": PAGE, "link": "note.txt"})


@packet(Code.FILE_MODE_REFUSED)
def an_executable(folder: Folder) -> None:
    """A packet tree has one mode: with two, the same files would have several trees."""
    folder.odd.append({"path": "packet/RERUN.sh", "mode": "100755"})


@packet(Code.DIRECTORY_EMPTY)
def a_folder_that_git_does_not_see(folder: Folder) -> None:
    """An empty folder is not in the tree that was signed."""
    folder.odd.append({"path": "packet/artifacts/empty", "folder": True})


@packet(Code.LIMIT_EXCEEDED)
def more_than_64_gib(folder: Folder) -> None:
    """A packet that nobody can check in reasonable time is refused; only the size is described."""
    folder.odd.append({"path": "packet/artifacts/huge", "bytes": MAX_PACKET_BYTES + 1})


@packet(Code.FOLDER_MALFORMED)
def a_file_beside_the_packet(folder: Folder) -> None:
    """What lies beside packet/, seal/ and ledger/ looks vouched for, and is not."""
    folder.files["README.md"] = b"Everything in this folder was reviewed.\n"


# --- manifest ----------------------------------------------------------------


@packet(Code.MANIFEST_MISSING)
def none(folder: Folder) -> None:
    """Without a manifest sha256sum -c has nothing to check, although the seal holds."""
    del folder.files["packet/MANIFEST.sha256"]
    folder.seal()


@packet(Code.MANIFEST_MALFORMED)
def digits_in_capitals(folder: Folder) -> None:
    """The manifest has one spelling; sha256sum -c would take this one too."""
    lines = folder.files["packet/MANIFEST.sha256"].decode().splitlines()
    lines[0] = lines[0][:64].upper() + lines[0][64:]
    folder.files["packet/MANIFEST.sha256"] = ("\n".join(lines) + "\n").encode()
    folder.seal()


@packet(Code.MANIFEST_FILE_MISSING)
def a_file_that_was_taken_out(folder: Folder) -> None:
    """The manifest still names it, so that the loss shows without the seal."""
    del folder.files["packet/artifacts/steps/write/stdout"]
    folder.seal()


@packet(Code.MANIFEST_FILE_EXTRA)
def a_file_that_was_put_in(folder: Folder) -> None:
    """A file that the manifest does not name was not there when the packet was closed."""
    folder.files["packet/artifacts/outputs/kb/other.md"] = b"put in later\n"
    folder.seal()


@packet(Code.MANIFEST_DIGEST_MISMATCH, Code.TREE_MISMATCH)
def one_bit_of_an_artifact(folder: Folder) -> None:
    """One bit was changed after the seal."""
    data = bytearray(folder.files[PAGE])
    data[0] ^= 1
    folder.files[PAGE] = bytes(data)


@packet(Code.TREE_MISMATCH)
def a_new_manifest_under_the_old_seal(folder: Folder) -> None:
    """An artifact was changed and the manifest made to fit; the seal still names the old tree."""
    folder.files[PAGE] = b"# Another page\n"
    folder.manifest()


# --- statement and seal --------------------------------------------------------


def sums(folder: Folder) -> None:
    """Make SHA256SUMS fit the files of seal/."""
    seal = folder.below("seal")
    folder.files[f"seal/{SUMS}"] = format_sums(
        {name: data for name, data in seal.items() if name != SUMS}
    )


def sign(folder: Folder, statement: bytes, subject: str, *, detached: bool = True) -> None:
    """Sign bytes as a statement, whatever they are."""
    signed = cose.sign1(
        statement, SIGNER, content_type=CONTENT_TYPE, subject=subject, detached=detached
    )
    folder.files |= {f"seal/{STATEMENT}": statement, f"seal/{SEAL}": signed}
    sums(folder)


@packet(Code.SEAL_FILE_MISSING)
def no_signer(folder: Folder) -> None:
    """Without the key nobody who has it not already can check the signature."""
    del folder.files[f"seal/{SIGNER_FILE}"]
    sums(folder)


@packet(Code.SEAL_FILE_EXTRA)
def a_second_opinion(folder: Folder) -> None:
    """Nothing in seal/ but its four files is signed or checked."""
    folder.files["seal/approved-by.txt"] = b"the auditor\n"


@packet(Code.SEAL_SUMS_MISMATCH)
def sums_of_another_seal(folder: Folder) -> None:
    """The sums are there to notice bit rot, so they must be those of the files."""
    other = {STATEMENT: b"", SEAL: b"", SIGNER_FILE: b""}
    folder.files[f"seal/{SUMS}"] = format_sums(other)


@packet(Code.STATEMENT_MALFORMED, script=False)
def a_count_in_the_long_form(folder: Folder) -> None:
    """The file count takes a byte more than it needs: in one spelling there is no room for two.

    RERUN.sh compares the head and the end of the statement, and the signature over all of it.
    """
    said = folder.statement()
    count = cbor.encode(said.file_count)
    spelt = b"\x19" + said.file_count.to_bytes(2, "big")
    old, new = b"\x07" + count + b"\x08", b"\x07" + spelt + b"\x08"
    sign(folder, said.encode().replace(old, new), said.subject)


@packet(Code.UNSUPPORTED_VERSION, script=True)
def a_statement_of_version_2(folder: Folder) -> None:
    """What version 2 will mean nobody knows yet: a guess would be no verification."""
    said = folder.statement()
    sign(folder, said.encode()[:-1] + b"\x02", said.subject)


@packet(Code.STATEMENT_COUNT_MISMATCH)
def one_file_more(folder: Folder) -> None:
    """The signer says that there was a file more than there is."""
    folder.seal(file_count=folder.statement().file_count + 1)


@packet(Code.STATEMENT_HEADER_MISMATCH)
def another_mode(folder: Folder) -> None:
    """The statement says dry_run, the header says staging: one of them is not true."""
    folder.seal(mode=type(folder.statement().mode)("dry_run"))


@packet(Code.SEAL_MALFORMED)
def the_payload_inside(folder: Folder) -> None:
    """With the statement inside, two readers could take two statements for the signed one."""
    said = folder.statement()
    sign(folder, said.encode(), said.subject, detached=False)


@packet(Code.SEAL_MALFORMED)
def another_subject(folder: Folder) -> None:
    """The protected header names another packet tree than the statement that is signed."""
    said = folder.statement()
    other = replace(said, packet_tree=hashlib.sha256(b"another packet").hexdigest())
    sign(folder, said.encode(), other.subject)


@packet(Code.SEAL_KEY_MISMATCH)
def the_key_of_a_stranger(folder: Folder) -> None:
    """signer.pub is not the key that the seal and the statement name."""
    folder.files[f"seal/{SIGNER_FILE}"] = format_signer(STRANGER.public)
    sums(folder)


@packet(Code.SEAL_SIGNATURE_INVALID)
def one_bit_of_the_signature(folder: Folder) -> None:
    """The last bit of the signature was changed, and the sums made to fit."""
    data = bytearray(folder.files[f"seal/{SEAL}"])
    data[-1] ^= 1
    folder.files[f"seal/{SEAL}"] = bytes(data)
    sums(folder)


@packet(Code.SIGNER_UNKNOWN, integrity="UNVERIFIABLE")
def nobody_to_ask(folder: Folder) -> None:
    """All bytes agree, and nothing was given that could say whose key it is."""
    folder.keys = ()


@packet(Code.SIGNER_NOT_TRUSTED)
def sealed_again_by_a_stranger(folder: Folder) -> None:
    """Somebody else made the whole packet again, with a key of their own."""
    with folder.document("header") as header:
        header["executor"] = STRANGER.public.uri
    folder.manifest()
    folder.seal(STRANGER)


@packet(Code.RERUN_SCRIPT_DIFFERS)
def a_script_that_always_passes(folder: Folder) -> None:
    """A packet that brings its own script would be judged by itself."""
    folder.files["packet/RERUN.sh"] = b"#!/bin/sh\necho PASS\n"
    folder.lie()
