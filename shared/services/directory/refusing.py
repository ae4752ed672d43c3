"""The answer to a list that is refused: the directory, or an application's list of accounts."""

from collections.abc import Sequence

from shared.access_data.findings import Finding
from shared.core.errors import INVALID_FILE, Detail, GraphError, counted


def refused_list(what: str, findings: Sequence[Finding]) -> GraphError:
    """The error for a list with faults: what is wrong on which line. Nothing of it was stored."""
    first, count = findings[0], counted(len(findings), "finding")
    return GraphError(
        INVALID_FILE,
        f"{what} was refused: {count}. First, {first.target}: {first.message} Nothing was changed. Fix it and "
        "upload it again.",
        target="file",
        details=[Detail(finding.code, finding.message, finding.target) for finding in findings],
        extra={"findingCount": len(findings)},
    )
