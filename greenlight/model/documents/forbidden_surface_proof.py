"""``forbidden-surface-proof.json``: for each surface what was enforced, observed, and so known."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import Count, Label, Line, Note, derived, document, value
from greenlight.model.surface import SurfaceClass, SurfaceVerdict


class Aspect(StrEnum):
    """A way in which a surface can be reached."""

    PATH = "path"
    TOOL = "tool"
    NETWORK = "network"
    PROGRAM = "program"
    VARIABLE = "variable"
    REF = "ref"
    DATABASE = "database"


class Attempted(StrEnum):
    """Whether a forbidden surface was attempted, in the words of 001:37."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@value
class AspectRow:
    """One way of reaching the surface, and what stood in it."""

    aspect: Aspect = derived("path, tool, network, program, variable, ref or database.")
    what: Line = derived("The paths, operations, destinations or names.")
    enforced_by: Note = derived("What denied it; none where nothing did.")
    observed_by: Note = derived("What would have noticed; none where nothing would.")
    verdict: SurfaceVerdict = derived("What is known.")


@value
class ProofRow:
    """One forbidden surface."""

    id: Label = derived("Its id in the scope lock.")
    surface_class: SurfaceClass = derived("Which of the classes of 001 it is.")
    name: Line = derived("What people call it.")
    aspects: tuple[AspectRow, ...] = derived("Every way of reaching it that the lane names.")
    verdict: SurfaceVerdict = derived("The worst of its aspects; UNKNOWN where there is none.")


@document("forbidden-surface-proof.json")
class ForbiddenSurfaceProof:
    """Derived from lane, outcomes and what the host could enforce and observe."""

    surfaces: tuple[ProofRow, ...] = derived("The forbidden surfaces, in the lane's order.")
    outside_scope: tuple[Line, ...] = derived("Paths that changed and that no surface allows.")
    any_forbidden_surface_attempted: Attempted = derived(
        "true, false, or unknown where nobody looked."
    )
    known: Count = derived("Surfaces that are UNTOUCHED or NOT_REQUESTED.")
    total: Count = derived("Surfaces in all.")
    probe_attempts: Count = derived("Attempts made on purpose by the probes; they do not count.")
