"""What a file is whose first row is not a header."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..careful.encodings import as_text
from ..careful.header import layout_of
from ..codes import Code
from ..findings import Finding, shown

_MARK = b"\xef\xbb\xbf"

# A byte order mark that was read as Windows-1252, and encoded again.
_MARK_TWICE_ENCODED = "\ufeff".encode().decode("cp1252").encode()

_MAIL_HEADER = re.compile(
    r"(?:Return-Path|Received|Delivered-To|From|To|Subject|Date|Message-ID|MIME-Version|Content-[\w-]+|X-[\w-]+): ?\S",
    re.IGNORECASE,
)

# A border of a table, as psql, mysql, sqlite3 and csvlook draw it; a line of a CSV file has commas.
_BORDER_LETTERS = "-=+|─│┌┬┐├┼┤└┴┘ "
_SQL = re.compile(
    r"(?:SQL|mysql|postgres=[#>]|MariaDB \[.*\])> |\s*(?:select\s.+\sfrom|insert\s+into|create\s+table)\s",
    re.IGNORECASE,
)

_SIGNATURES = (
    (b"{\\rtf", "a rich text document (RTF)"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
)


class _Text(NamedTuple):
    """The beginning of a file as lines of text, without a byte order mark."""

    raw: bytes
    lines: list[str]

    @property
    def first(self) -> str:
        return next((line for line in self.lines if line.strip()), "")


def cause_of_file(beginning: bytes, *, has_columns: bool) -> Finding | None:
    """The cause for a file that begins so, if it is known; its first row may name columns of a layout nevertheless."""
    content = beginning.removeprefix(_MARK)
    text = _Text(content, re.split(r"\r*\n|\r", as_text(content)))
    for rule in (_marks, _report) if has_columns else _RULES:
        finding = rule(text)
        if finding is not None:
            return finding
    return None


def _marks(text: _Text) -> Finding | None:
    if text.raw.startswith(_MARK):
        message = (
            "The file begins with a byte order mark twice: a program added one to a file that had one already. Remove "
            "one of them, or save the file as CSV UTF-8 again."
        )
        return Finding(Code.BYTE_ORDER_MARK, message, 1)
    if text.raw.startswith(_MARK_TWICE_ENCODED):
        message = (
            "The text was encoded as UTF-8 twice: UTF-8 was read as Windows-1252, and saved or sent as UTF-8. Upload "
            "the file itself: in PowerShell with -Form or -InFile, and not with -Body and Get-Content."
        )
        return Finding(Code.BYTE_ORDER_MARK, message, 1)
    return None


def _signature(text: _Text) -> Finding | None:
    for signature, name in _SIGNATURES:
        if text.raw.startswith(signature):
            return Finding(Code.OTHER_FORMAT, f"This is {name}. Export the data as CSV UTF-8 and upload that.", 1)
    return None


def _ebcdic(text: _Text) -> Finding | None:
    """Letters of EBCDIC are 0x81 to 0xE9, its space is 0x40, and its digits are 0xF0 to 0xF9."""
    sample = text.raw[:512]
    decoded = sample.decode("cp037").casefold()
    # In code page 037 and the others of Latin languages, letters, digits and the comma are the same.
    if "principal" not in decoded and "permission" not in decoded:
        letters = sum(letter.isalnum() or letter in ' ,\x85\r\n"' for letter in decoded if ord(letter) < 0x80)
        if sample.isascii() or letters < 0.8 * len(sample) or len(sample) < 20:
            return None
    message = (
        "This is EBCDIC text, as a mainframe has it. Transfer the file in text mode (FTP: ascii), or convert it: "
        "iconv -f IBM037 -t UTF-8."
    )
    return Finding(Code.EBCDIC, message, 1)


def _json(text: _Text) -> Finding | None:
    content = text.raw.lstrip()
    if not re.match(rb'[\[{]\s*(?:["{\[\]}]|$)', content):
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None  # cut, or not quite JSON
    if isinstance(value, dict) and "$content" in value:
        message = (
            "This is the JSON object in which Power Automate wraps a file. Send the content itself: "
            "base64ToBinary(body('...')?['$content'])."
        )
    elif isinstance(value, dict) and (error := _error(value)):
        message = f"This is JSON, an error that another system answered: '{shown(error)}'. Export the data again."
    else:
        message = (
            f"This is JSON, not CSV: '{shown(text.first)}'. Export the data as CSV UTF-8. In PowerShell: Get-Content "
            "file.json -Raw | ConvertFrom-Json | Export-Csv file.csv -NoTypeInformation -Encoding utf8."
        )
    return Finding(Code.JSON_TEXT, message, 1)


def _error(value: dict[str, Any]) -> str | None:
    """What a JSON error says, as OAuth, OData, RFC 9457 and most others write it."""
    error = value.get("error")
    if isinstance(error, dict):
        return _error(error) or "error"
    names = ("error_description", "message", "Message", "detail", "title", "error", "code")
    if not any(name in value for name in ("error", "message", "Message", "title", "code")):
        return None
    return next((value[name] for name in names if isinstance(value.get(name), str)), None)


def _xml(text: _Text) -> Finding | None:
    if not re.match(rb"\s*<(?:\?xml|!DOCTYPE|[A-Za-z_][\w:.-]*[\s/>])", text.raw):
        return None
    told = re.search(rb"<(?:\w+:)?(?:Message|faultstring|ExceptionText|title|Text)\b[^>]*>([^<]+)<", text.raw)
    what = (
        f"an error that another system answered: '{shown(as_text(told[1]).strip())}'. Export the data again."
        if told
        else f"not CSV: '{shown(text.first)}'. Export the data as CSV UTF-8."
    )
    return Finding(Code.XML_TEXT, f"This is XML, {what}", 1)


def _mail(text: _Text) -> Finding | None:
    if re.match(r"--[^\s,]{4,70}$", text.lines[0]) and any(_MAIL_HEADER.match(line) for line in text.lines[1:3]):
        message = "This is a form (multipart/form-data) with the file in it. Upload the CSV file itself."
        return Finding(Code.MAIL, message, 1)
    if sum(bool(_MAIL_HEADER.match(line)) for line in text.lines[:15]) >= 2 and _MAIL_HEADER.match(text.first):
        message = "This is a mail with its headers. Save the attachment, and upload that."
        return Finding(Code.MAIL, message, 1)
    return None


def _version_control(text: _Text) -> Finding | None:
    if text.first.startswith("version https://git-lfs"):
        message = (
            "This is a pointer of Git LFS, not the file. Get the file with 'git lfs pull' (in a pipeline: lfs: true)."
        )
        return Finding(Code.VERSION_CONTROL, message, 1)
    if text.first.startswith("<<<<<<< "):
        message = "The file has conflicts of a merge. Resolve them, and remove the lines <<<<<<<, ======= and >>>>>>>."
        return Finding(Code.VERSION_CONTROL, message, 1)
    return None


def _header_below(text: _Text) -> Finding | None:
    for number, line in enumerate(text.lines[1:40], 2):
        for separator in (",", ";", "\t", "|"):
            names = [name.strip(' "\ufeff') for name in line.split(separator)]
            if layout_of(names, least=3) is None:
                continue
            above = number - 1
            lines = f"the {above} lines above it, which begin" if above > 1 else "the line above it, which begins"
            advice = (
                " In Windows PowerShell, use Export-Csv -NoTypeInformation."
                if text.lines[0].startswith("#TYPE")
                else ""
            )
            other = "" if separator == "," else " Separate the cells by commas."
            message = f"The header is in line {number}. Delete {lines} with '{shown(text.first)}'."
            return Finding(Code.LINES_ABOVE_HEADER, f"{message}{advice}{other}", 1)
    return None


def _is_border(line: str) -> bool:
    # No pattern: it would try a long line once for each of its letters.
    return not line.strip(_BORDER_LETTERS) and ("---" in line or "───" in line)


def _report(text: _Text) -> Finding | None:
    if not any(map(_is_border, text.lines[:3])) and not _SQL.match(text.first):
        return None
    message = (
        f"This is a report of a database tool: '{shown(text.first)}'. Let it write CSV: psql --csv; SQL*Plus: "
        "SET MARKUP CSV ON; SSMS: Save Results As; mysql: SELECT ... INTO OUTFILE with FIELDS TERMINATED BY ','."
    )
    return Finding(Code.DATABASE_REPORT, message, 1)


def _blanks(text: _Text) -> Finding | None:
    names = [name.strip('"') for name in text.first.split()]
    if layout_of(names, least=3) is None:
        return None
    message = (
        "The cells are separated by blanks. Separate them by commas: in R with write.csv(x, file, row.names = FALSE), "
        "in pandas with to_csv(index=False)."
    )
    return Finding(Code.OTHER_SEPARATOR, message, 1)


_RULES: tuple[Callable[[_Text], Finding | None], ...] = (
    _marks,
    _signature,
    _json,
    _xml,
    _version_control,
    _mail,
    _report,
    _blanks,
    _header_below,
    _ebcdic,
)
