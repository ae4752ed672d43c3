"""Warns about a valid file that differs from what its resource's description expects."""

from shared.access_data.codes import Code
from shared.access_data.findings import Finding, Report
from shared.domain.resources import ResourceDescription, is_unexpected


def with_expectations(report: Report, description: ResourceDescription | None) -> Report:
    """The report with a warning for each expectation that the file does not meet."""
    if description is None:
        return report
    warnings: list[Finding] = []
    layout, rows = description.expected_layout, description.expected_rows
    if layout is not None and report.layout != layout:
        message = f"The file has the layout {report.layout}, and {layout} is expected for this application."
        warnings.append(Finding(Code.UNEXPECTED_LAYOUT, message, 1))
    if rows is not None and is_unexpected(report.rows, rows):
        message = (
            f"The file has {report.rows} rows, and about {rows} are expected for this application. Is it complete?"
        )
        warnings.append(Finding(Code.UNEXPECTED_ROW_COUNT, message, 1))
    return report._replace(warnings=(*warnings, *report.warnings), warning_count=report.warning_count + len(warnings))
