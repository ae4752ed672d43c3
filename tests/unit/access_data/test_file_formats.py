"""What the validator recognizes by a file's first bytes: other formats than CSV, encodings, and Excel's ``sep=``."""

import gzip
import io
import zipfile

import pytest

from shared.access_data.validator import BATCH_BYTES
from tests.unit.access_data.test_validator import ANA, EARLY, OK, G, Place, check, findings, warnings


def archive(*names: str, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name in names:
            file.writestr(name, f"<content of='{name}'/>" * 50)
    return buffer.getvalue()


def open_document() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr("content.xml", "<x/>" * 99)
    return buffer.getvalue()


FORMATS: dict[str, tuple[bytes, str, str]] = {
    "Excel, written by Excel": (archive("[Content_Types].xml", "_rels/.rels"), "excelWorkbook", "Excel workbook"),
    "Excel, written by openpyxl": (archive("docProps/app.xml", "xl/workbook.xml"), "excelWorkbook", "Excel workbook"),
    "Excel, the sheet first": (archive("xl/worksheets/sheet1.xml"), "excelWorkbook", "Excel workbook"),
    "Excel, the old format": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "excelWorkbook", "Excel workbook"),
    "Excel, the old XML format": (
        b'<?xml version="1.0"?>\r\n<?mso-application progid="Excel.Sheet"?>\r\n<Workbook/>',
        "excelWorkbook",
        "Excel workbook",
    ),
    "OpenDocument": (open_document(), "openDocument", "OpenDocument spreadsheet"),
    "a zip archive": (archive("access.csv"), "zipArchive", "zip archive"),
    "a Word document": (archive("[Content_Types].xml", "word/document.xml"), "zipArchive", "zip archive"),
    "an empty zip archive": (archive(), "zipArchive", "zip archive"),
    "gzip": (gzip.compress(f"{G}\n{ANA}\n".encode()), "gzipFile", "gzip"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "pdfDocument", "PDF document"),
    "HTML": (b"<!DOCTYPE html>\n<html><head>", "htmlPage", "HTML page"),
    "HTML after a byte order mark and white space": (b"\xef\xbb\xbf \r\n<HTML xmlns:x='x'>", "htmlPage", "HTML page"),
    "a table of HTML": (b"\n<table border=1><tr>", "htmlPage", "HTML page"),
    "XHTML": (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">', "htmlPage", "HTML page"),
}


@pytest.mark.parametrize("batch_bytes", [1, 7, BATCH_BYTES])
@pytest.mark.parametrize("kind", FORMATS)
def test_another_format_than_csv_is_one_finding_that_says_what_it_is(kind: str, batch_bytes: int) -> None:
    content, code, words = FORMATS[kind]

    report = check(content, batch_bytes=batch_bytes, piece=5)

    assert findings(report) == [(code, "line 1")]
    assert words in report.findings[0].message
    assert "CSV UTF-8" in report.findings[0].message
    assert (report.rows, report.layout) == (0, None)


def test_an_excel_workbook_is_told_how_to_save_it() -> None:
    (finding,) = check(FORMATS["Excel, written by Excel"][0]).findings

    assert finding.message == "This is an Excel workbook. Save it as CSV UTF-8 and upload that."


@pytest.mark.parametrize("first", ["sep=,", "SEP=,", '"sep=,"'])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_sep_line_with_a_comma_is_skipped_and_counts_as_a_line(first: str, mark: str, line_break: str) -> None:
    content = mark + line_break.join([first, G, ANA, OK, "x,user,1,n,,", ""])

    for batch_bytes in (1, 3, 64, BATCH_BYTES):
        report = check(content, batch_bytes=batch_bytes, piece=1 + batch_bytes % 97)
        assert findings(report) == [("invalidPrincipalId", "line 5, principalId")]
        assert (report.layout, report.rows) == ("graph", 3)


SEP_LINES: dict[str, tuple[bytes, list[Place]]] = {
    "sep=, and semicolons": (b"sep=,\n" + G.replace(",", ";").encode(), [("semicolonSeparator", "line 2")]),
    "sep=^": (f"sep=^\n{G}\n".replace(",", "^").encode(), [("otherSeparator", "line 1")]),
    "sep=, and no header": (f"sep=,\n{ANA}\n".encode(), [("missingHeader", "line 2")]),
    "sep=, and a blank line": (f"sep=,\n\n{G}\n".encode(), [("missingHeader", "line 2")]),
    "sep=, and a column missing": (
        f"sep=,\n{G.replace(',permissionType', '')}\n".encode(),
        [("missingColumn", "line 2, permissionType")],
    ),
    "sep=, and nothing": (b"sep=,\r\n", [("emptyFile", "line 1")]),
    "sep=, without a line break": (b"sep=,", [("emptyFile", "line 1")]),
}


@pytest.mark.parametrize("batch_bytes", [1, 64, BATCH_BYTES])
@pytest.mark.parametrize("kind", SEP_LINES)
def test_a_sep_line_does_not_hide_faults_of_the_header(kind: str, batch_bytes: int) -> None:
    content, expected = SEP_LINES[kind]

    assert findings(check(content, batch_bytes=batch_bytes, piece=3)) == expected


# What is not in Graph's form, and what is said where nothing is converted.
CONVERTED: dict[str, tuple[bytes, list[Place]]] = {
    "sep=,": (f"sep=,\r\n{G}\r\n{ANA}\r\n".encode(), [("missingHeader", "line 1")]),
    "sep=;": (f"sep=;\r\n{G}\r\n{ANA}\r\n".replace(",", ";").encode(), [("semicolonSeparator", "line 1")]),
    "sep= and a tab": (f"sep=\t\n{G}\n{ANA}".replace(",", "\t").encode(), [("tabSeparator", "line 1")]),
    "sep=|": (f"sep=|\n{G}\n{ANA}\n".replace(",", "|").encode(), [("otherSeparator", "line 1")]),
    "semicolons": (f"{G}\n{ANA}\n".replace(",", ";").encode(), [("semicolonSeparator", "line 1")]),
    "tabs": (f"{G}\n{ANA}\n".replace(",", "\t").encode(), [("tabSeparator", "line 1")]),
    "vertical bars": (f"{G}\n{ANA}\n".replace(",", "|").encode(), [("otherSeparator", "line 1")]),
    "quoted names and semicolons": (
        f'"{G}"\n{ANA}\n'.replace(",", '";"').replace(ANA.replace(",", '";"'), ANA.replace(",", ";")).encode(),
        [("semicolonSeparator", "line 1")],
    ),
    "UTF-16, little endian, with its mark": (b"\xff\xfe" + f"{G}\n{ANA}\n".encode("utf-16-le"), [("utf16", "line 1")]),
    "UTF-16, big endian, with its mark": (b"\xfe\xff" + f"{G}\n{ANA}\n".encode("utf-16-be"), [("utf16", "line 1")]),
    "Excel's Unicode Text": (
        b"\xff\xfe" + f"{G}\r\n{ANA}\r\n".replace(",", "\t").encode("utf-16-le"),
        [("utf16", "line 1")],
    ),
    "blanks around names": (f" {G}\n{ANA}\n".encode(), [("unknownColumn", "line 1,  principalId")]),
}


@pytest.mark.parametrize("batch_bytes", [1, 64, BATCH_BYTES])
@pytest.mark.parametrize("kind", CONVERTED)
def test_what_loses_nothing_is_converted_and_said(kind: str, batch_bytes: int) -> None:
    content, refused = CONVERTED[kind]

    report = check(content, batch_bytes=batch_bytes, piece=3)
    assert findings(report) == []
    assert [code for code, _ in warnings(report)] == ["converted", "principalIsNotAnObjectId"]
    assert (report.layout, report.rows, report.made is None) == ("graph", 1, False)
    assert findings(check(content, batch_bytes=batch_bytes, piece=3, converts=False)) == refused


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark_is_not_guessed(encoding: str) -> None:
    (finding,) = check(f"{G}\r\n{ANA}\r\n".encode(encoding)).findings

    assert finding.code == "utf16"
    assert "Save it as CSV UTF-8" in finding.message


def test_half_a_character_in_utf16_is_a_finding_with_its_place() -> None:
    content = f"{G}\n{OK}\n{ANA.replace('Main', 'Ma#in')}\n".encode("utf-16").replace(b"#\0", b"\x00\xd8")

    (finding,) = check(content).findings

    assert (finding.code, finding.target) == ("invalidUtf8", "line 3, permissionName")
    assert "utf-16" in finding.message
    assert finding.value == "Ma\N{REPLACEMENT CHARACTER}in door"


def test_windows_1252_text_gets_a_hint_with_the_letter_that_it_means() -> None:
    content = f"{G}\n{OK}\n{ANA.replace('Main', 'Küche')}\n".encode("cp1252")

    (finding,) = check(content).findings

    assert (finding.code, finding.target) == ("invalidUtf8", "line 3, permissionName")
    assert "Windows-1252" in finding.message
    assert "'ü'" in finding.message
    assert "CSV UTF-8" in finding.message
    assert finding.value == "Küche door"


def test_a_header_in_windows_1252_gets_the_hint_too() -> None:
    (finding,) = check(f"{G},Prüfer\n{ANA}\n".encode("cp1252")).findings

    assert (finding.code, finding.target) == ("invalidUtf8", "line 1")
    assert "CSV UTF-8" in finding.message


def test_a_header_only_is_a_warning() -> None:
    for content, line in ((G, 1), (f"{G}\n", 1), (f"\ufeffsep=,\r\n{EARLY}\r\n\r\n\r\n", 2)):
        report = check(content)
        assert findings(report) == []
        converted = [("converted", "line 1")] if line == 2 else []
        assert warnings(report) == [*converted, ("noRows", f"line {line}")]
        assert report.warning_count == 1 + len(converted)


def test_a_header_with_a_fault_is_no_warning_about_rows() -> None:
    assert warnings(check(G.replace("permissionType", "other"))) == []
