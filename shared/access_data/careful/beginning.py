"""Recognizes a file by its first bytes: another format than CSV, another encoding than UTF-8, Excel's ``sep=`` line."""

import re
from typing import NamedTuple

from ..codes import Code
from ..findings import Finding

# Enough for what may stand above a header, and to tell by it what the file is.
BEGINNING_BYTES = 8192

# Enough for the first names in a zip archive, and for an XML declaration before HTML.
_FORMAT_BYTES = 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Excel and LibreOffice write and read this line before the header; it is not part of RFC 4180.
_SEP_LINE = re.compile(rb'("?)sep=([^\r\n])\1(\r*\n|\r|\Z)', re.IGNORECASE)

_SAVE = "Save it as CSV UTF-8 and upload that."
_WORKBOOK = f"This is an Excel workbook. {_SAVE}"
_PROTECTED = f"This is an Excel workbook (.xls, or protected with a password). {_SAVE}"
_PAGE = (
    "This is an HTML page. Some systems export one with the file extension .xls or .csv, or answer with their sign-in "
    "page. Export the data as CSV UTF-8 and upload that."
)

# The signatures of other formats (zip: APPNOTE 4.3; Office Open XML: ECMA-376, part 2; gzip: RFC 1952).
_FORMATS = (
    (
        rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|xl/)(?!.*(?:word|ppt)/)",
        Code.EXCEL_WORKBOOK,
        _WORKBOOK,
    ),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Code.EXCEL_WORKBOOK, _PROTECTED),
    (rb"\s*<\?xml.{0,200}<\?mso-application\s+progid=.Excel", Code.EXCEL_WORKBOOK, _WORKBOOK),
    (
        rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.spreadsheet",
        Code.OPEN_DOCUMENT,
        f"This is an OpenDocument spreadsheet. {_SAVE}",
    ),
    (
        rb"PK(?:\x03\x04|\x05\x06)",
        Code.ZIP_ARCHIVE,
        "This is a zip archive. Unpack it and upload each file as CSV UTF-8.",
    ),
    (rb"\x1f\x8b", Code.GZIP_FILE, "This file is compressed with gzip. Decompress it and upload the CSV UTF-8 file."),
    (rb"%PDF-", Code.PDF_DOCUMENT, "This is a PDF document. Export the data as CSV UTF-8 and upload that."),
    (
        rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body|table|meta|style|script)\b",
        Code.HTML_PAGE,
        _PAGE,
    ),
)
_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), code, message) for pattern, code, message in _FORMATS
)


class Beginning(NamedTuple):
    """How a file begins: where its header starts, after how many lines, and what makes the file unusable.

    ``separator``: that of its cells, if a line says so.
    """

    start: int
    lines: int
    finding: Finding | None
    separator: bytes | None = None


def read_beginning(data: bytes) -> Beginning:
    """Recognize a file by its first ``BEGINNING_BYTES`` or more; by all of them if the file is smaller."""
    data = data[:_FORMAT_BYTES]
    start = len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0
    if not data.strip(b"\0\x1a\r\n"):
        return Beginning(start, 0, None)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
        message = f"This is UTF-16 text ('Unicode Text' in Excel). {_SAVE}"
        return Beginning(start, 0, Finding(Code.UTF16, message, 1))
    for pattern, code, message in _PATTERNS:
        if pattern.match(data, start):
            return Beginning(start, 0, Finding(code, message, 1))
    sep = _SEP_LINE.match(data, start)
    if sep is None:
        return Beginning(start, 0, None)
    return Beginning(sep.end(), 1 if sep[3] else 0, None, sep[2])
