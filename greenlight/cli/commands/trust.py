"""``greenlight trust``: the trust root in force, and its next version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from greenlight.cli.answer import Answer
from greenlight.cli.outputs import write_output
from greenlight.cli.surroundings import agent, clock, passphrase, signer_of, store_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import GreenlightError, StoreError, UsageError
from greenlight.ledger.read import Ledger
from greenlight.model.state import LedgerState
from greenlight.model.trust import Role, TrustRoot
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.mldsa import PostQuantumKey
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.halves import half_path
from greenlight.services.initialising import require_store
from greenlight.services.keys import KeyFile, load_key, read_public
from greenlight.services.packets import ledger_of
from greenlight.services.proposals import (
    differences,
    format_proposal,
    read_proposal,
    require_next,
    sign_proposal,
)
from greenlight.services.trusting import (
    Change,
    adding,
    next_root,
    put_root,
    revoking,
    root_dict,
    rotating,
    setting,
    signed_by,
    trust_dict,
)
from greenlight.store.durable import replace_file
from greenlight.store.repository import Store

_ROLES = ("owner", "reviewer", "witness")


def add(arguments: Values) -> Answer:
    """Give a key roles in the next version of the trust root."""
    key = read_public(arguments.key)
    half = _half(key) if arguments.hybrid else None
    return _change(arguments, adding(key.public, [Role(role) for role in arguments.role], half))


def rotate(arguments: Values) -> Answer:
    """Put a key in the place of another."""
    old, new = read_public(arguments.old), read_public(arguments.new)
    half = _half(new) if arguments.hybrid else None
    with store_of(arguments) as store:
        trust = _state(store).trust
    held = None if trust is None else trust.find(old.public.uri)
    # Only owners sign trust roots: nobody else is asked for a passphrase.
    owner = held is not None and Role.OWNER in held.roles
    also = _private_of(arguments.new) if owner else []
    return _change(arguments, rotating(old.public, new.public, half), also)


def revoke(arguments: Values) -> Answer:
    """Take a key away, and what it signed from an index on."""
    named: str = arguments.key
    key = named if named.startswith("urn:") else read_public(Path(named)).public.uri
    since = None if arguments.since is None else _number(arguments.since, "--from")
    return _change(arguments, revoking(key, arguments.reason, since))


def configure(arguments: Values) -> Answer:
    """Set thresholds, expiry, or whether both halves of keys are demanded."""
    thresholds: dict[Role, int] = {}
    for text in arguments.threshold or ():
        role, _, number = text.partition("=")
        if role not in _ROLES:
            known = ", ".join(_ROLES)
            raise UsageError(Code.USAGE, f"--threshold is ROLE=N, ROLE one of {known}")
        thresholds[Role(role)] = _number(number, f"--threshold {role}")
    expires: str | None = arguments.expires
    if expires is not None and expires != "never":
        parse_seconds(expires)
    if not thresholds and expires is None and arguments.demand is None:
        raise UsageError(
            Code.USAGE, "say what to set: --threshold ROLE=N, --expires TIME, --hybrid on|off"
        )
    change = setting(
        thresholds=thresholds,
        expires="" if expires == "never" else expires,
        hybrid=None if arguments.demand is None else arguments.demand == "on",
    )
    return _change(arguments, change)


def show(arguments: Values) -> Answer:
    """Show the trust root in force."""
    with store_of(arguments) as store:
        pin = require_store(store)
        ledger = ledger_of(store)
        ledger.require()
        if ledger.commit is None:
            data = {"trust_root": str(pin.digest), "ref": pin.ref}
            note = "no ledger was fetched yet: greenlight fetch REMOTE"
            return Answer(data, (f"trust root  {pin.digest}",), note=note)
        return _answer(ledger)


def sign(arguments: Values) -> Answer:
    """Sign a proposal."""
    path: Path = arguments.file
    with store_of(arguments) as store:
        state = _state(store)
        root = read_proposal(path)
        before = require_next(state, root)
        signed = sign_proposal(state, root, signer_of(arguments))
        replace_file(path, format_proposal(signed))
    return _proposed(path, before, signed)


def apply(arguments: Values) -> Answer:
    """Put a proposal in force."""
    root = read_proposal(arguments.file)

    def make(state: LedgerState) -> TrustRoot:
        require_next(state, root)
        return root

    with written_store(arguments) as store:
        require_store(store)
        put_root(store, signer_of(arguments), make, clock=clock)
        return _answer(ledger_of(store))


# --- what they share


def _change(arguments: Values, change: Change, also: Sequence[Signer] = ()) -> Answer:
    """Put a change in force, or write it down for others to sign."""
    if arguments.out is None:
        with written_store(arguments) as store:
            require_store(store)
            signer = signer_of(arguments)

            def make(state: LedgerState) -> TrustRoot:
                return next_root(state, change)

            put_root(store, signer, make, also=also, clock=clock)
            return _answer(ledger_of(store))
    with store_of(arguments) as store:
        state = _state(store)
        root = next_root(state, change, proposed=True)
        before = require_next(state, root)
        root = signed_by(root, before, [signer_of(arguments), *also])
    write_output(arguments.out, format_proposal(root))
    return _proposed(arguments.out, before, root)


def _state(store: Store) -> LedgerState:
    require_store(store)
    ledger = ledger_of(store)
    ledger.require()
    return ledger.state


def _half(key: KeyFile) -> PostQuantumKey:
    if key.post_quantum is None:
        place = half_path(key.path.with_name(f"{key.path.name}.pub"))
        raise StoreError(
            Code.KEY_MISSING,
            f"no post-quantum half of the key in {escape(str(place))}",
            hint="its owner made it with: greenlight keys new --hybrid, and sends both .pub files",
        )
    return key.post_quantum


def _private_of(path: Path) -> list[Signer]:
    """Return the signer of a public key file, where its private half is here."""
    private = path.with_suffix("") if path.suffix == ".pub" else path
    found = private if private.is_file() else path
    if found.suffix == ".pub" and agent() is None:
        return []
    try:
        return [load_key(found, lambda file: passphrase(f"Passphrase of {file}: "), agent())]
    except GreenlightError:
        if found == private:
            raise
        return []  # the agent does not hold it: its owner signs elsewhere


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 15:  # noqa: PLR2004 - digits
        raise UsageError(Code.USAGE, f"{what} takes a number, not {escape(text)[:100]}")
    return int(text)


def _proposed(path: Path, before: TrustRoot, root: TrustRoot) -> Answer:
    signed_by = [one.key for one in root.signatures]
    changes = list(differences(before, root))
    lines = [f"proposal    {path}: version {root.version}, not in force"]
    lines += [f"  {line}" for line in changes]
    lines += [f"signed by   {key}" for key in signed_by] or ["signed by   nobody"]
    data = {"file": str(path), "signed_by": signed_by, "changes": changes, **root_dict(root)}
    note = "others add: greenlight trust sign FILE; then one of them: greenlight trust apply FILE"
    return Answer(data, tuple(lines), note=note)


def _answer(ledger: Ledger) -> Answer:
    trust = ledger.state.trust
    lines = [f"trust root  {ledger.head.pin}"]
    if trust is not None:
        lines += _lines(trust)
        held = sorted(ledger.state.roots.values(), key=lambda each: each.index)
        for each in held:
            lines += [
                f"succeeds    {one.origin} at {one.size} records: {one.reason}"
                for one in each.root.succeeds
            ]
            by = len({one.key for one in each.root.signatures} | {each.actor})
            lines.append(
                f"  version {each.root.version}: record {each.index},"
                f" signed by {by} {'key' if by == 1 else 'keys'}"
            )
    return Answer(trust_dict(ledger), tuple(lines))


def _lines(trust: TrustRoot) -> list[str]:
    lines = [f"version     {trust.version}, threshold {trust.threshold}"]
    if trust.reviewers != 1 or trust.witnesses:
        lines.append(f"thresholds  reviewers {trust.reviewers}, witnesses {trust.witnesses}")
    if trust.expires:
        lines.append(f"expires     {trust.expires}")
    if trust.hybrid:
        lines.append("demanded    both halves of keys, for trust roots and seals")
    lines += [
        f"{', '.join(item.roles)}:  {item.key}{'  + ML-DSA-44' if item.post_quantum else ''}"
        for item in trust.keys
    ]
    lines += [
        f"revoked:  {item.key} from record {item.since} on: {item.reason}" for item in trust.revoked
    ]
    return lines
