"""Say before a run is opened whether its packet could be sealed, as far as that can be known.

An artifact that holds a secret is withheld, and the reasons of a log are.  A document's own
words cannot be: a masked value such as ``forbidden`` stands in every packet.  So the
documents of a run in which all went well are derived before anything is spent, and once
more before anything leaves the workspace, and searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.model.codec import draft, from_document
from greenlight.model.documents import BadInputProbes, RollbackProof
from greenlight.model.documents.bad_input_probes import ProbeRow
from greenlight.model.documents.execution_log import StepState
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Lane, complete_steps
from greenlight.model.packet import MANIFEST, REPORT, RERUN
from greenlight.primitives import cjson
from greenlight.services.execute import Executed, draft_row
from greenlight.services.published import published
from greenlight.services.scanning import find_in_documents
from greenlight.verify.derive.packet import derive_packet
from greenlight.verify.derive.report import render_report
from greenlight.verify.probe_classes import ACCEPTED, PROBES

# What stands in the manifest of every packet before a name of the lane's own.
_FOLDERS = tuple(
    f"artifacts/{name}/"
    for name in ("workspace", "documents", "inputs", "outputs", "steps", "stdout", "stderr")
)


def rehearsed(lane: Lane, at: str) -> Executed:
    """Return what a run comes to in which every step went well; nothing is executed."""
    rows = [replace(draft_row(step, at), state=StepState.DONE) for step in complete_steps(lane)]
    proof = from_document(RollbackProof, cjson.decode(published().frozen))
    refused = tuple(
        draft(
            ProbeRow,
            number=probe.number,
            probe_class=probe.probe_class,
            expected=str(probe.code),
            got=str(probe.code),
            objects_left=0,
            refs_left=0,
            pass_token=False,
        )
        for probe in PROBES
    )
    probes = draft(BadInputProbes, probes=refused, control=ACCEPTED)
    return Executed(rows=rows, rollback=proof, probes=probes)


def require_sealable_words(evidence: Evidence, masked: Mapping[str, str]) -> None:
    """Refuse a run whose packet would hold a secret however it went, before it is opened.

    An artifact can be withheld; a document's own words, a digest of a host or a blocker that
    an earlier packet left open cannot.

    Args:
        evidence: As a rehearsal gives it: everything that is known before the first step.
        masked: Values of the masked variables, by name.

    Raises:
        RefusedError: SECRET_IN_EVIDENCE.
    """
    derived = derive_packet(evidence)
    words = "\n".join((*_FOLDERS, *(f"{code.name} {code.meaning}" for code in Code)))
    texts = {
        **derived.encoded(),
        REPORT: render_report(derived),
        RERUN: published().rerun,
        MANIFEST: words.encode(),
    }
    if found := find_in_documents(texts, masked):
        raise RefusedError(
            Code.SECRET_IN_EVIDENCE,
            f"a secret would stand in {', '.join(found)} of every packet of this lane",
            hint="a masked value that is a word of the documents cannot be kept out of them",
        )


def find_unwithheld(evidence: Evidence, masked: Mapping[str, str]) -> list[str]:
    """Return the documents that would hold a secret if the run were closed as it is now."""
    derived = derive_packet(evidence)
    texts = {**derived.encoded(), REPORT: render_report(derived)}
    return find_in_documents(texts, masked)
