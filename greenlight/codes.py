"""Every code greenlight can give, in one table.

A code is never renamed and never reused.  ``docs/reject-codes.md`` is generated
from this table; ``tests/test_codes.py`` fails for a code that no vector and no
test shows.

``Giver`` says where a code comes from:

* ``VERIFY``: a finding about evidence; each has a vector under ``tests/vectors``.
* ``REFUSE``: a request that is understood and not carried out.
* ``FAULT``: malformed input, or a store, file or machine that does not serve.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class Giver(StrEnum):
    """Who gives a code."""

    VERIFY = "verify"
    REFUSE = "refuse"
    FAULT = "fault"


_V, _R, _F = Giver.VERIFY, Giver.REFUSE, Giver.FAULT


class Code(Enum):
    """A stable word for one thing that is wrong; its value is ``(giver, meaning)``."""

    # Packet paths and files (docs/spec/packet.md)
    PATH_ABSOLUTE = (_V, "a path starts with a slash")
    PATH_DOTS = (_V, "a path has an empty, `.` or `..` segment")
    PATH_BACKSLASH = (_V, "a path has a backslash")
    PATH_CONTROL = (_V, "a path has a control character")
    PATH_NOT_UTF8 = (_V, "a path is not UTF-8")
    PATH_NOT_NFC = (_V, "a path is not in Unicode normalisation form C")
    PATH_TOO_LONG = (_V, "a path or one of its segments is too long")
    PATH_TOO_DEEP = (_V, "a path has more segments than allowed")
    PATH_DOTGIT = (_V, "a segment is `.git` in a spelling that some file system folds to it")
    PATH_WINDOWS = (_V, "a segment Windows cannot hold: device name, colon, trailing dot or space")
    PATH_COLLISION = (_V, "two paths are one on a file system that folds case or normalises")
    FILE_TYPE_REFUSED = (_V, "a packet holds something that is not a regular file")
    FILE_MODE_REFUSED = (_V, "a packet's Git tree holds a mode other than 100644")
    DIRECTORY_EMPTY = (_V, "a packet folder holds an empty directory, which Git does not see")
    LIMIT_EXCEEDED = (_V, "more bytes, files or depth than the format allows")
    FOLDER_MALFORMED = (_V, "a packet folder holds something other than packet/, seal/ and ledger/")

    # Manifest
    MANIFEST_MISSING = (_V, "the packet has no MANIFEST.sha256")
    MANIFEST_MALFORMED = (_V, "MANIFEST.sha256 is not in its one spelling")
    MANIFEST_FILE_MISSING = (_V, "the manifest names a file that the packet does not hold")
    MANIFEST_FILE_EXTRA = (_V, "the packet holds a file that the manifest does not name")
    MANIFEST_DIGEST_MISMATCH = (_V, "a file's SHA-256 is not what the manifest says")

    # Statement and seal
    SEAL_FILE_MISSING = (_V, "seal/ lacks one of its files")
    SEAL_FILE_EXTRA = (_V, "seal/ holds a file that the format does not name")
    SEAL_SUMS_MISMATCH = (_V, "seal/SHA256SUMS is not what the files of seal/ give")
    STATEMENT_MALFORMED = (_V, "statement.cbor is not a statement in its one spelling")
    UNSUPPORTED_VERSION = (_V, "a format version that this greenlight does not know")
    TREE_MISMATCH = (_V, "the packet's bytes do not give the tree that the statement names")
    STATEMENT_COUNT_MISMATCH = (_V, "the statement's file or byte count is not the packet's")
    STATEMENT_HEADER_MISMATCH = (_V, "the statement and header.json contradict each other")
    SEAL_MALFORMED = (_V, "seal.cose is not a detached COSE_Sign1 of greenlight's profile")
    SEAL_KEY_MISMATCH = (_V, "statement, seal and signer.pub do not name one key")
    SEAL_SIGNATURE_INVALID = (_V, "the seal's signature does not verify over the statement")
    SEAL_HYBRID_MISSING = (
        _V,
        "the trust root demanded a post-quantum signature too, and the seal has none",
    )
    SEAL_HYBRID_INVALID = (_V, "the post-quantum signature does not vouch for this statement")
    SIGNER_REVOKED = (_V, "the signer's key was revoked from an index before what it signed")
    SIGNER_UNKNOWN = (_V, "no trusted key was given that could vouch for the signer: UNVERIFIABLE")
    SIGNER_NOT_TRUSTED = (_V, "the signer is not among the keys that were given as trusted")
    RERUN_SCRIPT_DIFFERS = (_V, "RERUN.sh is not the published script of the format version")

    # Documents
    DOCUMENT_MISSING = (_V, "a document that a packet of this status must hold is absent")
    DOCUMENT_EXTRA = (_V, "a file stands where the format names none")
    DOCUMENT_MALFORMED = (_V, "a document is not JSON in its one spelling")
    DOCUMENT_SCHEMA = (_V, "a document has an unknown, missing or ill-typed field")
    DERIVED_DIFFERS = (_V, "a derived document is not what the others give")
    REPORT_DIFFERS = (_V, "REPORT.md is not what the documents render to")
    LANE_DIFFERS = (_V, "lane.yaml is not readable, or a document contradicts it")
    RUN_DIFFERS = (_V, "documents of one packet name different runs, packets or lanes")
    LOG_ORDER = (_V, "the execution log does not follow the plan, or its times run backwards")
    ARTIFACT_MISSING = (_V, "a document names an artifact that the packet does not hold")
    ARTIFACT_MISMATCH = (_V, "an artifact's bytes are not what a document says of them")
    ARTIFACT_UNLISTED = (_V, "the packet holds an artifact that no document names")
    ARTIFACT_NOT_WITHHELD = (_V, "the packet holds an output that its lane keeps out of it")
    PREFLIGHT_MISMATCH = (_V, "an input was not what the lane expected, and yet something ran")
    AUTHORITY_MISMATCH = (_V, "the authority lock does not carry what the lane asked for")
    SNAPSHOT_DIFFERS = (_V, "a snapshot's digest is not what the listed files and changes give")
    SCOPE_VIOLATED = (_V, "something changed that the scope lock does not allow")
    FORBIDDEN_SURFACE_TOUCHED = (_V, "a forbidden surface changed")
    PIN_CHANGED = (_V, "a pinned document is not what the pin says")
    ROLLBACK_PROOF_MISSING = (_V, "there is no rollback proof")
    ROLLBACK_NO_MUTATION = (_V, "the rollback proof proves nothing: it has no mutation")
    ROLLBACK_APPLY_DID_NOT_MUTATE = (_V, "apply left a surface as it was")
    ROLLBACK_DID_NOT_RESTORE = (_V, "after rollback a surface is not what it was before")
    ROLLBACK_MUTATION_UNPROVEN = (_V, "something changed for which there is no rollback row")
    ROLLBACK_TREE_NOT_RESTORED = (_V, "after rollback the whole tree is not what it was before")
    GATE_NOT_PROVEN = (_V, "the rollback gate did not show that it can fail")
    PROBE_MISSING = (_V, "one of the fifteen probe classes or the control was not sent")
    PROBE_FAIL_OPEN = (_V, "a probe was not rejected as it must be, or left something behind")
    PUBLICATION_DIFFERS = (_V, "what was read back is not what was published")
    TICKET_COLLISION = (_V, "a ticket is reserved twice, or already stands in the registry")
    TICKET_BELOW_CEILING = (_R, "a ticket range starts at or below the registry's ceiling")
    REGISTRY_CHANGED = (_V, "the canonical registry changed without an owner's fold")
    BLOCKER_DROPPED = (_V, "a blocker carried from an earlier packet is gone without authority")
    OVERCLAIM = (_V, "a status claims more than the evidence carries")
    SECRET_IN_EVIDENCE = (_V, "an artifact holds a masked value or the shape of a token")
    LINEAGE_DIFFERS = (_V, "statement and lineage.json name different packets")
    LINEAGE_ABSENT = (_V, "a packet that this one depends on is not here")
    LINEAGE_CHANGED = (_V, "a packet that this one depends on does not verify")
    LINEAGE_WITHHELD = (_V, "a packet that this one depends on was purged by an owner")
    LINEAGE_UNSIGNED = (_V, "a packet that this one depends on has no seal")

    # Ledger
    LEDGER_MALFORMED = (_V, "the ledger ref holds something that is not a ledger commit")
    LEDGER_RECORD_MALFORMED = (_V, "a record is not deterministic CBOR of the record format")
    LEDGER_INDEX = (_V, "a record's index is not the one that follows")
    LEDGER_LINK_BROKEN = (_V, "a record does not carry the digests of the one before")
    LEDGER_TIME_BACKWARDS = (_V, "ledger time falls without an owner's correction")
    LEDGER_HEAD_MISMATCH = (_V, "the head is not what the records give")
    LEDGER_FRONTIER_MISMATCH = (_V, "the frontier is not what the records give")
    LEDGER_REWOUND = (_V, "the ledger no longer contains a head that was seen here before")
    LEDGER_FORK = (_R, "two ledgers of one origin, each with records that the other has not")
    NOTE_MALFORMED = (_F, "bytes are not a signed note (C2SP) in its one spelling")
    CHECKPOINT_MALFORMED = (_F, "a note's text is no checkpoint")
    CHECKPOINT_ORIGIN = (_R, "a checkpoint is of another ledger")
    CHECKPOINT_UNSIGNED = (_R, "no log key signed the checkpoint")
    CHECKPOINT_SIGNATURE = (_R, "a line under a log key's name does not verify")
    CHECKPOINT_WITNESSES = (_R, "fewer witnesses cosigned the checkpoint than are asked for")
    CHECKPOINT_STALE = (_R, "the checkpoint, or the ledger's end, is older than is allowed")
    CHECKPOINT_SIZE = (_R, "the ledger has fewer records than the checkpoint says")
    CHECKPOINT_ROOT = (_R, "the ledger's root at the checkpoint's size is another")
    WITNESS_ROLLBACK = (_R, "the witness has seen a larger checkpoint of this ledger")
    WITNESS_FORK = (_R, "the checkpoint does not go on from what the witness has seen")
    INCLUSION_MALFORMED = (_F, "bytes are no inclusion receipt (RFC 9942) of ours")
    INCLUSION_NOT_PROVEN = (_R, "the inclusion receipt does not prove the record")
    LEDGER_TOO_SHORT = (_R, "the ledger has fewer entries than were asked for")
    RECORD_UNKNOWN = (_F, "no record of this index, UUID or packet")
    TILES_DIFFER = (_R, "what was exported before is not what the ledger has")
    TRUST_ROOT_MISMATCH = (_V, "record 0 is not the trust root that was pinned")
    ENTRY_VOID = (_V, "an entry without authority or with a taken claim: kept, without effect")
    PACKET_NOT_RECORDED = (_V, "no valid packet.sealed entry names this packet and statement")
    PACKET_CONFLICT = (_V, "the packet's claim was taken by another: it is a CONFLICT")
    RUN_NOT_OPENED = (_V, "the packet's run was not opened in the ledger before it")
    PACKET_MISSING = (_V, "the ledger records a packet whose bytes are not here")
    PACKET_WITHHELD = (_V, "an owner purged the packet's bytes and said why: WITHHELD")
    PRIVATE_DIFFERS = (_V, "bytes kept apart are not those that the packet withheld")
    PURGE_UNFINISHED = (_V, "bytes of a purged packet are still here, or again")
    SHELF_MALFORMED = (_V, "a shelf holds something that is not a packet commit")

    # Rerun
    REPLAY_DIFFERS = (_R, "an outcome of the replay is not what the packet holds")
    REPLAY_NOTHING_EXECUTED = (_R, "nothing was executed, so nothing was replayed")
    REPLAY_WITHHELD = (_R, "outputs could not be compared: the packet withholds them")
    REPLAY_UNTRUSTED = (
        _R,
        "the signer is not trusted, and nothing here confines a replay",
    )

    # Lane files
    LANE_MALFORMED = (_F, "a lane file is not what docs/spec/lane.md says")
    LANE_DUPLICATE_KEY = (_F, "a lane file gives one field twice")
    LANE_PATH_ESCAPES = (_F, "a lane names an absolute path or one that leaves its folder")
    LANE_SHELL_STRING = (_F, "a step is a shell string and does not say `shell: true`")
    LANE_STEP_ORDER = (_F, "a step stands where nothing may leave the workspace yet")

    # Admission: what a request is refused for (the fifteen classes of 001 first)
    PRODUCTION_TARGET_REFUSED = (_R, "the request names a production target")
    REAL_RUN_REFUSED = (_R, "the request asks for REAL_RUN")
    QT001_APPLY_REFUSED = (_R, "the request asks for QT001/apply")
    CUTOVER_REFUSED = (_R, "the request asks for permit, activation, repoint or cutover")
    PRODUCTION_PG_REFUSED = (_R, "the request touches the production database")
    PRODUCTION_DIRECTUS_REFUSED = (_R, "the request touches production Directus")
    PRODUCTION_SYSTEM_ISSUES_REFUSED = (_R, "the request touches production system_issues")
    PRODUCTION_CI_DEPLOY_REFUSED = (_R, "the request touches production CI or deployment")
    SECRETS_REFUSED = (_R, "the request touches secrets or credentials")
    EVIDENCE_DELETION_REFUSED = (_R, "the request deletes evidence")
    DELEGATION_MISSING = (_R, "no grant lets this key run this lane")
    GRANT_EXPIRED = (_R, "the grant's time is over, or has not begun")
    GRANT_USED_UP = (_R, "every use of the grant is spent")
    GRANT_REVOKED = (_R, "the grant was taken back by an owner")
    GRANT_MODE = (_R, "the grant does not cover this mode")
    REGISTRY_ROWS_REFUSED = (_R, "the request touches registry rows")
    CANONICAL_REGISTRY_REFUSED = (_R, "the request touches the canonical registry")
    BIRTH_PIPELINE_REFUSED = (_R, "the request touches the birth pipeline")
    PIN_WOULD_CHANGE = (_R, "the plan would change a pinned document")
    SURFACE_NOT_IN_SCOPE = (_R, "the request touches a surface that the scope does not name")
    TOOL_NOT_ALLOWED = (_R, "the request calls a tool operation that the lane does not allow")
    MODE_REFUSED = (_R, "the mode is not one of the exact words, or greenlight cannot act in it")
    INPUT_MISMATCH = (_R, "an input is absent or is not what the lane expects")
    SURFACE_EXISTS = (_R, "a create-only surface is already there")
    TICKETS_TAKEN = (_R, "one of the tickets is already reserved")
    REGISTRY_MALFORMED = (_F, "a file is no ticket registry of this prefix")
    TICKET_NOT_RESERVED = (_R, "a ticket is folded that nobody reserved")
    TICKET_FOLDED = (_R, "a ticket stands in the registry already")
    BLOCKER_NOT_RESOLVABLE = (_R, "the lane's authority does not cover resolving this blocker")
    BLOCKERS_OPEN = (_R, "something still blocks production")
    BLOCKERS_UNKNOWN = (_R, "a packet's blocker map could not be read")
    BLOCKER_UNKNOWN = (_R, "the packet's map has no open blocker of this id")
    BLOCKER_RESOLVED_BEFORE = (_R, "the blocker was lifted before")
    SCOPE_CONTRADICTION = (_R, "the lane allows and forbids the same surface")

    # Authorisation receipts (docs/spec/receipts.md): why an operation is not done
    RECEIPT_MODE_NOT_PROD = (_R, "an operation is done in no mode but exactly `prod`")
    RECEIPT_MISSING = (_R, "no receipt was presented, or none of that id was issued")
    RECEIPT_ADVISORY = (_R, "the receipt is advisory: it authorises nothing")
    RECEIPT_RUN_MISMATCH = (_R, "the receipt is for another run")
    RECEIPT_KIND_MISMATCH = (_R, "the receipt is for another kind of operation")
    RECEIPT_CONTENT_MISMATCH = (_R, "the receipt is for an operation of other content")
    RECEIPT_EXECUTOR_MISMATCH = (_R, "the receipt is for another key")
    RECEIPT_SPENT = (_R, "the receipt was spent")
    RECEIPT_EXPIRED = (_R, "the receipt is over")
    RECEIPT_STALE = (_R, "the receipt is older than 24 hours")
    RECEIPT_TOO_LONG = (_R, "the receipt is over later than 24 hours after it was issued")
    RECEIPT_NOT_YET = (_R, "the receipt was issued later than now")
    RECEIPT_ISSUER = (_R, "the receipt's issuer is not in the trust root")
    RECEIPT_ISSUER_ROLE = (_R, "the receipt's issuer is no owner")
    RECEIPT_SIGNATURE = (_R, "the receipt's signature does not verify")
    RECEIPT_NOT_RECORDED = (_R, "the ledger holds no receipt of this id")
    RECEIPT_DIFFERS = (_R, "the ledger holds another receipt under this id")
    RECEIPT_AMBIGUOUS = (_F, "the prefix fits more than one receipt")
    CLOCK_BEHIND = (_R, "this clock is behind the ledger's time")
    POLICY_DENIED = (_R, "the policy does not let the operation through")
    POLICY_MALFORMED = (_F, "a policy file is not what docs/spec/policy.md says")
    PLAN_MALFORMED = (_F, "a publication plan is not what docs/spec/policy.md says")
    OPERATION_TAKEN = (_R, "the operation's id is taken, or its outcome was recorded")
    OPERATION_FAILED = (_R, "the operation was authorised and tried, and it failed")
    OPERATION_NOT_AUTHORISED = (_R, "no receipt was spent for the operation")
    REVIEWER_IS_EXECUTOR = (_R, "whoever sealed a packet does not review it")
    MILESTONE_EXISTS = (_R, "there is a tag of this name")
    MILESTONE_NOT_INTACT = (_R, "a packet of the milestone is not INTACT")
    APPROVAL_REFUSED = (_R, "a packet that is not INTACT is not approved of")
    COUNTERSIGNED_BEFORE = (_R, "this reviewer has said what it thinks of the packet")

    # Execution
    STEP_FAILED = (_R, "a step ended with an exit code it must not have")
    STEP_TIMED_OUT = (_R, "a step ran longer than its time-out and was ended")
    STEP_OUTPUT_LIMIT = (_R, "a step wrote more than its output limit and was ended")
    PROOF_NOT_POSSIBLE = (_R, "a packet does not hold what it would take to prove its rollback")
    CONFINEMENT_LACKS = (_R, "this host cannot enforce what was required")
    STEP_DISK_LIMIT = (_R, "a step filled the disk beyond its limit and was ended")
    STEP_OUTLIVED = (_R, "a process that a step started was still there when the step was over")
    STEP_NOT_FOUND = (_R, "a step's program does not exist")
    PUBLICATION_REFUSED = (_R, "the target changed since it was staged; nothing was overwritten")
    RUN_STOPPED = (_R, "the run stopped; the packet tells what happened")
    STATUS_NOT_CLEAN = (_R, "the packet is INTACT, but not APPLIED_CLEAN as was required")

    # Packets, keys, grants, store
    PACKET_UNKNOWN = (_F, "no packet of that id, prefix, tree, commit or folder")
    RUN_UNKNOWN = (_F, "no run, or more than one, has an id that begins so")
    PACKET_AMBIGUOUS = (_F, "the prefix fits more than one packet")
    PRIVATE_MISSING = (_F, "what a packet withholds is not in this store")
    KEY_MISSING = (_F, "no signing key")
    KEY_UNREADABLE = (_F, "the key file is not an OpenSSH Ed25519 key")
    KEY_AGENT = (_F, "the ssh-agent does not answer, refuses, or signs something else")
    KEY_PASSPHRASE = (_F, "the passphrase is wrong or missing")
    ALLOWED_SIGNERS_MALFORMED = (_F, "an allowed_signers file has a line that cannot be read")
    KEY_EXISTS = (_R, "a key file is already there")
    STORE_MISSING = (_F, "there is no greenlight store here")
    STORE_EXISTS = (_R, "there is a greenlight store here already")
    STORE_BUSY = (_F, "another program holds the ref's lock")
    STORE_CONFLICT = (_F, "another writer moved the ref first; nothing was written")
    STORE_SHALLOW = (_F, "a shallow repository cannot be a store")
    STORE_PARTIAL = (_F, "a partial (blobless) clone cannot be a store")
    STORE_REFTABLE = (_F, "a repository with reftable refs cannot be a store")
    STORE_FOREIGN_OWNER = (_F, "the repository belongs to another user")
    STORE_DAMAGED = (_F, "an object of the store cannot be read")
    REMOTE_UNKNOWN = (_F, "no remote of this repository is called so")
    REMOTE_UNREACHABLE = (_F, "the remote cannot be reached, or does not let us in")
    REMOTE_TIMED_OUT = (_F, "the remote did not answer in time")
    REMOTE_TOO_LARGE = (_F, "the remote sends more than may be fetched")
    REMOTE_FORMAT = (_F, "the remote has object ids of another format than this repository")
    REMOTE_REFUSED = (_F, "the remote will not take what was pushed")
    REMOTE_LIED = (_F, "the remote said that it took a push, and has not")
    REMOTE_OUTCOME_UNKNOWN = (_F, "whether the remote took the push is not known")
    REF_DELETED = (_R, "a push would delete a ref of greenlight's")
    REF_REWOUND = (_R, "a push would move a ref of greenlight's elsewhere than forward")
    REF_NOT_SHARED = (_R, "a push would make a ref that belongs to one repository alone")
    HOOK_FOREIGN = (_R, "a hook of somebody else's is there")
    PENDING_REFUSED = (_F, "the remote will not take an entry that was made here")
    PENDING_MALFORMED = (_F, "what lies among the acts that wait here is none, or cannot be read")
    TOOL_MISSING = (_F, "a program that a check needs is not installed, or too old")
    IO_FAILED = (_F, "the operating system refused a read or a write")
    IO_NOSPACE = (_F, "no space is left on the device")
    FILE_CHANGED = (_F, "a file changed while it was read")
    FILE_UNREADABLE = (_F, "a file cannot be read")
    KEY_TYPE_WRONG = (_F, "a key or signature is of another kind than stands in this place")
    KEY_REVOKED = (_R, "the key was revoked")
    TRUST_EXPIRED = (_R, "the trust root is over: nothing has effect but a next one")
    TRUST_THRESHOLD = (_R, "fewer owners of the trust root in force signed than its threshold")
    TRUST_NEW_OWNERS = (_R, "fewer owners of the next trust root signed it than its threshold")
    TRUST_SIGNED_TWICE = (_R, "one key signed a trust root twice")
    TRUST_SIGNATURE_INVALID = (_R, "a signature of a trust root does not verify")
    TRUST_HYBRID_MISSING = (_R, "a signature lacks the post-quantum one that is demanded")
    TRUST_STALE = (_R, "the proposal does not follow the trust root in force")
    TRUST_REFUSED = (_R, "the trust root does not let this key do that")
    CLOCK_AHEAD = (_R, "the ledger's time is further ahead of this clock than allowed")
    CLOCK_UNSET = (_R, "this clock says a time before 1970, which no commit can have")
    OUTPUT_EXISTS = (_R, "the file to write is already there")
    CHECKOUT_EXISTS = (_R, "the folder to check out into is not empty")
    SCHEMA_UNKNOWN = (_F, "there is no schema of that name")

    # Baselines, docs/spec/baseline.md
    BASELINE_MISSING = (_V, "there is no baseline where one is wanted")
    BASELINE_UNSIGNED = (_V, "nobody signed the baseline")
    BASELINE_SIGNATURE_BAD = (_V, "a signature is not one over this baseline")
    BASELINE_SIGNER_UNKNOWN = (_V, "nothing was given to look the baseline's signer up in")
    BASELINE_SIGNER_NOT_TRUSTED = (_V, "none who is trusted to signed the baseline")
    BASELINE_KEY_EXPIRED = (_V, "the key that signed the baseline is not valid at this time")
    BASELINE_KEY_REVOKED = (_V, "the key that signed the baseline was revoked")
    BASELINE_NEWER = (_V, "the baseline is newer than the change that it is to judge")
    BASELINE_SUBJECT_DIFFERS = (_V, "what is compared with the baseline measured something else")
    BASELINE_MALFORMED = (_F, "a baseline is not what docs/spec/baseline.md says")
    BASELINE_SIGNED_BY_OTHER = (_R, "somebody else's signature lies beside the baseline")
    BENCHMARK_NOT_FOUND = (_F, "the benchmark command cannot be started")
    BENCHMARK_FAILED = (_F, "a run of the benchmark failed")
    BENCHMARK_GARBAGE = (_F, "a benchmark printed what is no list of samples")
    GPG_FAILED = (_F, "gpg did not do what it was asked")

    # Settings of a repository, docs/spec/settings.md
    SETTINGS_MALFORMED = (_F, "a settings file is not what docs/spec/settings.md says")
    SETTINGS_TWICE = (_F, "greenlight.toml and pyproject.toml both have settings")
    BASE_UNKNOWN = (_F, "there is no such commit to judge a change by")
    GATE_TWICE = (_F, "two gates, or two promotion targets, have one name")

    # Gates, docs/spec/gates.md
    GATE_NOT_GRADUATED = (_R, "a gate has not had its seven green days")
    GATE_GRADUATED_BEFORE = (_R, "a gate blocks already")
    GATE_UNKNOWN = (_F, "no gate of that name is declared")
    GATE_FAILED = (_R, "a gate ended with an exit code that it must not have, or was killed")
    GATE_TIMED_OUT = (_R, "a gate did not end in time")
    GATE_NOT_STARTED = (_R, "the command of a gate cannot be started")
    GATE_OUTPUT_LIMIT = (_R, "a gate printed or wrote more than it may")
    GATE_LEFT_NOTHING = (_R, "a gate left nothing where JSON is expected")
    GATE_LEFT_GARBAGE = (_R, "what a gate left is not JSON")
    GATE_SKIPPED = (_R, "a gate skipped that must not, or not now")
    CHANGED_NOTHING = (_R, "a change, or a batch, changed nothing")
    METRIC_MISSING = (_R, "a metric that has a threshold is not there")
    METRIC_NOT_A_NUMBER = (_R, "a metric is no number")
    METRIC_NEGATIVE = (_R, "a metric is negative and cannot be")
    METRIC_OUT_OF_BOUNDS = (_R, "a metric is not what its threshold, or the baseline, allows")
    METRIC_NO_BASELINE = (_R, "no baseline that can be believed gives a metric its limit")

    # The forge and the consumer registry, docs/spec/consumers.md
    CONSUMERS_MALFORMED = (_F, "a consumer registry is not what docs/spec/consumers.md says")
    CONSUMER_TWICE = (_F, "a consumer, or a check of one, is registered twice")
    FORGE_UNAUTHORIZED = (_F, "the forge does not know the token")
    FORGE_FORBIDDEN = (_F, "the token may not read that")
    FORGE_NOT_FOUND = (_F, "the forge has no such thing, or does not show it to this token")
    FORGE_RATE_LIMITED = (_F, "the forge answers no more questions for now")
    FORGE_FAILED = (_F, "the forge failed, or answered what it never should")
    FORGE_REDIRECT = (_F, "the forge points elsewhere, where the token must not go")
    FORGE_NOT_JSON = (_F, "the forge answered with something other than what its API has")
    FORGE_TRUNCATED = (_F, "the forge's answer is not whole")
    FORGE_TOO_LARGE = (_F, "the forge's answer is larger than is read")
    FORGE_UNREACHABLE = (_F, "the forge cannot be reached")
    FORGE_TIMED_OUT = (_F, "the forge did not answer in time")

    # The audit, docs/spec/audit.md
    AUDIT_PROTECTION = (_R, "a check that is registered is not enforced by the forge")
    AUDIT_UNREAD = (_R, "the live rules of a consumer could not be read")
    AUDIT_SKIPPED = (_R, "a check of the audit was not made")
    AUDIT_WARNED = (_R, "a check of the audit has warnings")

    # Promotion, docs/spec/promotion.md
    HANDOFF_NOT_INTACT = (_R, "a packet that does not verify is handed over with no claim")
    PROMOTION_BLOCKED = (_R, "a condition of a promotion does not hold, or is not known to")
    TARGET_UNKNOWN = (_F, "no promotion target of that name is declared")

    # Platform policy (docs/PLATFORM_POLICY.md)
    PLATFORM_SYSTEM = (_R, "the platform policy does not allow this operating system")
    PLATFORM_KERNEL = (_R, "the kernel is older than the platform policy allows")

    # Formats in general
    MALFORMED = (_F, "bytes do not parse as the format they claim to be")
    CBOR_MALFORMED = (_F, "bytes are not deterministic CBOR of the allowed types")
    JSON_MALFORMED = (_F, "bytes are not JSON, or not in the one spelling")
    YAML_MALFORMED = (_F, "bytes are not the YAML 1.2 that greenlight reads")
    SSHSIG_MALFORMED = (_F, "an SSH signature does not parse or does not verify")
    USAGE = (_F, "the command line is wrong")
    INTERNAL = (_F, "a bug in greenlight; nothing may be concluded")
    INTERRUPTED = (_F, "interrupted by the user")

    @property
    def giver(self) -> Giver:
        return self.value[0]

    @property
    def meaning(self) -> str:
        return self.value[1]

    def __str__(self) -> str:
        return self.name
