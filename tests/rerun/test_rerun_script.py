"""RERUN.sh of packet format 1: what it passes, what it fails, and what it says."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlight.codes import Code
from tests.rerun.conftest import ALICE, MALLORY, SHELLS, Rerun, call
from tests.rerun.folder import FILES, SCRIPT, build, cose, statement, sums
from tests.tools import long_run, need

ENCLOSED = "PASS bytes; signature: matches the enclosed key"
PINNED = "PASS bytes; signature: verified by pinned key"
NO_OPENSSL = "PASS bytes; signature: NOT CHECKED (no openssl)"


def trust(tmp_path: Path, line: bytes) -> str:
    """Write a file for --key."""
    path = tmp_path / "trusted"
    path.write_bytes(line)
    return str(path)


def flip(path: Path, offset: int, bit: int = 1) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= bit
    path.write_bytes(data)


def reseal(folder: Path, **files: bytes) -> None:
    """Replace files of seal/ (dots as underscores) and write the sums that they give."""
    seal = folder / "seal"
    for name, data in files.items():
        (seal / name.replace("_", ".")).write_bytes(data)
    names = ("seal.cose", "signer.pub", "statement.cbor")
    (seal / "SHA256SUMS").write_bytes(sums({name: (seal / name).read_bytes() for name in names}))


def tree_of(folder: Path) -> str:
    """Return the tree that the statement names."""
    return (folder / "seal/statement.cbor").read_bytes()[11:75].decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_passes_a_good_packet_in_an_empty_environment(
    shell: str, good: Path, rerun: Rerun, tmp_path: Path
) -> None:
    """Every shell gives the same verdict, with PATH as the only variable."""
    need("openssl")
    assert rerun(good, sh=shell).last == ENCLOSED
    pinned = rerun(good, "--key", trust(tmp_path, ALICE.line), sh=shell)
    assert (pinned.exit, pinned.last, pinned.errors) == (0, PINNED, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_without_openssl_it_says_what_it_does_not_promise(
    shell: str, good: Path, rerun: Rerun, bare_path: str
) -> None:
    """Bytes against the statement, and nothing about who made it."""
    verdict = rerun(good, sh=shell, path=bare_path)
    assert (verdict.exit, verdict.last, verdict.errors) == (0, NO_OPENSSL, "")
    assert "not who made it" in verdict.lines[-2]


def test_a_pinned_key_without_openssl_is_no_pass(
    good: Path, rerun: Rerun, bare_path: str, tmp_path: Path
) -> None:
    """Somebody else could enclose the trusted key: only a checked signature counts."""
    verdict = rerun(good, "--key", trust(tmp_path, ALICE.line), path=bare_path)
    assert (verdict.exit, verdict.codes) == (1, ["TOOL_MISSING"])


def test_busybox_utilities_are_enough(good: Path, rerun: Rerun, busybox_path: str) -> None:
    """No option of GNU's alone is used."""
    assert rerun(good, sh="busybox sh", path=busybox_path).last == NO_OPENSSL


def test_an_openssl_without_ed25519_is_not_a_bad_seal(
    good: Path, rerun: Rerun, bare_path: str, tmp_path: Path
) -> None:
    """An openssl that fails the RFC's own test vector is told apart from a bad signature."""
    old = tmp_path / "openssl"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    verdict = rerun(good, path=f"{tmp_path}:{bare_path}")
    assert verdict.last.endswith("NOT CHECKED (this openssl does not verify Ed25519)")


def test_a_git_without_sha256_says_so(
    good: Path, rerun: Rerun, bare_path: str, tmp_path: Path
) -> None:
    """An older git is a missing tool, not a changed packet."""
    old = tmp_path / "git"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "git version 2.20.0"\nexit 129\n')
    old.chmod(0o755)
    verdict = rerun(good, path=f"{tmp_path}:{bare_path}")
    assert (verdict.exit, verdict.codes) == (1, ["TOOL_MISSING"])
    assert "git version 2.20.0" in verdict.last


def test_the_folder_of_the_script_is_the_default(good: Path, tmp_path: Path) -> None:
    """`sh packet/RERUN.sh` checks the packet around it, from any working directory."""
    need("openssl")
    assert call([need("sh"), str(good / "packet/RERUN.sh")]).last == ENCLOSED
    here = call([need("env"), "-C", str(good / "packet"), "sh", "RERUN.sh"])
    assert here.last == ENCLOSED
    alone = tmp_path / "RERUN.sh"
    shutil.copy(SCRIPT, alone)
    assert call([need("sh"), str(alone)]).exit == 64


@pytest.mark.parametrize(
    "arguments",
    [["--key"], ["--frobnicate"], ["a", "b"], [""], ["/nowhere"], ["/", "--key", "/no"]],
)
def test_a_wrong_command_line_exits_64(arguments: list[str]) -> None:
    """Usage errors go to stderr and are no verdict."""
    verdict = call([need("sh"), str(SCRIPT), *arguments])
    assert (verdict.exit, verdict.lines) == (64, [])
    assert verdict.errors.startswith("RERUN.sh: error: USAGE: ")


def test_it_is_all_in_the_help() -> None:
    """--help prints the head of the script."""
    assert "--replay" in "\n".join(call([need("sh"), str(SCRIPT), "--help"]).lines)


def test_it_writes_nowhere_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """The folder keeps every byte and time; the temporary directory is empty afterwards."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = {p: p.lstat() for p in folder.rglob("*")}
    flip(folder / "packet/header.json", 0)
    broken = call([need("sh"), str(SCRIPT), str(folder)], TMPDIR=str(scratch))
    assert broken.exit == 1
    after = {p: p.lstat() for p in folder.rglob("*")}
    unchanged = {p for p in before if before[p].st_mtime_ns == after[p].st_mtime_ns}
    assert before.keys() == after.keys()
    assert before.keys() - unchanged == {folder / "packet/header.json"}
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.7, 1.0])
def test_a_flipped_bit_in_any_file_fails(
    cut: float, good: Path, folder: Path, rerun: Rerun
) -> None:
    """Every file of packet/ and seal/, at its start, its end, and between."""
    paths = [p for p in sorted(good.rglob("*")) if p.is_file() and p.stat().st_size]
    assert len(paths) == len(FILES) + 2 - 1 + 4
    for path in paths:
        target = folder / path.relative_to(good)
        flip(target, int(cut * (path.stat().st_size - 1)), bit=1 << int(cut * 7))
        verdict = rerun(folder)
        assert verdict.exit == 1, path
        assert verdict.last.startswith("FAIL "), path
        shutil.copy(path, target)
    assert rerun(folder).exit == 0


@long_run
def test_every_flipped_bit_in_any_file_fails(good: Path, folder: Path, rerun: Rerun) -> None:
    """All of them: about a minute for each 600 bits."""
    for path in sorted(p for p in good.rglob("*") if p.is_file()):
        target = folder / path.relative_to(good)
        for index in range(8 * path.stat().st_size):
            flip(target, index // 8, bit=1 << index % 8)
            assert rerun(folder).exit == 1, (path, index)
            flip(target, index // 8, bit=1 << index % 8)


@pytest.mark.parametrize("keep", [0, 74, 75, 76, -1])
def test_truncated_files_fail(keep: int, good: Path, folder: Path, rerun: Rerun) -> None:
    """The statement cut right after the bytes that are always compared, and everything else cut."""
    for path in sorted(good.rglob("*")):
        if not path.is_file() or not path.stat().st_size:
            continue
        target = folder / path.relative_to(good)
        target.write_bytes(path.read_bytes()[:keep])
        if target.stat().st_size < path.stat().st_size:
            assert rerun(folder).exit == 1, path
        shutil.copy(path, target)


def test_a_statement_cut_at_75_bytes_fails_even_with_its_sums_remade(
    folder: Path, rerun: Rerun, bare_path: str
) -> None:
    """Without openssl too, and with SHA256SUMS made to fit."""
    reseal(folder, statement_cbor=(folder / "seal/statement.cbor").read_bytes()[:75])
    assert "STATEMENT_MALFORMED" in rerun(folder, path=bare_path).codes


def test_each_missing_file_fails(good: Path, folder: Path, rerun: Rerun) -> None:
    """No file of packet/ or seal/ can be left out."""
    for path in sorted(p for p in good.rglob("*") if p.is_file()):
        target = folder / path.relative_to(good)
        target.unlink()
        assert rerun(folder).exit == 1, path
        shutil.copy(path, target)


def _extra_in_packet(folder: Path) -> None:
    (folder / "packet/extra").write_bytes(b"")


def _extra_in_seal(folder: Path) -> None:
    (folder / "seal/seal-2.cose").write_bytes(b"")


def _folder_in_seal(folder: Path) -> None:
    (folder / "seal/more").mkdir()


def _extra_at_top(folder: Path) -> None:
    (folder / "README").write_bytes(b"")


def _empty_directory(folder: Path) -> None:
    (folder / "packet/artifacts/nothing/inside").mkdir(parents=True)


def _git_folder(folder: Path) -> None:
    (folder / "packet/artifacts/.git/objects").mkdir(parents=True)
    (folder / "packet/artifacts/.git/HEAD").write_bytes(b"ref: refs/heads/main\n")


def _git_file(folder: Path) -> None:
    (folder / "packet/.gIt").write_bytes(b"gitdir: /\n")


def _git_at_top(folder: Path) -> None:
    (folder / ".git").mkdir()


def _link(folder: Path) -> None:
    (folder / "packet/link").symlink_to("header.json")


def _link_for_a_file(folder: Path) -> None:
    path = folder / "packet/header.json"
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")


def _link_for_packet(folder: Path) -> None:
    (folder / "packet").rename(folder.parent / "elsewhere")
    (folder / "packet").symlink_to(folder.parent / "elsewhere")


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "packet/fifo")


def _newline(folder: Path) -> None:
    (folder / "packet/a\nFAIL PASS bytes").write_bytes(b"")


def _escape(folder: Path) -> None:
    (folder / "packet/\x1b[2J").write_bytes(b"")


def _backslash(folder: Path) -> None:
    (folder / "packet/a\\b").write_bytes(b"")


def _unusual_top(folder: Path) -> None:
    (folder / "packet\n").mkdir()


def _manifest_line_twice(folder: Path) -> None:
    path = folder / "packet/MANIFEST.sha256"
    path.write_bytes(path.read_bytes() * 2)


def _manifest_order(folder: Path) -> None:
    path = folder / "packet/MANIFEST.sha256"
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))


def _manifest_other_spelling(folder: Path) -> None:
    path = folder / "packet/MANIFEST.sha256"
    path.write_bytes(path.read_bytes().replace(b"  ", b" *"))


def _manifest_names_more(folder: Path) -> None:
    path = folder / "packet/MANIFEST.sha256"
    path.write_bytes(path.read_bytes() + b"0" * 64 + b"  zzz\n")


def _no_packet(folder: Path) -> None:
    shutil.rmtree(folder / "packet")


BREAKS: list[tuple[Callable[[Path], None], str]] = [
    (_extra_in_packet, "MANIFEST_FILE_EXTRA"),
    (_extra_in_seal, "SEAL_FILE_EXTRA"),
    (_folder_in_seal, "SEAL_FILE_EXTRA"),
    (_extra_at_top, "FOLDER_MALFORMED"),
    (_unusual_top, "FOLDER_MALFORMED"),
    (_no_packet, "FOLDER_MALFORMED"),
    (_empty_directory, "DIRECTORY_EMPTY"),
    (_git_folder, "PATH_DOTGIT"),
    (_git_file, "PATH_DOTGIT"),
    (_git_at_top, "PATH_DOTGIT"),
    (_link, "FILE_TYPE_REFUSED"),
    (_link_for_a_file, "FILE_TYPE_REFUSED"),
    (_link_for_packet, "FILE_TYPE_REFUSED"),
    (_fifo, "FILE_TYPE_REFUSED"),
    (_newline, "PATH_CONTROL"),
    (_escape, "PATH_CONTROL"),
    (_backslash, "PATH_BACKSLASH"),
    (_manifest_line_twice, "MANIFEST_MALFORMED"),
    (_manifest_order, "MANIFEST_MALFORMED"),
    (_manifest_other_spelling, "MANIFEST_MALFORMED"),
    (_manifest_names_more, "MANIFEST_FILE_MISSING"),
]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("breaks", "code"), BREAKS, ids=lambda value: getattr(value, "__name__", value)
)
def test_each_broken_folder_fails_with_its_code(
    breaks: Callable[[Path], None], code: str, shell: str, folder: Path, rerun: Rerun
) -> None:
    """What git does not see, and what git sees, is found and named."""
    breaks(folder)
    verdict = rerun(folder, sh=shell)
    assert verdict.exit == 1
    assert code in verdict.codes
    assert verdict.last.startswith("FAIL ")


def test_all_findings_are_told(folder: Path, rerun: Rerun) -> None:
    """One look shows all that is wrong, and the last line counts it."""
    (folder / "packet/header.json").write_bytes(b"changed")
    (folder / "packet/REPORT.md").unlink()
    (folder / "packet/new").write_bytes(b"new")
    verdict = rerun(folder)
    assert verdict.codes == [
        "MANIFEST_FILE_MISSING",
        "MANIFEST_DIGEST_MISMATCH",
        "MANIFEST_FILE_EXTRA",
        "TREE_MISMATCH",
    ]
    assert verdict.last.startswith(
        "FAIL 4 findings, the first: MANIFEST_FILE_MISSING packet/REPORT.md"
    )


def test_attributes_of_the_packet_change_nothing(rerun: Rerun, tmp_path: Path) -> None:
    """A packet's own .gitattributes and .gitignore are files like others."""
    files = dict(FILES) | {
        ".gitattributes": b"[attr]x text eol=lf\n* x ident text working-tree-encoding=UTF-16\n",
        "artifacts/.gitattributes": b"* text eol=crlf filter=evil\n",
        ".gitignore": b"*\n",
        ".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = /\n',
        "artifacts/crlf": b"a\r\nb\r\n",
        "artifacts/ident": b"$Id$ $Id: 1234 $\n",
        "artifacts/x.ignored": b"ignored, and yet here\n",
    }
    assert rerun(build(tmp_path / "folder", signer=ALICE, files=files)).exit == 0


def test_settings_of_git_change_nothing(good: Path, tmp_path: Path) -> None:
    """Neither the caller's GIT_ variables nor a configuration in HOME reach the tree."""
    need("git")
    (tmp_path / ".gitconfig").write_text(
        "[core]\n\tautocrlf = true\n\tattributesFile = /dev/null\n"
    )
    verdict = call(
        [need("sh"), str(SCRIPT), str(good)],
        HOME=str(tmp_path),
        GIT_DIR="/nowhere",
        GIT_INDEX_FILE=str(tmp_path / "index"),
        GIT_OBJECT_DIRECTORY="/nowhere",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="core.autocrlf",
        GIT_CONFIG_VALUE_0="true",
    )
    assert verdict.exit == 0
    assert not (tmp_path / "index").exists()


def test_modes_are_no_part_of_a_packet(folder: Path, rerun: Rerun) -> None:
    """A bag or a bucket that lost the modes still verifies."""
    (folder / "packet/RERUN.sh").chmod(0o755)
    assert rerun(folder).exit == 0


def test_names_that_git_refuses_are_told(rerun: Rerun, tmp_path: Path) -> None:
    """Where git will not take a file there is no tree, and so no PASS."""
    verdict = rerun(build(tmp_path / "folder", signer=ALICE, files={"git~1": b"x"}))
    assert (verdict.exit, verdict.codes) == (1, ["TREE_MISMATCH"])


def test_a_packet_with_another_script_fails(rerun: Rerun, tmp_path: Path) -> None:
    """Well sealed by the trusted key, and yet a packet cannot bring a script of its own."""
    folder = build(tmp_path / "folder", signer=ALICE, script=b"#!/bin/sh\necho PASS\n")
    verdict = rerun(folder, "--key", trust(tmp_path, ALICE.line))
    assert (verdict.exit, verdict.codes) == (1, ["RERUN_SCRIPT_DIFFERS"])


def test_a_packet_remade_by_somebody_else_fails_against_a_pinned_key(
    rerun: Rerun, tmp_path: Path
) -> None:
    """It passes by itself, and says so; the pinned key tells."""
    need("openssl")
    folder = build(tmp_path / "folder", signer=MALLORY)
    assert rerun(folder).last == ENCLOSED
    verdict = rerun(folder, "--key", trust(tmp_path, ALICE.line))
    assert (verdict.exit, verdict.codes) == (1, ["SIGNER_NOT_TRUSTED"])


ALLOWED = {
    b"ops@example.com " + ALICE.line: True,
    b'ops@example.com namespaces="file,greenlight" ' + ALICE.line: True,
    b"# comment\n\n" + MALLORY.line + b"ops@example.com " + ALICE.line: True,
    ALICE.line.rstrip() + b" a comment\r\n": True,
    b"": False,
    MALLORY.line: False,
    b"#" + ALICE.line: False,
    b'ops@example.com namespaces="*" ' + ALICE.line: True,
    b'ops@example.com namespaces="git" ' + ALICE.line: False,
    b'ops@example.com namespaces="*,!greenlight" ' + ALICE.line: False,
    b"ops@example.com cert-authority " + ALICE.line: False,
    b'ops@example.com valid-before="20200101" ' + ALICE.line: False,
    MALLORY.line.rstrip() + b" " + ALICE.line: False,
    ALICE.line[:40]: False,
}


@pytest.mark.parametrize("line", ALLOWED)
def test_only_lines_that_sh_can_judge_are_trusted(
    line: bytes, good: Path, rerun: Rerun, tmp_path: Path
) -> None:
    """A line with a limit that sh cannot judge, or another line's comment, trusts nobody."""
    need("openssl")
    verdict = rerun(good, "--key", trust(tmp_path, line))
    assert verdict.codes == ([] if ALLOWED[line] else ["SIGNER_NOT_TRUSTED"])


def test_swapped_parts_of_two_signers_fail(folder: Path, rerun: Rerun) -> None:
    """Statement, seal and signer.pub must name one key, whatever the sums say."""
    need("openssl")
    tree, payload = tree_of(folder), (folder / "seal/statement.cbor").read_bytes()
    seal = (folder / "seal/seal.cose").read_bytes()

    reseal(folder, signer_pub=MALLORY.line)
    assert set(rerun(folder).codes) == {"SEAL_KEY_MISMATCH", "SEAL_SIGNATURE_INVALID"}
    reseal(folder, signer_pub=ALICE.line, seal_cose=cose(payload, tree, MALLORY))
    assert set(rerun(folder).codes) == {"SEAL_KEY_MISMATCH", "SEAL_SIGNATURE_INVALID"}
    reseal(folder, signer_pub=MALLORY.line)
    assert rerun(folder).codes == ["SEAL_KEY_MISMATCH"]
    reseal(folder, signer_pub=ALICE.line, seal_cose=seal, statement_cbor=statement(tree, MALLORY))
    assert set(rerun(folder).codes) == {"SEAL_KEY_MISMATCH", "SEAL_SIGNATURE_INVALID"}


def test_the_signature_covers_the_whole_statement(folder: Path, rerun: Rerun) -> None:
    """A changed status, in a statement and sums that otherwise fit, is found."""
    need("openssl")
    payload = (folder / "seal/statement.cbor").read_bytes()
    reseal(folder, statement_cbor=payload.replace(b"staging", b"dry_run"))
    assert rerun(folder).codes == ["SEAL_SIGNATURE_INVALID"]


def test_another_format_version_is_another_scripts_business(folder: Path, rerun: Rerun) -> None:
    """Well signed, and not of version 1."""
    need("openssl")
    payload = statement(tree_of(folder), ALICE, version=2)
    reseal(folder, statement_cbor=payload, seal_cose=cose(payload, tree_of(folder), ALICE))
    assert rerun(folder).codes == ["UNSUPPORTED_VERSION"]


def test_a_seal_of_another_subject_fails(folder: Path, rerun: Rerun) -> None:
    """The seal's subject is the statement's tree."""
    payload = (folder / "seal/statement.cbor").read_bytes()
    reseal(folder, seal_cose=cose(payload, "0" * 64, ALICE))
    assert rerun(folder).codes == ["SEAL_MALFORMED"]


def test_no_byte_of_the_seal_is_free(folder: Path, rerun: Rerun) -> None:
    """With the sums made to fit, a flip in every region of seal.cose is still found."""
    need("openssl")
    seal = (folder / "seal/seal.cose").read_bytes()
    assert len(seal) == 310  # docs/spec: everything in it has constant length
    for offset in (
        0,
        1,
        3,
        4,
        6,
        9,
        10,
        50,
        53,
        54,
        85,
        88,
        91,
        167,
        170,
        171,
        241,
        242,
        245,
        246,
        309,
    ):
        reseal(folder, seal_cose=seal[:offset] + bytes([seal[offset] ^ 1]) + seal[offset + 1 :])
        assert rerun(folder).exit == 1, offset
    reseal(folder, seal_cose=seal + b"\x00")
    assert "SEAL_MALFORMED" in rerun(folder).codes


@pytest.mark.parametrize("lineage", [0, 1, 23, 24, 1000])
def test_statements_of_every_length_verify(lineage: int, rerun: Rerun, tmp_path: Path) -> None:
    """The Sig_structure's length of one, two bytes, and more."""
    need("openssl")
    folder = build(tmp_path / "folder", signer=ALICE, lineage=lineage)
    assert rerun(folder).last == ENCLOSED


def test_a_tree_of_other_bytes_fails(folder: Path, rerun: Rerun) -> None:
    """A changed packet with a manifest made to fit is found by git."""
    packet = folder / "packet"
    (packet / "header.json").write_bytes(b"other")
    files = {str(p.relative_to(packet)): p.read_bytes() for p in packet.rglob("*") if p.is_file()}
    del files["MANIFEST.sha256"]
    (packet / "MANIFEST.sha256").write_bytes(sums(files))
    assert rerun(folder).codes == ["TREE_MISMATCH"]


def test_replay_is_greenlights_and_only_when_asked(
    good: Path, rerun: Rerun, bare_path: str, tmp_path: Path
) -> None:
    """Without greenlight a replay cannot be promised; with it, its exit decides."""
    need("openssl")
    verdict = rerun(good, "--replay", path=bare_path)
    assert (verdict.exit, verdict.codes) == (1, ["TOOL_MISSING"])

    program = tmp_path / "greenlight"
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n[ ! -e {tmp_path}/differs ]\n')
    program.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    assert rerun(good, path=path).last == ENCLOSED
    assert not (tmp_path / "calls").exists()
    key = trust(tmp_path, ALICE.line)
    assert rerun(good, "--replay", "--key", key, path=path).last == f"{PINNED}; replay: done"
    assert (tmp_path / "calls").read_text() == f"rerun {good} --key {key}\n"
    (tmp_path / "differs").touch()
    assert rerun(good, "--replay", path=path).codes == ["REPLAY_DIFFERS"]


def test_every_code_that_it_gives_is_in_the_table() -> None:
    """The script's words are greenlight's words."""
    given = set(
        re.findall(
            r"\b(?:fail|finding|refuse|FAIL|bad\(\")\s*\"?([A-Z]+_[A-Z_]+)", SCRIPT.read_text()
        )
    )
    assert {"TREE_MISMATCH", "PATH_DOTGIT", "DIRECTORY_EMPTY", "TOOL_MISSING"} <= given
    assert given <= set(Code.__members__)


def test_its_digest_is_published() -> None:
    """docs/spec/rerun-sh.md carries the SHA-256 of the script, which never changes."""
    digest = hashlib.sha256(SCRIPT.read_bytes()).hexdigest()
    assert digest in (SCRIPT.parents[2] / "docs/spec/rerun-sh.md").read_text()


def test_shellcheck_has_nothing_to_say() -> None:
    """The script is plain POSIX sh."""
    done = subprocess.run(
        [need("shellcheck"), "-s", "sh", "-e", "SC2015", str(SCRIPT)],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
