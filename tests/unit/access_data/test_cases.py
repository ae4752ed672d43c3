"""Files as they come from real systems: each is a kind that people reported, with inputs that were made up.

The folders of ``cases`` have the inputs; the names here are their sources, public reports about neighbouring tools.
"""

from pathlib import Path

import pytest

from shared.access_data.validator import BATCH_BYTES
from tests.unit.access_data.test_validator import Place, check, findings, other_warnings

CASES = Path(__file__).parent / "cases"

# The file, its findings, its warnings, and what the messages say.
FILES: dict[str, tuple[list[Place], list[Place], list[str]]] = {
    # PowerShell/PowerShell#9955
    "01-export-csv-type-line/type-line.csv": (
        [("linesAboveHeader", "line 1")],
        [],
        ["The header is in line 2", "-NoTypeInformation"],
    ),
    "01-export-csv-type-line/title-lines.csv": (
        [("linesAboveHeader", "line 1")],
        [],
        ["The header is in line 4. Delete the 3 lines above it", "'Access report'"],
    ),
    # A body that PowerShell encoded again
    "02-ps74-reencoded-body/with-bom.csv": ([("byteOrderMark", "line 1")], [], ["encoded as UTF-8 twice", "-InFile"]),
    "02-ps74-reencoded-body/without-bom.csv": ([], [("encodedTwice", "line 2, permissionName")], ["2 lines: 2 to 3"]),
    "02-ps74-reencoded-body/latin1-body.csv": (
        [("invalidUtf8", "line 2, permissionName")],
        [],
        ["Windows-1252", "'ü'"],
    ),
    # Notifuse/notifuse#223, opengovsg/postmangovsg#91
    "08-invisible-characters/principal-nbsp.csv": (
        [("invalidPrincipalId", f"line {line}, principalId") for line in (2, 3, 4)],
        [],
        [
            "a no-break space (U+00A0) at its end",
            "a zero width space (U+200B) at its beginning",
            "a non-breaking hyphen (U+2011) after '0b5d7c1e'",
        ],
    ),
    "08-invisible-characters/permission-ids.csv": (
        [],
        [
            ("invisibleCharacter", "line 3, permissionId"),
            *[("duplicatePermission", f"line {line}") for line in (3, 4, 5)],
        ],
        ["3 lines: 3 to 5", "U+00A0"],
    ),
    "08-invisible-characters/only-nbsp.csv": (
        [("missingValue", f"line {line}, {name}") for line in (2, 3) for name in ("permissionId", "permissionName")],
        [],
        [],
    ),
    # NHSDigital/manage-vaccinations-in-schools#3410
    "08-invisible-characters/header.csv": ([], [("converted", "line 1")], []),
    # AB1908/GOG-Galaxy-Export-Script#7
    "10-cr-cr-lf/access.csv": ([], [("converted", "line 1")], ["CR CR LF"]),
    "10-cr-cr-lf/excel-sep.csv": ([], [("converted", "line 1")], ["CR CR LF"]),
    # opengovsg/GoGovSG#2153, cidgoh/DataHarmonizer#48
    "13-empty-rows-of-commas/two.csv": ([], [("converted", "line 4")], ["rows without values"]),
    "13-empty-rows-of-commas/three-hundred.csv": ([("invalidPrincipalId", "line 2, principalId")], [], []),
    # mholt/PapaParse#829, adaltas/node-csv-parse#138
    "14-space-before-quote/every-cell.csv": ([], [("converted", "line 1")], ["blanks beside quotes"]),
    "14-space-before-quote/rows-only.csv": (
        [("unknownPrincipalType", "line 2, principalType")],
        [("invisibleCharacter", "line 2, permissionId")],
        ["a space (U+0020) at its beginning"],
    ),
    # tidyverse/readr#909, elastic/kibana#7822
    "15-comma-at-the-end-of-rows/rows.csv": ([("surplusCells", "line 2")], [], ["more separators", "2 lines: 2 to 3"]),
    "15-comma-at-the-end-of-rows/header-too.csv": ([("unknownColumn", "line 1")], [], ["at the end of each line"]),
    # Cinchoo/ChoETL#78
    "16-excel-equals-quotes/bare.csv": ([("valueInFormula", "line 2")], [], ['Remove ="']),
    "16-excel-equals-quotes/as-the-message-says.csv": ([("valueInFormula", "line 2")], [], ['Remove ="']),
    # microsoft/azuredatastudio#8732, hankinsoft/SQLPro#615
    "18-null-literals/null.csv": (
        [("missingValue", "line 2, permissionId"), ("missingValue", "line 2, permissionName")],
        [
            ("doubtfulValue", "line 2, permissionDescription"),
            ("doubtfulValue", "line 2, permissionType"),
        ],
        ["'NULL' is a word for no value"],
    ),
    "18-null-literals/backslash-n.csv": (
        [("missingValue", "line 2, permissionId"), ("missingValue", "line 2, permissionName")],
        [
            ("doubtfulValue", "line 2, permissionDescription"),
            ("doubtfulValue", "line 2, permissionType"),
        ],
        ["is a word for no value"],
    ),
    # aodn/aodn-portal#2079; Power Automate's object of a file
    "19-error-answer-saved-as-csv/json.csv": ([("jsonText", "line 1")], [], ["'The access token expired.'"]),
    "19-error-answer-saved-as-csv/json-rows.csv": (
        [("jsonText", "line 1")],
        [],
        ["ConvertFrom-Json", '[{"principalId"'],
    ),
    "19-error-answer-saved-as-csv/power-automate-content.csv": ([("jsonText", "line 1")], [], ["base64ToBinary"]),
    "19-error-answer-saved-as-csv/xml.csv": ([("xmlText", "line 1")], [], ["'The blob does not exist.'"]),
    "19-error-answer-saved-as-csv/plain-text.csv": ([("missingHeader", "line 1")], [], ["'404: Not Found'"]),
    # robinrodricks/FluentFTP#898
    "21-ebcdic/nel.csv": ([("ebcdic", "line 1")], [], ["text mode"]),
    "21-ebcdic/crlf.csv": ([("ebcdic", "line 1")], [], ["iconv"]),
    "21-ebcdic/fixed-120.csv": ([("ebcdic", "line 1")], [], ["EBCDIC"]),
    # whitfin/s3-concat#3, ckan/datapusher#74
    "23-repeated-header/plain.csv": ([("repeatedHeader", "line 3")], [], ["Delete the line"]),
    "23-repeated-header/with-mark.csv": ([("repeatedHeader", "line 3")], [], ["Delete the line"]),
    "23-repeated-header/mark-twice.csv": ([("byteOrderMark", "line 1")], [], ["twice"]),
    # deephaven/deephaven-core#1561
    "26-pandas-index/pandas.csv": ([("unknownColumn", "line 1")], [], ["index=False"]),
    "26-pandas-index/r-write-table.csv": ([("rowNumber", "line 2")], [], ["row.names = FALSE", "2 lines: 2 to 3"]),
}


def test_every_file_is_here() -> None:
    assert {file.relative_to(CASES).as_posix() for file in CASES.rglob("*.csv")} == set(FILES)


@pytest.mark.parametrize("batch_bytes", [1, 50, BATCH_BYTES])
@pytest.mark.parametrize("name", FILES)
def test_the_answer_names_the_cause(name: str, batch_bytes: int) -> None:
    expected, expected_warnings, words = FILES[name]

    report = check((CASES / name).read_bytes(), batch_bytes=batch_bytes, piece=batch_bytes)

    assert findings(report) == expected
    assert other_warnings(report) == expected_warnings
    messages = "\n".join(each.message for each in (*report.findings, *report.warnings))
    assert [word for word in words if word not in messages] == []
