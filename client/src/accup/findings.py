"""A finding: one fault of a file, with its place and the way to fix it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accup.advice import ADVICE

_TARGET = re.compile(r"line (\d+)(?:, (.+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: what is wrong, and the physical line (counted from 1) and the column's name where they apply."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None

    @property
    def fix(self) -> str:
        """How to fix a fault of this kind; empty for a code that this version does not know."""
        return ADVICE.get(self.code, "")

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> "Finding":
        """A finding from an entry of ``error.details``, whose target is ``line 7, permissionId``, or something else."""
        place = _TARGET.fullmatch(str(detail.get("target", "")))
        return cls(
            code=str(detail.get("code", "")),
            message=str(detail.get("message", "")),
            line=int(place[1]) if place else None,
            column=place[2] if place else None,
        )

    def as_json(self) -> dict[str, Any]:
        """The finding as commands print it with ``--json``."""
        return {
            "code": self.code,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "fix": self.fix,
        }
