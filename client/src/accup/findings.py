"""A finding: one fault of a file, with its place and the way to fix it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


# How to fix each kind of finding. The validator and the service say what is wrong, and where.
ADVICE = {
    "blankLine": "Remove the line.",
    "duplicateColumn": "Remove one of the two columns.",
    "duplicatePermission": "Remove one of the two rows if they mean the same.",
    "emptyFile": "Export the file again, with its header row.",
    "excelWorkbook": "Save the sheet as 'CSV UTF-8', and send that file.",
    "fieldTooLong": "Shorten the text.",
    "formulaCell": "Check whether the text is meant to begin like this.",
    "gzipFile": "Decompress it, and send the CSV file.",
    "htmlPage": "Export the data as CSV. Usually this is a login page in place of the export.",
    "invalidOwners": 'Write a JSON array in quotes, with its own quotes doubled: "[""a@contoso.com""]".',
    "invalidPrincipalId": "Use the object id or the user principal name of the user.",
    "invalidUtf8": "Save the file as 'CSV UTF-8'.",
    "loneCarriageReturn": "Save the file with LF or CRLF line ends.",
    "missingColumn": "Add the column; its cells may be empty where no value is required.",
    "missingHeader": "Make the first row name the columns.",
    "missingValue": "Fill in the cell.",
    "noRows": "Check that the export is not empty by mistake.",
    "nulByte": "Export the file again as text.",
    "openDocument": "Save the sheet as CSV with UTF-8 and commas, and send that file.",
    "otherSeparator": "Save the file with commas between the cells.",
    "pdfDocument": "Export the data as CSV.",
    "rowTooLong": "Close the quote that was opened in this row.",
    "semicolonSeparator": "Save the file with commas between the cells.",
    "strayQuote": "Quote the whole cell, and double each quote inside it.",
    "tabSeparator": "Save the file with commas between the cells.",
    "tooFewFields": "Add the missing cells, or remove a line break inside a cell.",
    "tooManyFields": "Quote the cell that contains a comma.",
    "unclosedQuote": "Close the quote at the end of the cell.",
    "unexpectedLayout": "Check that this is the export of the right application.",
    "unexpectedRowCount": "Check that the export is whole.",
    "unknownColumn": "Remove the column or correct its name.",
    "unknownPrincipalType": "Use one of the possible values.",
    "unquotedOwners": 'Quote the cell, and double its quotes: "[""a@contoso.com""]".',
    "utf16": "Save the file as 'CSV UTF-8'.",
    "zipArchive": "Send the CSV files inside it.",
}
