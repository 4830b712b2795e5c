"""What each command takes: one table for parsing, help and completion.

Two readers share it.  ``plain`` reads a command line that is spelled plainly, in no time;
``arguments`` hands everything else to typer: help, mistakes, ``--name=value``, options run
together.  A test holds that both give the same values (docs/adr/0017).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

BASELINE = "baselines/metrics_baseline_v1.json"  # 000
ROLES = ("owner", "executor", "reviewer", "operator", "log", "witness")
MAX_COUNT = 9_999_999  # seven digits: a number a person means
PACKET = "an id, a unique prefix of one (4 characters or more), a tree, a commit, or a folder"


class Param(NamedTuple):
    """One word or option.

    Attributes:
        name: The attribute that its value becomes.
        kind: flag, text, path, count, or word (one of ``choices``).
        help: One line.
        option: Its long spelling; empty where it is a word without a name.
        short: Its short spelling, where it has one.
        metavar: What stands for its value.
        default: Its value where it is not given; a required one has none.
        required: Whether it must be given.
        repeat: Whether it may be given more than once; its value is then a list or None.
        choices: The words that it may be.
    """

    name: str
    kind: str
    help: str
    option: str = ""
    short: str = ""
    metavar: str | None = None
    default: object = None
    required: bool = False
    repeat: bool = False
    choices: tuple[str, ...] = ()


def _flag(option: str, about: str) -> Param:
    return Param(option[2:].replace("-", "_"), "flag", about, option, default=False)


def _word(  # noqa: PLR0913 - the columns of the table
    name: str,
    metavar: str,
    about: str,
    *,
    kind: str = "text",
    optional: bool = False,
    repeat: bool = False,
) -> Param:
    shown = f"[{metavar}]" if optional else metavar
    return Param(name, kind, about, metavar=shown, required=not optional, repeat=repeat)


def _option(  # noqa: PLR0913 - the columns of the table
    option: str,
    metavar: str | None,
    about: str,
    *,
    kind: str = "text",
    default: object = None,
    short: str = "",
    repeat: bool = False,
    required: bool = False,
    choices: tuple[str, ...] = (),
) -> Param:
    name = option[2:].replace("-", "_")
    return Param(name, kind, about, option, short, metavar, default, required, repeat, choices)


def _named(
    name: str, option: str, metavar: str | None, about: str, *, choices: tuple[str, ...] = ()
) -> Param:
    """An option whose value has another name than it."""
    return Param(name, "word" if choices else "text", about, option, "", metavar, choices=choices)


_COMMON = (
    _option("--store", "DIR", "the store (default: the repository around)", kind="path"),
    _option(
        "--signing-key",
        "FILE",
        "private key to sign with, or the public half of one in ssh-agent"
        " (default: $GREENLIGHT_KEY, the key itself in $GREENLIGHT_SIGNING_KEY,"
        " that of `keys new`, ~/.ssh/id_ed25519,"
        " the only one in ssh-agent)",
        kind="path",
    ),
    _flag("--json", "print one JSON object"),
)
# Whom the user trusts; without any of them, what is pinned in the store.
_TRUST = (
    _option("--trust-root", "DIGEST", "trust the trust root of this digest"),
    _option("--allowed-signers", "FILE", "trust these keys, as ssh-keygen reads them", kind="path"),
    _option("--key", "FILE", "trust this public key, or allowed_signers file", kind="path"),
)
_PRIVATE = _option(
    "--private",
    "DIR",
    "what it withholds, as `checkout --private` wrote it (default: what the store has)",
    kind="path",
)
_OUT = _option(
    "--out", "FILE", "only write it down, signed by this key, for others to sign", kind="path"
)
_HYBRID = _flag("--hybrid", "with its post-quantum half, KEY.mldsa44.pub beside KEY.pub")
_BASE = _option(
    "--base",
    "REF",
    "judge by the settings of this commit (default: git config greenlight.base,"
    " or the origin's default branch)",
)
_GPG_KEYRING = _option("--gpg-keyring", "FILE", "trust these GPG keys (gpg --export)", kind="path")
_PACKET = _word("packet", "PACKET", PACKET)
_RECORD = "its index, the beginning of its entry's UUID, or the packet that it sealed"
_RECEIPT = _word("receipt", "RECEIPT", "an id, the beginning of one, or a file")
_OPERATION = (
    _option("--run", "RUN", "the run it is for: its UUID or packet", required=True),
    _option("--kind", "KIND", "what it is, as publish_release", required=True),
    _option("--content", "FILE", "what exactly: a JSON object", kind="path", required=True),
)

DECLARED: Final[dict[str, tuple[Param, ...]]] = {
    name: (*params, *_COMMON)
    for name, params in {
        "init": (
            _option("--trust", "DIGEST", "pin the ledger that begins with this trust root"),
            _option("--ledger-ref", "REF", "ref of the ledger (default: refs/greenlight/ledger)"),
            _option(
                "--succeeds",
                "STORE|HEAD",
                "go on from a ledger that cannot be mended: its store, or a file with its head",
                kind="path",
            ),
            _option("--succeeds-reason", "TEXT", "why, in one line; it stays in the ledger"),
            _option("--remote", "NAME", "let the ledger of this git remote count"),
        ),
        "keys new": (
            _word(
                "file", "FILE", "where to (default: in your settings)", kind="path", optional=True
            ),
            _option("--comment", "TEXT", "what people call the key", default=""),
            _flag(
                "--passphrase",
                "protect it: asked for on the terminal, or $GREENLIGHT_PASSPHRASE_FILE",
            ),
            _flag("--hybrid", "a post-quantum half too (ML-DSA-44): FILE.mldsa44 beside it"),
        ),
        "keys show": (
            _word(
                "file", "FILE", "key file (default: the signing key)", kind="path", optional=True
            ),
        ),
        "doctor": (
            _word("remote", "REMOTE", "what this remote does instead: its name", optional=True),
        ),
        "hook install": (
            _flag("--server", "pre-receive of the repository that others push to"),
            _option("--trust", "DIGEST", "with --server: pin this trust root first"),
        ),
        "hook pre-receive": (),
        "hook pre-commit": (_BASE,),
        "hook pre-push": (
            _word("about", "REMOTE URL", "what Git says", optional=True, repeat=True),
            _BASE,
        ),
        "audit": (
            _option("--report", "FILE", "write the report there", kind="path"),
            _option("--baseline", "FILE", "the baseline", kind="path"),
            _option("--current", "FILE", "metrics of now, instead of measuring", kind="path"),
            _option("--registry", "FILE", "the consumer registry", kind="path"),
            _option(
                "--only",
                "CHECK",
                "one check alone: branch_protection, baseline_verification, token_canonicalization,"
                " adversarial_smoke, platform, no_op",
            ),
            _flag("--lenient", "a check that was skipped is a warning, and not fatal"),
            _flag("--record", "say in the ledger what came of it"),
            _BASE,
            *_TRUST,
            _GPG_KEYRING,
        ),
        "gate list": (_BASE,),
        "gate run": (
            _word("names", "NAME...", "gates (default: all)", optional=True, repeat=True),
            _BASE,
            _flag("--quick", "only gates that may take a minute at most"),
            _flag("--record", "say in the ledger what came of them"),
            _option("--out", "FILE", "write the report there, as JSON", kind="path"),
            _option("--metrics", "FILE", "write their metrics there, as OpenMetrics", kind="path"),
            *_TRUST,
            _GPG_KEYRING,
        ),
        "gate graduate": (_word("name", "NAME", "the gate"), _BASE),
        "handoff": (_word("which", "A-B|B-C", "which hand-over"), _PACKET, *_TRUST),
        "promote": (
            _word("target", "TARGET", "what it is promoted to, as the settings declare it"),
            _flag("--dry-run", "look, and record nothing"),
            _BASE,
            *_TRUST,
            _GPG_KEYRING,
        ),
        "platform check": (_BASE,),
        "confine": (
            _word("argv", "CMD...", "the command, behind --", repeat=True),
            _option(
                "--allow", "PATH", "repeatable: what it may change (default: all)", repeat=True
            ),
            _option("--forbid", "PATH", "repeatable: what it must not change", repeat=True),
            _option("--forbid-program", "NAME", "repeatable: what it must not start", repeat=True),
            _option("--timeout", "N", "seconds (default: 60)", kind="count", default=60),
        ),
        "run": (
            _word(
                "lanes",
                "LANE.yaml...",
                "the lane file; many share one write",
                kind="path",
                repeat=True,
            ),
            _flag("--plan", "only show what would happen, and what blocks it"),
            _option("--grant", "ID", "the grant to use", default=""),
            _option(
                "--require",
                None,
                "enforced: run only where this host enforces and records everything",
                kind="word",
                choices=("enforced",),
            ),
        ),
        "seal": (
            _word("folders", "DIR...", "the evidence, a packet each", kind="path", repeat=True),
            _option("--lane", "SLUG", "file it under this (default: DIR's name)", default=""),
        ),
        "log": (
            _flag("--entries", "every entry of the ledger too"),
            _option("--limit", "N", "at most N lines", kind="count", short="-n"),
        ),
        "show": (
            _PACKET,
            _word("document", "DOC", "a file of it, to be printed", optional=True),
        ),
        "diff": (_PACKET, _word("other", "OTHER", "likewise")),
        "verify": (
            _word("packet", "PACKET", PACKET, optional=True),
            _flag("--all", "every packet, shelf and record"),
            _option("--since", "CHECK", "with --all: only what came after this check", default=""),
            _flag("--lineage", "also the packets that it depends on"),
            _flag("--unsigned-ok", "let an unknown signer pass: integrity alone"),
            _option(
                "--require",
                None,
                "clean: the status must be APPLIED_CLEAN too",
                kind="word",
                choices=("clean",),
            ),
            _PRIVATE,
            *_TRUST,
        ),
        "prove rollback": (
            _word("subject", "LANE.yaml|PACKET", "a lane file, or a packet"),
            _flag("--dry-run", "of a packet: do not seal the proof"),
            _PRIVATE,
            *_TRUST,
        ),
        "rerun": (
            _PACKET,
            _flag("--network", "let its steps reach the destinations that its lane allows"),
            _flag("--unsafe-unconfined", "run a stranger's steps although nothing confines them"),
            _PRIVATE,
            *_TRUST,
        ),
        "checkout": (
            _PACKET,
            _word("folder", "DIR", "new or empty", kind="path"),
            _option("--private", "DIR", "what it withholds, into this folder", kind="path"),
        ),
        "maintain": (),
        "purge": (
            _PACKET,
            _option("--reason", "TEXT", "why, in one line; it stays in the ledger", required=True),
            _flag("--dry-run", "only show what would go, and what stays"),
        ),
        "ledger log": (_option("--limit", "N", "at most N entries", kind="count", short="-n"),),
        "ledger show": (_word("record", "RECORD", _RECORD),),
        "ledger verify": (
            _option("--min", "N", "exit 1 where it has fewer entries", kind="count"),
            _option("--since", "FILE", "a checkpoint or head: check what is new", kind="path"),
            _option("--checkpoint", "FILE", "this checkpoint must hold too", kind="path"),
            _option("--witnesses", "N", "so many witnesses must have cosigned", kind="count"),
            _option("--max-age", "HOURS", "how old the ledger's end may be", kind="count"),
        ),
        "ledger prove": (
            _word("record", "RECORD", _RECORD, optional=True),
            _option("--size", "N", "in the tree of the first N records", kind="count"),
            _option("--consistency", "OLD", "of a size, checkpoint or head instead"),
            _option("--receipt", "FILE", "write a COSE receipt there (a log key)", kind="path"),
            _option("--statement", "FILE", "write the entry with its receipt there", kind="path"),
            _option("--leaf", "FILE", "write the record there: what is proven", kind="path"),
        ),
        "ledger checkpoint": (
            _option("--out", "FILE", "write the signed note there", kind="path"),
        ),
        "ledger export": (_word("url", "DIR|URL", "a folder, or what fsspec writes to"),),
        "witness cosign": (
            _word("checkpoint", "CHECKPOINT", "the signed note", kind="path"),
            _option("--state", "DIR", "where you keep what you have seen", kind="path"),
            _option("--out", "FILE", "write the cosigned note there", kind="path"),
        ),
        "push": (_word("remote", "REMOTE", "(default: the one that counts)", optional=True),),
        "fetch": (_word("remote", "REMOTE", "(default: the one that counts)", optional=True),),
        "grant issue": (
            _word("key", "KEY.pub", "public key of who may run", kind="path"),
            _option("--lane", "SLUG", "the lane (default: every lane)", default="*"),
            _option(
                "--mode",
                None,
                "repeatable (default: staging)",
                kind="word",
                repeat=True,
                choices=("dry_run", "staging", "prod"),
            ),
            _option(
                "--operation",
                "NAME",
                "repeatable; resolve:ID lifts a blocker (default: every tool the lane names)",
                repeat=True,
            ),
            _option("--uses", "N", "how many runs (default: 1)", kind="count", default=1),
            _option("--days", "N", "how long (default: 30)", kind="count", default=30),
            _option("--id", "ID", "its id (default: a new one)", default=""),
            _option("--authority", "LABEL", "label of the authority"),
            _option("--delegation", "LABEL", "label of the delegation"),
        ),
        "grant show": (),
        "grant revoke": (
            _word("grant", "ID", "the grant"),
            _option("--reason", "TEXT", "why, in one line; it stays in the ledger", required=True),
        ),
        "receipt issue": (
            *_OPERATION,
            _option("--executor", "KEY.pub", "who may spend it (default: the run's)", kind="path"),
            _option("--hours", "N", "how long, 24 at most (default: 24)", kind="count", default=24),
            _flag("--advisory", "it says yes, and authorises nothing"),
            _option("--out", "FILE", "write the signed receipt there", kind="path"),
        ),
        "receipt check": (
            _RECEIPT,
            *_OPERATION,
            _option("--mode", "MODE", "of the operation (default: prod)", default="prod"),
            _option("--executor", "KEY.pub", "who would act (default: you)", kind="path"),
        ),
        "receipt spend": (
            _RECEIPT,
            _word("argv", "CMD...", "does it, behind --", optional=True, repeat=True),
            *_OPERATION,
            _option("--mode", "MODE", "of the operation: exactly prod", required=True),
            _option("--retries", "N", "further tries of CMD under this one spend", kind="count"),
        ),
        "receipt record": (
            _word("operation", "OPERATION", "its id, as `receipt spend` printed it"),
            _option(
                "--status",
                None,
                "what came of it",
                kind="word",
                required=True,
                choices=("success", "failed"),
            ),
            _option("--error", "TEXT", "what went wrong", default=""),
            _option("--response", "FILE", "what the forge answered", kind="path"),
            _option("--retries", "N", "further tries that it took", kind="count"),
        ),
        "receipt show": (
            _word("receipt", "RECEIPT", "an id, or the beginning of one", optional=True),
            _option("--out", "FILE", "write the signed receipt there", kind="path"),
        ),
        "plan": (
            _word("request", "REQUEST", "what shall be published: YAML or JSON", kind="path"),
            _option("--run", "RUN", "the run it is for: its UUID or packet", required=True),
            _option("--policy", "FILE", "say also what this policy says of it", kind="path"),
            _option("--out", "FILE", "write the plan there", kind="path"),
        ),
        "authorise": (
            _word("plan", "PLAN.json", "as `plan --out` wrote it", kind="path"),
            _option(
                "--policy",
                "FILE",
                "YAML, or Rego where it ends in .rego",
                kind="path",
                required=True,
            ),
        ),
        "countersign": (
            _PACKET,
            _option(
                "--verdict",
                None,
                "what you think of it (default: approved)",
                kind="word",
                choices=("approved", "rejected"),
                default="approved",
            ),
            _flag("--replay", "replay it first; what differs is not approved"),
            _option("--comment", "TEXT", "one line for people", default=""),
        ),
        "tickets reserve": (
            _word("prefix", "PREFIX", "what stands before the number, as TKT-OBJ"),
            _option("--count", "N", "how many (default: 1)", kind="count", default=1),
            _option("--registry", "FILE", "the registry in JSON: its ceiling counts", kind="path"),
            _option("--ceiling", "N", "highest number until now", kind="count"),
        ),
        "tickets fold": (
            _word("last", "TICKET", "the last ticket to fold, as TKT-OBJ-461"),
            _word("files", "FILE...", "the registry: JSON first", kind="path", repeat=True),
        ),
        "tickets list": (),
        "blockers list": (
            _word("packet", "PACKET", f"{PACKET} (default: each lane's newest)", optional=True),
            _flag("--open", "only those that are open; exit 1 where there is one"),
        ),
        "blockers resolve": (
            _PACKET,
            _word("blocker", "ID", "the blocker"),
            _option("--reason", "TEXT", "why, in one line; it stays in the ledger", required=True),
            _option("--evidence", "FILE", "what was looked at: its digest is kept", kind="path"),
        ),
        "milestone": (
            _word("name", "NAME", "of the tag"),
            _word("packets", "PACKET...", "its packets (default: all)", optional=True, repeat=True),
            _option("--notes", "FILE", "the release notes", kind="path"),
            _option("--artifact", "FILE", "repeatable: archived with it", kind="path", repeat=True),
            _option("--commit", "REV", "what is tagged (default: HEAD)", default=""),
        ),
        "trust add": (
            _word("key", "KEY.pub", "public key", kind="path"),
            _option(
                "--role",
                None,
                "repeatable",
                kind="word",
                repeat=True,
                required=True,
                choices=ROLES,
            ),
            _HYBRID,
            _OUT,
        ),
        "trust rotate": (
            _word("old", "OLD.pub", "public key that goes", kind="path"),
            _word("new", "NEW.pub", "public key that comes; signs where it is here", kind="path"),
            _HYBRID,
            _OUT,
        ),
        "trust revoke": (
            _word("key", "KEY.pub", "public key, or its thumbprint URI"),
            _named(
                "since",
                "--from",
                "INDEX",
                "what it signed from this record on is not vouched for (default: the next record)",
            ),
            _option("--reason", "TEXT", "why, in one line; it stays in the ledger", required=True),
            _OUT,
        ),
        "trust set": (
            _option(
                "--threshold",
                "ROLE=N",
                "repeatable: owners to sign a root, reviewers to approve, witnesses to cosign",
                repeat=True,
            ),
            _option("--expires", "TIME", "2027-01-31T00:00:00Z, or never"),
            _named(
                "demand",
                "--hybrid",
                None,
                "whether trust roots and seals are signed by both halves of keys",
                choices=("on", "off"),
            ),
            _OUT,
        ),
        "trust sign": (_word("file", "FILE", "the proposal", kind="path"),),
        "trust apply": (_word("file", "FILE", "the proposal", kind="path"),),
        "clock correct": (
            _option("--to", "TIME", "2026-01-31T23:59:59Z (default: what this clock says)"),
        ),
        "trust show": (),
        "baseline capture": (
            _word(
                "argv",
                "CMD...",
                "the benchmark, behind -- (default: greenlight's own parsers)",
                optional=True,
                repeat=True,
            ),
            _option("--duration", "SECONDS", "begin runs for so long", kind="count"),
            _option("--count", "N", "so many runs", kind="count"),
            _option(
                "--out",
                "FILE",
                f"where to (default: {BASELINE})",
                kind="path",
                default=Path(BASELINE),
            ),
            _option("--label", "LABEL", "repeatable: what you call it", repeat=True),
            _option("--timeout", "SECONDS", "of one run (default: 60)", kind="count", default=60),
            _option("--max-failures", "N", "runs that may fail (default: none)", kind="count"),
            _flag("--samples", "CMD prints a sample a line: docs/spec/baseline.md"),
            _flag("--replace", "take the place of a baseline that is there"),
        ),
        "baseline sign": (
            _option(
                "--baseline",
                "FILE",
                f"the baseline (default: {BASELINE})",
                kind="path",
                default=Path(BASELINE),
            ),
            _option(
                "--signer",
                "WHO",
                "who signs: the name that others look your key up by; with --gpg the user id",
                required=True,
            ),
            _flag("--gpg", "by gpg, as `gpg --armor --detach-sign --local-user WHO`"),
            _flag("--replace", "take the place of somebody else's signature"),
        ),
        "baseline verify": (
            Param(
                "baseline",
                "path",
                f"the baseline (default: {BASELINE})",
                metavar="[FILE]",
                default=Path(BASELINE),
            ),
            _option(
                "--base",
                "REV",
                "read it there (default: greenlight.base of the repository, or origin's branch)",
            ),
            _flag("--here", "the file as it lies, held to no base"),
            _option("--signer", "WHO", "this one must have signed it"),
            _GPG_KEYRING,
            _option("--revoked", "FILE", "OpenSSH keys that count no more", kind="path"),
            _option(
                "--role",
                None,
                "what a key of the trust root must be (default: owner)",
                kind="word",
                choices=ROLES,
            ),
            *_TRUST,
        ),
        "baseline compare": (
            _word("baseline", "FILE", "the baseline", kind="path"),
            _word(
                "argv",
                "CMD...",
                "the benchmark, behind -- (default: greenlight's own parsers)",
                optional=True,
                repeat=True,
            ),
            _option("--current", "FILE", "metrics, instead of measuring now", kind="path"),
            _option("--duration", "SECONDS", "begin runs for so long", kind="count"),
            _option("--count", "N", "so many runs (default: 5)", kind="count"),
        ),
        "schema": (
            _word("name", "NAME", "(default: list the names)", optional=True),
            _option("--check", "FILE", "check a file against it", kind="path"),
        ),
        "completion": (
            Param(
                "shell",
                "word",
                "the shell",
                metavar="bash|zsh|fish",
                required=True,
                choices=("bash", "zsh", "fish"),
            ),
        ),
    }.items()
}
