"""What is unusual about a valid file: warnings, which refuse nothing."""

from collections.abc import Iterator, Sequence

from shared.access_data.codes import Code
from shared.access_data.findings import Finding, Report
from shared.domain.resources import ResourceDescription, is_unexpected
from shared.domain.sessions import StoredFile


def unexpected(report: Report, description: ResourceDescription | None) -> list[Finding]:
    """A warning for each expectation of its resource's description that a file does not meet."""
    if description is None:
        return []
    warnings = []
    layout, rows = description.expected_layout, description.expected_rows
    if layout is not None and report.layout != layout:
        message = f"The file has the layout {report.layout}, and {layout} is expected for this application."
        warnings.append(Finding(Code.UNEXPECTED_LAYOUT, message, 1))
    if rows is not None and is_unexpected(report.rows, rows):
        message = (
            f"The file has {report.rows} rows, and about {rows} are expected for this application. Is it complete?"
        )
        warnings.append(Finding(Code.UNEXPECTED_ROW_COUNT, message, 1))
    return warnings


def alike(files: Sequence[StoredFile], candidate: StoredFile) -> list[Finding]:
    """A warning for what a file has in common with others of its session: content, or nearly the name.

    An export that is downloaded twice becomes ``access.csv`` and ``access (1).csv``, and its rows would count twice.
    """
    others = [file for file in files if file.name != candidate.name]
    return [*_with_same_content(others, candidate), *_with_similar_name(others, candidate)]


def _with_same_content(others: Sequence[StoredFile], candidate: StoredFile) -> Iterator[Finding]:
    same = next((file for file in others if file.sha256 == candidate.sha256), None)
    if same is not None:
        message = (
            f"The file has the same content as '{same.name}', so that its rows count twice. Delete one of the two."
        )
        yield Finding(Code.SAME_CONTENT, message, 1)


def _with_similar_name(others: Sequence[StoredFile], candidate: StoredFile) -> Iterator[Finding]:
    similar = next((file for file in others if file.name.casefold() == candidate.name.casefold()), None)
    if similar is not None:
        message = (
            f"The name differs from that of the file '{similar.name}' only in upper and lower case. Delete one of the "
            "two if they are the same file."
        )
        yield Finding(Code.SIMILAR_NAME, message, 1)
