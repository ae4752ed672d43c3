"""A finding: one fault of a file, with its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TARGET = re.compile(r"line (\d+)(?:, (.+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: what is wrong and what to do, and the physical line (from 1) and the column's name if it has them."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None

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
        }
