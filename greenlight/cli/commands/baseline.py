"""``greenlight baseline``: capture what a benchmark takes, vouch for it, and hold to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.exit_codes import Exit
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import (
    clock,
    here,
    settings,
    signer_of,
    store_of,
    variables,
)
from greenlight.cli.trusting import given_trust
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError, UsageError
from greenlight.model.baseline import (
    MAX_BASELINE_BYTES,
    Baseline,
    Tree,
    decode_baseline,
    encode_baseline,
)
from greenlight.model.codec import to_document
from greenlight.model.trust import Role
from greenlight.primitives.decimals import plain
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import escape
from greenlight.services.baseline_files import Taken, put, state_of
from greenlight.services.baseline_signing import sign_with_gpg, sign_with_ssh
from greenlight.services.baseline_trust import read_keyring, read_revoked, root_in_force
from greenlight.services.baselines import (
    BaselineVerdict,
    Measure,
    Trusting,
    Where,
    compare_with,
    load_current,
    measure,
    missing,
    unclean,
    verify_baseline,
)
from greenlight.services.benchmarking import Place, Plan
from greenlight.services.benchmarking import capture as capture_now
from greenlight.services.keys import read_allowed_signers
from greenlight.services.reading import read_if_there
from greenlight.services.settings import find_base
from greenlight.store.repository import Store
from greenlight.store.worktree import work_tree_around
from greenlight.verify.baseline import NAMESPACE, BaselineTrust

_COMPARED_RUNS = 5  # where nobody says how long: three seconds of greenlight's own parsers
_NO_STORE = frozenset({Code.STORE_MISSING})


def capture(arguments: Values) -> Answer:
    """Run a benchmark, and write what it took."""
    if (arguments.duration is None) == (arguments.count is None):
        raise UsageError(
            Code.USAGE,
            "a capture takes --duration SECONDS, or --count RUNS, and not both",
            hint="greenlight baseline capture --duration 3600",
        )
    plan = Plan(
        argv=tuple(arguments.argv or ()),
        says_samples=arguments.samples,
        count=arguments.count,
        seconds=arguments.duration,
        timeout_seconds=arguments.timeout,
        max_failures=arguments.max_failures or 0,
        labels=tuple(arguments.label or ()),
    )
    if plan.says_samples and not plan.argv:
        raise UsageError(Code.USAGE, "--samples goes with a command", hint="-- CMD...")
    # Before an hour goes by, and not after.
    if arguments.out.exists() and not arguments.replace:
        raise _exists(arguments.out)
    with progress("runs", arguments.count or 0) as shown:
        made = capture_now(plan, _place(), clock=clock, on_run=lambda _: shown.advance(1))
    data = encode_baseline(made)
    try:
        put(arguments.out, data, replace=arguments.replace)
    except Taken as error:
        raise _exists(arguments.out) from error
    return Answer(
        {"path": str(arguments.out), "digest": str(Digest.of(data)), "baseline": _plain(made)},
        tuple(_captured(arguments.out, made)),
        note=f"greenlight baseline sign --baseline {arguments.out} --signer WHO",
    )


def sign(arguments: Values) -> Answer:
    """Vouch for a baseline."""
    if arguments.gpg:
        made = sign_with_gpg(
            arguments.baseline, arguments.signer, variables(), replace=arguments.replace
        )
        how = f"gpg --verify {made.path} {arguments.baseline}"
    else:
        made = sign_with_ssh(arguments.baseline, signer_of(arguments), replace=arguments.replace)
        how = (
            f"ssh-keygen -Y verify -f ALLOWED_SIGNERS -I {arguments.signer} -n {NAMESPACE}"
            f" -s {made.path} < {arguments.baseline}"
        )
    warning = ""
    if made.baseline.tree is not Tree.CLEAN:
        warning = unclean(made.baseline.tree)
    data = {
        "path": str(made.path),
        "baseline": str(arguments.baseline),
        "kind": made.kind,
        "signer": made.signer,
        "for": arguments.signer,
        "namespace": NAMESPACE if made.kind == "ssh" else "",
    }
    lines = [
        f"signed  {made.path}",
        f"  as      {arguments.signer}",
        f"  key     {made.signer}",
        *([f"  but     {warning}"] if warning else []),
    ]
    return Answer(data, tuple(lines), note=how)


def verify(arguments: Values) -> Answer:
    """Say whether a baseline may judge what is checked out."""
    store = _store(arguments)
    try:
        where = _where(arguments, store)
        verdict = verify_baseline(where, _trusting(arguments, store), now=clock())
    finally:
        if store is not None:
            store.close()
    return _answer(verdict, tuple(_verified(verdict)))


def compare(arguments: Values) -> Answer:
    """Hold what is measured now to a baseline."""
    data = read_if_there(arguments.baseline, MAX_BASELINE_BYTES, Code.BASELINE_MALFORMED)
    if data is None:
        raise missing(arguments.baseline)
    baseline = decode_baseline(data)
    argv = tuple(arguments.argv or ())
    if arguments.current is not None:
        if argv or arguments.count or arguments.duration:
            raise UsageError(Code.USAGE, "--current is measured already", hint="or measure now")
        current, measured = load_current(arguments.current), str(arguments.current)
    else:
        if baseline.ran.argv and not argv:
            raise UsageError(
                Code.USAGE,
                "the baseline is of a command, and a file alone is not let run one",
                hint=f"greenlight baseline compare … -- {' '.join(baseline.ran.argv)}",
            )
        if arguments.duration is not None and arguments.count is not None:
            raise UsageError(Code.USAGE, "--duration or --count, and not both")
        runs = arguments.count
        if arguments.duration is None and runs is None:
            runs = _COMPARED_RUNS
        with progress("runs", runs or 0) as shown:
            how = Measure(
                _place(), argv, runs, arguments.duration, on_run=lambda _: shown.advance(1)
            )
            current, measured = measure(baseline, how, clock=clock)
    verdict = BaselineVerdict(
        Where(arguments.baseline), baseline=baseline, digest=str(Digest.of(data))
    )
    verdict = compare_with(verdict, baseline, current, measured)
    return _answer(verdict, tuple(_compared(verdict)))


# --- what is asked


def _place() -> Place:
    folder = here()
    commit, tree = state_of(folder)
    return Place(folder, variables(), commit, tree)


def _store(arguments: Values) -> Store | None:
    """Open the store around; None where there is none, or nothing asks for one."""
    given = arguments.key or arguments.allowed_signers or arguments.gpg_keyring
    asked = arguments.store or arguments.trust_root or arguments.role
    if arguments.here and given and not asked:
        return None  # a shallow clone, as pipelines have, will do
    try:
        return store_of(arguments)
    except StoreError as error:
        wanted = arguments.store is not None or arguments.base or arguments.trust_root
        if wanted or error.code not in _NO_STORE:
            raise
        return None


def _where(arguments: Values, store: Store | None) -> Where:
    """Return which baseline is verified, and the base that it is read from (docs/adr/0054)."""
    if arguments.here and arguments.base:
        raise UsageError(Code.USAGE, "--here is of no base", hint="--base REV, or --here")
    tree = work_tree_around(here())
    path = arguments.baseline
    if tree is None or store is None:
        if arguments.base:
            raise UsageError(Code.BASE_UNKNOWN, "no work tree here, so no base in it")
        return Where(path)
    if arguments.here:
        return Where(path, store, tree)
    name, commit = find_base(tree, arguments.base or "")
    if arguments.base and not commit:
        raise UsageError(
            Code.BASE_UNKNOWN, f"{escape(arguments.base)} has no commit before this one"
        )
    return Where(path, store, tree, name, commit)


def _trusting(arguments: Values, store: Store | None) -> Trusting:
    """Return whose signatures count: what was given, else the pin, else the user's settings."""
    given = given_trust(arguments)
    sources = [] if given.source == "nothing" else [given.source]
    keyring = None
    if arguments.gpg_keyring is not None:
        keyring = read_keyring(arguments.gpg_keyring)
        sources.append(f"--gpg-keyring {arguments.gpg_keyring}")
    trust = BaselineTrust(
        signers=given.signers,
        role=Role(arguments.role or Role.OWNER),
        revoked=read_revoked(arguments.revoked) if arguments.revoked else frozenset(),
        signer=arguments.signer or "",
    )
    asked = given.root is not None or arguments.role is not None
    if store is not None and (asked or not sources):
        root = root_in_force(store, given.root)
        if root is None and arguments.role is not None:
            raise UsageError(
                Code.USAGE, "--role is one of the trust root, and none is pinned here",
                hint="--trust-root DIGEST",
            )  # fmt: skip
        if root is not None:
            if given.root is None:
                sources.append("the trust root pinned for this store")
            trust = replace(trust, root=root)
    folder = settings()
    mine = None if folder is None else folder / "allowed_signers"
    if not sources and mine is not None and mine.is_file():
        trust = replace(trust, signers=read_allowed_signers(mine))
        sources.append(str(mine))
    return Trusting(trust, keyring, " and ".join(sources) or "nothing")


def _exists(path: Path) -> RefusedError:
    return RefusedError(
        Code.OUTPUT_EXISTS,
        f"{escape(str(path))} is already there; nothing was overwritten",
        hint="--replace takes its place, and its signatures are then void",
    )


# --- what is said


def _answer(verdict: BaselineVerdict, lines: tuple[str, ...]) -> Answer:
    if verdict.ok:
        return Answer(verdict.to_dict(), lines)
    first = verdict.findings[0]
    said = f"{first.where}: expected {first.expected}, found {first.found}"
    fault = Fault(first.code, said, _HINTS.get(first.code))
    return Answer(verdict.to_dict(), lines, exit=Exit.BASELINE, fault=fault)


_HINTS = {
    Code.BASELINE_MISSING: "greenlight baseline capture, then greenlight baseline sign",
    Code.BASELINE_UNSIGNED: "greenlight baseline sign --signer WHO",
    Code.BASELINE_SIGNER_UNKNOWN: "--allowed-signers FILE, --key FILE, or --gpg-keyring FILE",
    Code.BASELINE_NEWER: "let the baseline go in by itself first: it judges what comes after",
}


def _plain(baseline: Baseline) -> dict[str, object]:
    document = to_document(baseline)
    document["metrics"] = {name: plain(value) for name, value in document["metrics"].items()}
    document["rss_floor_mb"] = plain(document["rss_floor_mb"])
    return document


def _captured(path: Path, made: Baseline) -> list[str]:
    metrics = to_document(made)["metrics"]
    said = f"{made.runs} runs, {made.samples} samples, {made.failures} failures"
    rows = [(f"  {name}", str(plain(value))) for name, value in sorted(metrics.items())]
    return [f"captured  {path}", f"  {said} in {made.elapsed_ms / 1000:.1f} s", *table(rows)]


def _verified(verdict: BaselineVerdict) -> list[str]:
    lines = [f"{verdict.status.upper()}  {verdict.where.path}"]
    for name, value in (
        ("captured", verdict.baseline.captured_at if verdict.baseline else ""),
        ("signer", verdict.signer),
        ("trusted by", verdict.trusted_by),
        ("base", f"{verdict.where.base} {verdict.where.commit[:12]}".strip()),
    ):
        if value:
            lines.append(f"  {name:12}{value}")
    return [*lines, *_wrong(verdict)]


def _compared(verdict: BaselineVerdict) -> list[str]:
    rows = [
        (
            f"  {check.threshold.metric}",
            "?" if check.current is None else str(row["current"]),
            f"at most {row['limit']}",
            f"({row['baseline']} {row['rule']})",
            "ok" if check.ok else "FAIL",
        )
        for check in verdict.checks
        for row in (check.to_dict(),)
    ]
    head = f"{verdict.status.upper()}  {verdict.measured}"
    return [head, *table(rows), *_wrong(verdict)]


def _wrong(verdict: BaselineVerdict) -> list[str]:
    return [*(f"  {finding}" for finding in verdict.findings), *(f"  ({n})" for n in verdict.notes)]
