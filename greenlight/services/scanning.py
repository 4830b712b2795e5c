"""Search what would be published or sealed for secrets, and keep aside what is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from greenlight.model.codec import draft
from greenlight.model.documents import SecretScan
from greenlight.model.documents.secret_scan import Hit, MaskedVariable
from greenlight.verify.secrets import RULES, Scanner


def scanner_of(masked: Mapping[str, str]) -> Scanner:
    """Return a scanner for token shapes and the values of masked variables, by name."""
    # As the system hands them over: a value need not be UTF-8.
    values = {name: value.encode("utf-8", "surrogateescape") for name, value in masked.items()}
    return Scanner.of(values)


def scan_artifacts(artifacts: Mapping[str, bytes], masked: Mapping[str, str]) -> SecretScan:
    """Search every artifact for token shapes and for the values of masked variables.

    Args:
        artifacts: Bytes by path in the packet.
        masked: Values of the masked variables, by name; they appear nowhere in the result.
    """
    scanner = scanner_of(masked)
    hits = tuple(
        Hit(rule=hit.rule, path=hit.where, offset=hit.offset)
        for path, data in sorted(artifacts.items())
        for hit in scanner.scan(path, data)
    )
    return draft(
        SecretScan,
        rules=tuple(rule.name for rule in RULES),
        masked=tuple(
            MaskedVariable(name=name, searched=name not in scanner.too_short)
            for name in sorted(masked)
        ),
        files=len(artifacts),
        hits=hits,
        withheld=withheld_paths(hits),
    )


def withheld_paths(hits: Iterable[Hit]) -> tuple[str, ...]:
    """Return the artifacts that hold a secret, each once."""
    return tuple(sorted({hit.path for hit in hits}))


def find_in_documents(documents: Mapping[str, bytes], masked: Mapping[str, str]) -> list[str]:
    """Return the documents that hold a secret, sorted.

    Artifacts were searched before; this finds what got into a document made later.
    """
    scanner = scanner_of(masked)
    return [path for path, data in sorted(documents.items()) if scanner.scan(path, data)]
