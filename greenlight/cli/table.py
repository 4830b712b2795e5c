"""The commands: their names, the modules that carry them out, and one line of help each.

A module is imported only when its command is called.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Command(NamedTuple):
    """A command.

    Attributes:
        module: Name in ``greenlight.cli.commands``.
        function: Which of its functions.
        help: One line.
    """

    module: str
    function: str
    help: str


COMMANDS: Final = {
    "init": Command("init", "run", "make a store in this repository, or a bare one with --store"),
    "keys new": Command("keys", "new", "make an OpenSSH Ed25519 key"),
    "keys show": Command("keys", "show", "show the public half of the signing key"),
    "doctor": Command("doctor", "run", "say what this host can enforce, or what a remote does"),
    "audit": Command("audit", "run", "say whether this may go on to a canary: exit 0, 2, 5 or 6"),
    "gate list": Command("gate", "list_", "list the gates, and what their settings mean"),
    "gate run": Command("gate", "run", "run gates side by side, and judge what they left"),
    "gate graduate": Command("gate", "graduate", "let a gate block that was green for seven days"),
    "promote": Command(
        "promote", "run", "say whether this may be promoted, and what stands in the way"
    ),
    "handoff": Command("handoff", "run", "print the comment of a hand-over, from a packet"),
    "platform check": Command("platform", "check", "say whether production may run on this host"),
    "confine": Command("confine", "run", "run a command in a box, and say what it did and tried"),
    "run": Command("run", "run", "run a lane and seal what happened"),
    "seal": Command("seal", "run", "seal evidence that was made elsewhere"),
    "log": Command("log", "run", "list what is in the store, newest first"),
    "show": Command("show", "run", "show a packet, or one file of it"),
    "diff": Command("diff", "run", "compare two packets"),
    "verify": Command("verify", "run", "check packets: bytes, documents, signer, ledger"),
    "prove rollback": Command("prove", "rollback", "prove that a lane or a packet can be undone"),
    "rerun": Command("rerun", "run", "replay a packet and compare every byte"),
    "checkout": Command("checkout", "run", "take a packet out as plain files"),
    "maintain": Command("maintain", "run", "pack what is loose, and join packs"),
    "purge": Command("purge", "run", "let a packet's bytes go, and keep that it was"),
    "ledger log": Command("ledger", "log", "list the ledger's entries, newest first"),
    "ledger show": Command("ledger", "show", "show one record of the ledger"),
    "ledger verify": Command("ledger", "verify", "recompute the ledger, or what is new in it"),
    "ledger prove": Command("ledger", "prove", "prove a record, or that an older ledger is in it"),
    "ledger checkpoint": Command("ledger", "checkpoint", "sign the ledger as it is, as a log"),
    "ledger export": Command("ledger", "export", "write the ledger as static tiles"),
    "witness cosign": Command("ledger", "cosign", "cosign a checkpoint that goes on from the last"),
    "push": Command("remotes", "push", "have a remote take what was made here"),
    "fetch": Command("remotes", "fetch", "get what a remote has, if it is to be believed"),
    "grant issue": Command("grant", "issue", "let a key run lanes"),
    "grant show": Command("grant", "show", "list the grants"),
    "grant revoke": Command("grant", "revoke", "take a grant back"),
    "hook install": Command("hook", "install", "write the Git hooks of a server, or of a clone"),
    "hook pre-receive": Command("hook", "pre_receive", "check what is pushed; Git calls it"),
    "hook pre-commit": Command("hook", "pre_commit", "run the quick gates; Git calls it"),
    "hook pre-push": Command("hook", "pre_push", "run all gates; Git calls it"),
    "receipt issue": Command("receipt", "issue", "permit one operation, once, within a day"),
    "receipt check": Command("receipt", "check", "say whether an operation may be done"),
    "receipt spend": Command("receipt", "spend", "spend a receipt, then do its operation"),
    "receipt record": Command("receipt", "record", "record what came of an operation"),
    "receipt show": Command("receipt", "show", "list receipts, or show one and its operation"),
    "plan": Command("publications", "plan", "say what publications a dry run would make"),
    "authorise": Command("publications", "authorise", "review a plan by a policy into receipts"),
    "countersign": Command("countersign", "run", "verify a packet, and sign what you think of it"),
    "tickets reserve": Command("tickets", "reserve", "reserve numbers above the ceiling"),
    "tickets fold": Command("tickets", "fold", "take reserved tickets into the registry"),
    "tickets list": Command("tickets", "list_", "list what was reserved"),
    "blockers list": Command("blockers", "list_", "list what still blocks production"),
    "blockers resolve": Command("blockers", "resolve", "lift a blocker, and say why"),
    "milestone": Command("milestone", "run", "make a signed tag with its proof pack"),
    "trust add": Command("trust", "add", "give a key roles in the next trust root"),
    "trust rotate": Command("trust", "rotate", "put a key in the place of another, both signing"),
    "trust revoke": Command("trust", "revoke", "take a key away, and what it signed since"),
    "trust set": Command("trust", "configure", "thresholds, expiry, both halves of keys"),
    "trust sign": Command("trust", "sign", "sign a next trust root that somebody proposed"),
    "trust apply": Command("trust", "apply", "put a proposal in force that enough owners signed"),
    "trust show": Command("trust", "show", "show the trust root in force"),
    "clock correct": Command("clock", "correct", "set ledger time where it is ahead"),
    "baseline capture": Command(
        "baseline", "capture", "run a benchmark again and again, and write what it took"
    ),
    "baseline sign": Command("baseline", "sign", "vouch for a baseline, by OpenSSH key or GPG"),
    "baseline verify": Command("baseline", "verify", "say whether a baseline may judge a change"),
    "baseline compare": Command("baseline", "compare", "hold what is measured now to a baseline"),
    "schema": Command("schema", "run", "list, print or apply the JSON Schemas"),
    "completion": Command("completion", "run", "print the completion script of a shell"),
}
GROUPS: Final = frozenset(name.split()[0] for name in COMMANDS if " " in name)

# Options of every command, which may also stand before it: whether a value follows.
COMMON: Final = {"--store": True, "--signing-key": True, "--json": False}
