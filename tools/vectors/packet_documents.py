"""Vectors of documents: somebody with the key lies, so manifest and seal are made again.

Each changes one document and leaves the rest as it was.  What is derived from it is then
wrong as well (DERIVED_DIFFERS, OVERCLAIM); ``expect.json`` names what was meant.
"""

from __future__ import annotations

from typing import Any

from greenlight.codes import Code
from greenlight.model.words import Status
from tools.vectors.kit import SEQUEL, WITHHELD, Folder, packet

OTHER = "sha256:" + "5" * 64
ABSENT: dict[str, Any] = {"bytes": 0, "digest": "", "kind": "absent", "mode": "", "target": ""}
NOTE = "packet/artifacts/outputs/kb/note.txt"


@packet(Code.UNSUPPORTED_VERSION, script=False)
def a_document_of_format_2(folder: Folder) -> None:
    """A document of a later format may mean something else by the same words."""
    folder.edit("packet/pins.json", '"format": 1', '"format": 2')
    folder.lie()


@packet(Code.DOCUMENT_MISSING)
def no_secret_scan(folder: Folder) -> None:
    """A packet that never had the document must not pass for one in which nothing was found."""
    del folder.files["packet/secret-scan.json"]
    folder.lie()


@packet(Code.DOCUMENT_EXTRA)
def a_note_among_the_documents(folder: Folder) -> None:
    """A file that the format does not name is read by people and by no check."""
    folder.files["packet/APPROVED.txt"] = b"approved\n"
    folder.lie()


@packet(Code.DOCUMENT_MALFORMED)
def on_one_line(folder: Folder) -> None:
    """The same values in another spelling: a document has one."""
    path = "packet/governance-addendum.json"
    folder.files[path] = b" ".join(folder.files[path].split()) + b"\n"
    folder.lie()


@packet(Code.DOCUMENT_MALFORMED)
def one_key_twice(folder: Folder) -> None:
    """Of two equal keys one reader takes the first and another the last."""
    line = '  "kind": "lineage",\n'
    folder.edit("packet/lineage.json", line, line * 2)
    folder.lie()


@packet(Code.DOCUMENT_SCHEMA)
def a_field_that_nobody_knows(folder: Folder) -> None:
    """An unknown field is refused: to leave it out of account would let it say anything."""
    with folder.document("rollback-gate") as gate:
        gate["waived_by"] = "the owner"
    folder.lie()


@packet(Code.DERIVED_DIFFERS)
def a_check_that_failed_says_pass(folder: Folder) -> None:
    """The review says PASS where the evidence gives UNKNOWN."""
    with folder.document("post-execution-review") as review:
        row = next(row for row in review["checks"] if row["result"] != "PASS")
        row["result"] = "PASS"
    folder.lie()


@packet(Code.REPORT_DIFFERS)
def a_report_that_says_more(folder: Folder) -> None:
    """People read the report; it must say what the documents say."""
    folder.files["packet/REPORT.md"] += b"\nProduction was not touched.\n"
    folder.lie()


@packet(Code.LANE_DIFFERS)
def a_lane_that_cannot_be_read(folder: Folder) -> None:
    """Without its lane nobody knows what the packet is the evidence of."""
    folder.edit("packet/lane.yaml", "mode: staging", "mode: staging\nmode: dry_run")
    folder.lie()


@packet(Code.LANE_DIFFERS)
def a_lane_that_no_run_opens(folder: Folder) -> None:
    """Tickets at the ceiling: such a lane is refused, so nothing was ever run with it."""
    folder.edit("packet/lane.yaml", "first: 42", "first: 41")
    folder.lie()


@packet(Code.RUN_DIFFERS)
def the_authority_of_another_run(folder: Folder) -> None:
    """The authority lock was taken from another run's packet."""
    with folder.document("delegation-and-authority-lock") as lock:
        lock["run_id"] = "00000000-0000-4000-8000-0000000000ff"
    folder.lie()


@packet(Code.LOG_ORDER)
def a_step_left_out(folder: Folder) -> None:
    """The plan has a step that the log does not."""
    with folder.document("execution-log") as log:
        log["steps"] = [row for row in log["steps"] if row["step"] != "write"]
    folder.lie()


@packet(Code.LOG_ORDER)
def a_step_before_the_one_before_it(folder: Folder) -> None:
    """The gate began before the proof that it looked at."""
    with folder.document("execution-log") as log:
        log["steps"][3]["started_at"] = "2026-01-02T03:04:04Z"
    folder.lie()


@packet(Code.ARTIFACT_MISSING)
def an_output_that_is_not_there(folder: Folder) -> None:
    """The outcomes name a file whose bytes nobody kept."""
    del folder.files[NOTE]
    folder.lie()


@packet(Code.ARTIFACT_MISMATCH)
def an_output_with_other_bytes(folder: Folder) -> None:
    """The file is not the one of which the outcomes give digest and size."""
    folder.files[NOTE] = b"B note.\n"
    folder.lie()


@packet(Code.ARTIFACT_UNLISTED)
def an_output_that_no_document_names(folder: Folder) -> None:
    """Nobody says where it came from."""
    folder.files["packet/artifacts/outputs/kb/more.txt"] = b"from nowhere\n"
    folder.lie()


@packet(Code.ARTIFACT_NOT_WITHHELD, base=WITHHELD)
def an_output_that_was_to_be_withheld(folder: Folder) -> None:
    """The lane withholds the name, and whoever sealed the packet put it in all the same."""
    folder.files["packet/artifacts/outputs/name.txt"] = b"Anna\n"
    folder.lie()


@packet(Code.ARTIFACT_NOT_WITHHELD, base=WITHHELD)
def an_output_that_was_to_be_a_digest(folder: Folder) -> None:
    """The bytes fit their digest, and were still to stay out."""
    folder.files["packet/artifacts/outputs/sum.txt"] = b"1\n"
    folder.lie()


@packet(Code.PRIVATE_DIFFERS, base=WITHHELD, integrity="UNVERIFIABLE")
def other_bytes_under_the_salt(folder: Folder) -> None:
    """What was handed over beside the packet is not what was withheld; the packet is as sealed."""
    folder.files["private/bytes/artifacts/outputs/name.txt"] = b"Bert\n"


@packet(Code.PRIVATE_DIFFERS, base=WITHHELD, integrity="UNVERIFIABLE")
def the_bytes_under_another_salt(folder: Folder) -> None:
    """The right bytes, which the digest in the packet does not show without their salt."""
    folder.files["private/salts/artifacts/outputs/name.txt"] = bytes(32)


@packet(Code.PRIVATE_DIFFERS, base=WITHHELD, integrity="UNVERIFIABLE")
def the_bytes_without_their_salt(folder: Folder) -> None:
    """Half of what was withheld shows nothing."""
    del folder.files["private/salts/artifacts/outputs/name.txt"]


@packet(Code.PREFLIGHT_MISMATCH)
def another_verdict(folder: Folder) -> None:
    """The verdict that the lane rests on was another one, and yet something ran."""
    with folder.document("preflight") as preflight:
        preflight["inputs"][0]["found"] = OTHER
    folder.lie()


@packet(Code.AUTHORITY_MISMATCH)
def a_grant_that_was_over(folder: Folder) -> None:
    """The run was opened after the grant had expired."""
    with folder.document("delegation-and-authority-lock") as lock:
        lock["expires"] = "2026-01-02T03:04:05Z"
    folder.lie()


@packet(Code.AUTHORITY_MISMATCH)
def a_grant_for_somebody_else(folder: Folder) -> None:
    """The chain of delegation does not end at the executor."""
    with folder.document("delegation-and-authority-lock") as lock:
        taker = lock["chain"][-1]["taker"]
        lock["chain"][-1]["taker"] = taker[:-43] + "A" * 43
    folder.lie()


@packet(Code.SNAPSHOT_DIFFERS)
def a_change_that_nobody_lists(folder: Folder) -> None:
    """With one mutation left out, the files no longer give the digest that was taken."""
    with folder.document("outcomes") as outcomes:
        outcomes["mutations"].pop(0)
    folder.lie()


def mutate(outcomes: dict[str, Any], path: str, surface: str) -> None:
    """Add a mutation that really happened, as the snapshot would show it."""
    after = outcomes["mutations"][0]["after"]
    row = {"after": after, "artifact": "", "before": ABSENT, "change": "created"}
    outcomes["mutations"].append({**row, "path": path, "surface": surface})


@packet(Code.SCOPE_VIOLATED)
def a_file_outside_every_surface(folder: Folder) -> None:
    """Something was created that no allowed surface covers."""
    with folder.document("outcomes") as outcomes:
        mutate(outcomes, "kb/z.txt", "")
    folder.lie()


@packet(Code.FORBIDDEN_SURFACE_TOUCHED)
def a_file_in_the_vault(folder: Folder) -> None:
    """Something was created under a path that the lane forbids."""
    with folder.document("outcomes") as outcomes:
        mutate(outcomes, "kb/vault/z.txt", "NOTE")
    folder.lie()


@packet(Code.PIN_CHANGED)
def another_charter(folder: Folder) -> None:
    """After the run the pinned page is another one."""
    with folder.document("pins") as pins:
        pins["pins"][0]["after"] = OTHER
    folder.lie()


# --- rollback, gate, probes ----------------------------------------------------


@packet(Code.ROLLBACK_PROOF_MISSING)
def no_proof(folder: Folder) -> None:
    """A packet that says APPLIED has no rollback proof."""
    del folder.files["packet/rollback-proof.json"]
    folder.lie()


@packet(Code.ROLLBACK_PROOF_MISSING)
def a_proof_that_was_not_reached(folder: Folder) -> None:
    """The document is there, and says that nothing was proven."""
    with folder.document("rollback-proof") as proof:
        proof["reached"] = False
    folder.lie()


@packet(Code.ROLLBACK_NO_MUTATION)
def a_proof_of_nothing(folder: Folder) -> None:
    """To take back nothing is no proof that anything can be taken back."""
    with folder.document("rollback-proof") as proof:
        proof["mutations"] = []
    folder.lie()


@packet(Code.ROLLBACK_APPLY_DID_NOT_MUTATE)
def applied_is_before(folder: Folder) -> None:
    """A surface that apply left alone is not proven by being as it was."""
    with folder.document("rollback-proof") as proof:
        proof["mutations"][0]["applied"] = ABSENT
    folder.lie()


@packet(Code.ROLLBACK_DID_NOT_RESTORE)
def restored_is_applied(folder: Folder) -> None:
    """After rollback the file is still there."""
    with folder.document("rollback-proof") as proof:
        row = proof["mutations"][1]
        row["restored"] = row["applied"]
    folder.lie()


@packet(Code.ROLLBACK_MUTATION_UNPROVEN)
def a_mutation_without_a_row(folder: Folder) -> None:
    """Of two changes only one was taken back."""
    with folder.document("rollback-proof") as proof:
        proof["mutations"].pop()
    folder.lie()


@packet(Code.ROLLBACK_TREE_NOT_RESTORED)
def a_file_left_over(folder: Folder) -> None:
    """Each surface is as it was, and the whole is not: something else was left behind."""
    with folder.document("rollback-proof") as proof:
        proof["restored"] = OTHER
    folder.lie()


@packet(Code.GATE_NOT_PROVEN)
def nobody_judged(folder: Folder) -> None:
    """A gate of which nobody knows what it was proves nothing."""
    with folder.document("rollback-gate") as gate:
        gate["judges"] = []
    folder.lie()


@packet(Code.PROBE_MISSING)
def fourteen_probes(folder: Folder) -> None:
    """One of the fifteen bad inputs was not sent."""
    with folder.document("bad-input-probes") as probes:
        probes["probes"].pop(8)
    folder.lie()


@packet(Code.PROBE_MISSING)
def a_control_that_was_refused(folder: Folder) -> None:
    """Where the good request is refused too, the refusals of the bad ones say nothing."""
    with folder.document("bad-input-probes") as probes:
        probes["control"] = "MODE_REFUSED"
    folder.lie()


@packet(Code.PROBE_FAIL_OPEN)
def a_ref_left_behind(folder: Folder) -> None:
    """A probe was refused with the right code, and yet something was written."""
    with folder.document("bad-input-probes") as probes:
        probes["probes"][0]["refs_left"] = 1
    folder.lie()


@packet(Code.PUBLICATION_DIFFERS)
def read_back_as_something_else(folder: Folder) -> None:
    """What stands at the target is not what was proven."""
    with folder.document("publication") as publication:
        publication["published"][0]["read_back"]["digest"] = OTHER
    folder.lie()


@packet(Code.PUBLICATION_DIFFERS)
def a_page_that_was_not_published(folder: Folder) -> None:
    """The plan publishes a page, and the packet does not say that it did."""
    with folder.document("publication") as publication:
        publication["published"] = []
    folder.lie()


# --- what is carried -----------------------------------------------------------


@packet(Code.TICKET_COLLISION)
def a_ticket_that_was_taken(folder: Folder) -> None:
    """One of the reserved tickets stood in the registry already."""
    with folder.document("reserved-tickets") as tickets:
        tickets["collisions"] = ["TKT-43"]
    folder.lie()


@packet(Code.REGISTRY_CHANGED)
def a_registry_that_was_folded(folder: Folder) -> None:
    """Only an owner folds tickets into the registry; a lane leaves it as it is."""
    with folder.document("reserved-tickets") as tickets:
        tickets["registry"][0]["after"] = OTHER
    folder.lie()


@packet(Code.BLOCKER_DROPPED)
def resolved_without_a_grant(folder: Folder) -> None:
    """The lane says that it resolves a blocker, and no grant lets it."""
    folder.files["packet/lane.yaml"] += b"\nresolves: [NO-GRANT]\n"
    folder.lie()


@packet(Code.OVERCLAIM)
def clean_with_unknowns(folder: Folder) -> None:
    """Header and statement say APPLIED_CLEAN; the review has checks that are UNKNOWN."""
    with folder.document("header") as header:
        header["status"] = "APPLIED_CLEAN"
        header["final_status"] = "VECTOR_APPLIED_CLEAN"
    folder.lie(status=Status.APPLIED_CLEAN)


@packet(Code.SECRET_IN_EVIDENCE)
def a_token_that_was_not_withheld(folder: Folder) -> None:
    """The scan found a token in an output, and the output was sealed all the same."""
    hit = {"offset": 0, "path": "artifacts/steps/write/stdout", "rule": "github-token"}
    with folder.document("secret-scan") as scan:
        scan["hits"] = [hit]
    folder.lie()


@packet(Code.LINEAGE_DIFFERS, base=SEQUEL)
def a_statement_without_ancestors(folder: Folder) -> None:
    """The statement names no packet that this one depends on; the lane names one."""
    folder.seal(lineage=())


@packet(Code.LINEAGE_DIFFERS, base=SEQUEL)
def another_ancestor(folder: Folder) -> None:
    """lineage.json says nothing of the packet that the lane builds on."""
    with folder.document("lineage") as lineage:
        lineage["packets"] = []
    folder.lie()
