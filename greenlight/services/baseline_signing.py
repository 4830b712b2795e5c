"""Vouch for a baseline: a signature beside it, by an OpenSSH key or by GPG.

A signature of the same signer is replaced by a new one; somebody else's never is, unless
that was asked for: it may be the only proof of what was agreed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError
from greenlight.model.baseline import MAX_BASELINE_BYTES, Baseline, decode_baseline
from greenlight.primitives import sshsig
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_SSHSIG_BYTES
from greenlight.primitives.openssh import format_public
from greenlight.primitives.text import escape
from greenlight.services import gpg
from greenlight.services.baseline_files import (
    GPG_SUFFIX,
    SSH_SUFFIX,
    Taken,
    beside,
    put,
)
from greenlight.services.baselines import missing
from greenlight.services.reading import read_if_there
from greenlight.verify.baseline import NAMESPACE


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed.

    Attributes:
        baseline: It.
        path: Where the signature lies.
        signer: The key, for people.
        kind: ssh or gpg.
    """

    baseline: Baseline
    path: Path
    signer: str
    kind: str


def sign_with_ssh(path: Path, signer: Signer, *, replace: bool = False) -> Signed:
    """Sign a baseline as ``ssh-keygen -Y sign -n greenlight-baseline`` does.

    Raises:
        RejectedError: BASELINE_MISSING.
        MalformedError: BASELINE_MALFORMED: what is no baseline is not signed.
        RefusedError: BASELINE_SIGNED_BY_OTHER.
        StoreError: The key's agent, or the file system, refuses.
    """
    data, baseline = _read(path)
    target = beside(path, SSH_SUFFIX)
    present = read_if_there(target, MAX_SSHSIG_BYTES, Code.BASELINE_MALFORMED)
    mine = False
    if present is not None:
        with suppress(MalformedError):
            known = sshsig.claimed_key(present.decode("ascii", "replace"), NAMESPACE)
            mine = known == signer.public
    _require_place(target, there=present is not None, mine=mine, replace=replace)
    armoured = sshsig.sign(data, signer, NAMESPACE).encode("ascii")
    _put(target, armoured, replace=replace or mine)
    return Signed(baseline, target, format_public(signer.public), "ssh")


def sign_with_gpg(
    path: Path, who: str, variables: Mapping[str, str], *, replace: bool = False
) -> Signed:
    """Sign a baseline as ``gpg --armor --detach-sign`` does, by the user's own gpg.

    Raises:
        RejectedError: BASELINE_MISSING.
        MalformedError: BASELINE_MALFORMED.
        RefusedError: BASELINE_SIGNED_BY_OTHER; GPG_FAILED.
        StoreError: TOOL_MISSING; the file system refuses.
    """
    data, baseline = _read(path)
    target = beside(path, GPG_SUFFIX)
    present = read_if_there(target, gpg.MAX_ARMOUR_BYTES, Code.BASELINE_MALFORMED)
    made = gpg.sign(data, who, variables)
    mine = False
    if present is not None:
        known = gpg.claimed_by(data, present)
        mine = bool(known) and made.fingerprint.endswith(known)
    _require_place(target, there=present is not None, mine=mine, replace=replace)
    _put(target, made.armoured, replace=replace or mine)
    return Signed(baseline, target, f"GPG key {made.fingerprint}", "gpg")


def _read(path: Path) -> tuple[bytes, Baseline]:
    data = read_if_there(path, MAX_BASELINE_BYTES, Code.BASELINE_MALFORMED)
    if data is None:
        raise missing(path)
    return data, decode_baseline(data)


def _require_place(target: Path, *, there: bool, mine: bool, replace: bool) -> None:
    if there and not mine and not replace:
        raise _taken(target)


def _put(target: Path, data: bytes, *, replace: bool) -> None:
    try:
        put(target, data, replace=replace)
    except Taken as error:  # somebody was quicker
        raise _taken(target) from error


def _taken(target: Path) -> RefusedError:
    return RefusedError(
        Code.BASELINE_SIGNED_BY_OTHER,
        f"{escape(str(target))} is a signature by somebody else; nothing was overwritten",
        hint="--replace takes its place",
    )
