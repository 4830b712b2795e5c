"""``delegation-and-authority-lock.json``: who let whom run this, and how far that reaches."""

from __future__ import annotations

from greenlight.model.fields import (
    Count,
    DigestText,
    KeyUri,
    Label,
    Line,
    MaybeDigest,
    MaybeTime,
    Slug,
    Uuid,
    derived,
    document,
    recorded,
    value,
)


@value
class Delegation:
    """One link of the chain."""

    giver: KeyUri = recorded("Key that delegates.")
    giver_role: Slug = recorded("Its role when it did.")
    taker: KeyUri = recorded("Key that it is delegated to.")
    taker_role: Slug = recorded("The role it acts in.")


@document("delegation-and-authority-lock.json")
class AuthorityLock:
    """The grant that was consumed, the chain behind it, and what it does not reach.

    A seal or a pin never grants authority (source-notes, B2); those that a reader
    could take for one are listed under ``not_authority``.
    """

    lane: Slug = derived("The lane.")
    run_id: Uuid = recorded("The run.")
    authority: Label = recorded("The authority granted.")
    delegation: Label = recorded("The delegation consumed.")
    grant: Label = recorded("Id of the grant.")
    grant_record: DigestText = recorded("SHA-256 of the ledger record that issued it.")
    trust_root: DigestText = recorded("SHA-256 of record 0 of the ledger.")
    use: Count = recorded("Which use of the grant this run spent, from 1.")
    max_uses: Count = recorded("How many uses it has.")
    not_before: MaybeTime = recorded("From when it holds; none for always.")
    expires: MaybeTime = recorded("Until when it holds, this moment excluded; none for ever.")
    modes: tuple[Line, ...] = recorded("Modes it covers.")
    operations: tuple[Line, ...] = recorded("Tool operations it covers; `*` is all the lane names.")
    chain: tuple[Delegation, ...] = recorded("From the owner to the executor.")
    lane_digest: MaybeDigest = derived("SHA-256 of lane.yaml, as the run was opened with.")
    production: bool = derived("Whether it opens a production surface; never, here.")
    satisfies: tuple[Label, ...] = derived("Gates that it satisfies for this lane only.")
    hands_on: tuple[Label, ...] = derived("Gates handed on to the blocker map.")
    not_authority: tuple[Line, ...] = derived("Seals and pins that grant nothing.")
