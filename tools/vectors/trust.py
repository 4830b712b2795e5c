"""Vectors of trust roots of format 2: who must sign, by which halves, and what is revoked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from greenlight.model.entry import Body, sign_entry
from greenlight.model.trust import KeyRoles, Revocation, Role, Succession, TrustRoot
from greenlight.model.trust_parts import unbase64
from greenlight.model.trust_signing import sign_root
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner, Signer
from greenlight.primitives.hybrid import HybridSigner
from greenlight.primitives.timestamp import format_seconds
from tools.vectors.halves import both
from tools.vectors.ledger import EXECUTOR, START, Told, grant, run_opened, tell

# Published, and good for nothing else: the seeds are 32 times one byte.
ALICE, BOB, CAROL, STRANGER = (both(SeedSigner(bytes([n]) * 32)) for n in range(0x11, 0x15))


def root(*owners: HybridSigner, version: int = 1, **more: object) -> TrustRoot:
    """Owners with both halves, and the executor of the ledger's vectors with one."""
    keys = [KeyRoles.of(one.public, Role.OWNER, half=one.post_quantum.public) for one in owners]
    if not more.get("hybrid"):
        keys.append(KeyRoles.of(EXECUTOR.public, Role.EXECUTOR))
    values: dict[str, object] = {
        "version": version,
        "keys": tuple(sorted(keys, key=lambda item: item.key)),
        "threshold": 2,
        "expires": "",
        "format": 2,
    }
    return TrustRoot(**(values | more))  # type: ignore[arg-type]  # values are what it takes


def signed(body: TrustRoot, *signers: Signer) -> TrustRoot:
    """Return a root under signatures."""
    return body.with_signatures(sign_root(body, signer) for signer in signers)


class Story:
    """A ledger that grows, in which each root names the entry of the one before."""

    def __init__(self, first: TrustRoot, actor: HybridSigner) -> None:
        self.acts: list[tuple[bytes, SeedSigner]] = []
        self.times: list[datetime] = []
        self.add(first, actor)
        self.last = Digest.of(self.acts[0][0])

    def add(self, body: Body, actor: Signer, time: datetime | None = None) -> Story:
        uuid = f"{len(self.acts):08x}-0000-4000-8000-000000000000"
        entry = sign_entry(body, uuid=uuid, signer=actor)
        self.acts.append((entry, EXECUTOR))
        self.times.append(time or START + timedelta(seconds=len(self.times)))
        return self

    def next(self, *owners: HybridSigner, version: int = 2, **more: object) -> TrustRoot:
        return root(*owners, version=version, follows=str(self.last), **more)

    def told(self) -> Told:
        return tell(*self.acts, times=self.times)


def two() -> Story:
    """Two of three owners are wanted."""
    return Story(signed(root(ALICE, BOB, CAROL), BOB), ALICE)


def demanded() -> Story:
    """Two of three owners are wanted, with both halves."""
    return Story(signed(root(ALICE, BOB, CAROL, hybrid=True), ALICE, BOB), ALICE)


def lost(signer: Signer, since: int) -> Revocation:
    """Return the revocation of a key."""
    return Revocation(signer.public.uri, since, "The laptop was stolen.")


def _flipped(body: TrustRoot, signer: HybridSigner, *, half: bool) -> TrustRoot:
    """Flip the last bit of a signature."""
    one = sign_root(body, signer)
    data = bytearray(unbase64(one.post_quantum if half else one.signature))
    data[-1] ^= 1
    text = base64.b64encode(data).decode("ascii")
    wrong = replace(one, post_quantum=text) if half else replace(one, signature=text)
    return replace(body, signatures=(wrong,))


def cases() -> list[tuple[str, Told, tuple[str, ...]]]:
    """Name, history, and its entries without effect."""
    end = format_seconds(START + timedelta(days=1))
    after = START + timedelta(days=2)
    past = Succession(
        origin="greenlight/" + "7" * 64,
        size=41,
        root="sha256:" + "8" * 64,
        reason="Two of three owners lost their keys.",
    )
    return [
        ("GOOD__two_owners", _put(two(), lambda s: signed(s.next(ALICE, BOB, CAROL), BOB)), ()),
        ("GOOD__rotation", _put(two(), lambda s: signed(s.next(ALICE, CAROL), CAROL)), ()),
        (
            "GOOD__both_halves",
            _put(demanded(), lambda s: signed(s.next(ALICE, BOB, CAROL, hybrid=True), BOB, CAROL)),
            (),
        ),
        (
            "GOOD__succession",
            Story(signed(root(ALICE, BOB, succeeds=(past,)), BOB), ALICE).told(),
            (),
        ),
        (
            "ENTRY_VOID__threshold_not_met",
            _put(two(), lambda s: s.next(ALICE, BOB, CAROL)),
            ("ENTRY_VOID:TRUST_THRESHOLD",),
        ),
        (
            "ENTRY_VOID__threshold_met_by_one_key_and_its_entry",
            _put(two(), lambda s: signed(s.next(ALICE, BOB, CAROL), ALICE)),
            ("ENTRY_VOID:TRUST_THRESHOLD",),
        ),
        (
            "ENTRY_VOID__one_key_signed_twice",
            _put(two(), lambda s: _twice(s.next(ALICE, BOB, CAROL))),
            ("ENTRY_VOID:TRUST_SIGNED_TWICE",),
        ),
        (
            "ENTRY_VOID__new_owner_did_not_sign",
            _put(two(), lambda s: signed(s.next(ALICE, STRANGER), BOB)),
            ("ENTRY_VOID:TRUST_NEW_OWNERS",),
        ),
        (
            "ENTRY_VOID__signed_by_a_stranger",
            _put(two(), lambda s: signed(s.next(ALICE, BOB, CAROL), STRANGER)),
            ("ENTRY_VOID:TRUST_REFUSED",),
        ),
        (
            "ENTRY_VOID__root_signature_edited",
            _put(two(), lambda s: _flipped(s.next(ALICE, BOB, CAROL), BOB, half=False)),
            ("ENTRY_VOID:TRUST_SIGNATURE_INVALID",),
        ),
        (
            "ENTRY_VOID__post_quantum_root_signature_edited",
            _put(two(), lambda s: _flipped(s.next(ALICE, BOB, CAROL), BOB, half=True)),
            ("ENTRY_VOID:TRUST_SIGNATURE_INVALID",),
        ),
        (
            "ENTRY_VOID__ed25519_in_place_of_ml_dsa",
            _put(two(), lambda s: _swapped(s.next(ALICE, BOB, CAROL))),
            ("ENTRY_VOID:KEY_TYPE_WRONG",),
        ),
        (
            "ENTRY_VOID__both_halves_demanded",
            _put(
                demanded(),
                lambda s: signed(s.next(ALICE, BOB, CAROL, hybrid=True), ALICE, BOB.classical),
            ),
            ("ENTRY_VOID:TRUST_HYBRID_MISSING",),
        ),
        (
            "ENTRY_VOID__root_for_another_ledger",
            _put(two(), lambda s: signed(_elsewhere(s.next(ALICE, BOB, CAROL)), BOB)),
            ("ENTRY_VOID:TRUST_STALE",),
        ),
        (
            "ENTRY_VOID__trust_root_over",
            Story(signed(root(ALICE, BOB, expires=end), BOB), ALICE)
            .add(grant(), ALICE, after)
            .told(),
            ("ENTRY_VOID:TRUST_EXPIRED",),
        ),
        ("ENTRY_VOID__revoked_key", _revoked(), ("ENTRY_VOID:KEY_REVOKED",) * 2),
    ]


def _put(story: Story, make: Callable[[Story], TrustRoot]) -> Told:
    return story.add(make(story), ALICE).told()


def _twice(body: TrustRoot) -> TrustRoot:
    one = sign_root(body, BOB)
    return replace(body, signatures=(one, one))


def _swapped(body: TrustRoot) -> TrustRoot:
    one = sign_root(body, BOB)
    return replace(body, signatures=(replace(one, post_quantum=one.signature),))


def _elsewhere(body: TrustRoot) -> TrustRoot:
    return replace(body, follows="sha256:" + "9" * 64)


def _revoked() -> Told:
    """Bob gave a grant; it is without force, and so is what he says later."""
    story = two().add(grant(), BOB)
    body = story.next(ALICE, CAROL, revoked=(lost(BOB, 1),))
    story.add(signed(body, CAROL), ALICE)
    return story.add(run_opened(), EXECUTOR).add(replace(grant(), grant="second"), BOB).told()


def chains() -> dict[str, dict[str, bytes]]:
    """Every vector of trust roots, by folder."""
    return {name: told.files((), voids) for name, told, voids in cases()}
