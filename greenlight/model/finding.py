"""What a verifier says: findings, each with a stable code, a place, expected and found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from greenlight.codes import Code
from greenlight.errors import RejectedError


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection, precise enough to act on without reading the code.

    Attributes:
        code: What is wrong.
        where: Path inside the packet folder or the ledger, then a JSON pointer after ``#``.
        expected: What the evidence should have said.
        found: What it says.
        detail: Qualifies the code where one code can name several things, as in
            ``ROLLBACK_APPLY_DID_NOT_MUTATE:RB-EXEC-1``; empty where nothing is qualified.
    """

    code: Code
    where: str
    expected: str
    found: str
    detail: str = ""

    @property
    def label(self) -> str:
        """The code, with what it qualifies: ``CODE`` or ``CODE:detail``."""
        return f"{self.code}:{self.detail}" if self.detail else str(self.code)

    def to_dict(self) -> dict[str, str]:
        return {
            "code": self.code.name,
            "detail": self.detail,
            "expected": self.expected,
            "found": self.found,
            "where": self.where,
        }

    def __str__(self) -> str:
        return f"{self.label}  {self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one verification found, in the order it looked."""

    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Report:
        return cls(tuple(findings))

    @property
    def clean(self) -> bool:
        return not self.findings

    @property
    def codes(self) -> tuple[Code, ...]:
        return tuple(finding.code for finding in self.findings)

    def require(self) -> None:
        """Go on only if nothing was found.

        Raises:
            RejectedError: There is at least one finding; it carries the first one's code.
        """
        if not self.clean:
            raise RejectedError(
                self.findings[0].code, "; ".join(map(str, self.findings)), codes=self.codes
            )

    def __bool__(self) -> NoReturn:
        # ``if report:`` reads as success and would be true for every report.
        raise TypeError("a report is neither true nor false: ask .clean or call .require()")
