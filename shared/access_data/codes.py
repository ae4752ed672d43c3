"""The codes of all findings and warnings with their meanings: the one table that documentation is generated from."""

from enum import StrEnum


class Code(StrEnum):
    """The code of a finding, which refuses a file, or of a warning, which does not."""

    meaning: str
    is_warning: bool

    def __new__(cls, code: str, meaning: str, is_warning: bool = False) -> "Code":
        """Create a member from its text on the wire and its meaning."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.is_warning = is_warning
        return member

    # The file
    EXCEL_WORKBOOK = "excelWorkbook", "The file is an Excel workbook."
    OPEN_DOCUMENT = "openDocument", "The file is an OpenDocument spreadsheet."
    ZIP_ARCHIVE = "zipArchive", "The file is a zip archive."
    GZIP_FILE = "gzipFile", "The file is compressed with gzip."
    PDF_DOCUMENT = "pdfDocument", "The file is a PDF document."
    HTML_PAGE = "htmlPage", "The file is an HTML page."
    UTF16 = "utf16", "The file is UTF-16 text; it must be UTF-8."
    EMPTY_FILE = "emptyFile", "The file has no header and no rows."

    # The header
    SEMICOLON_SEPARATOR = "semicolonSeparator", "The cells are separated by semicolons; they must be comma-separated."
    TAB_SEPARATOR = "tabSeparator", "The cells are separated by tabs; they must be comma-separated."
    OTHER_SEPARATOR = "otherSeparator", "The cells are separated by another character than a comma."
    MISSING_HEADER = "missingHeader", "The first row does not name the columns of a known layout."
    UNKNOWN_COLUMN = "unknownColumn", "The header has a name that is not a column of the layout."
    DUPLICATE_COLUMN = "duplicateColumn", "The header names a column twice."
    MISSING_COLUMN = "missingColumn", "The header lacks a column of the layout."

    # A row
    BLANK_LINE = "blankLine", "A blank line is followed by rows."
    TOO_FEW_FIELDS = "tooFewFields", "The row has fewer cells than the header. The target names the first missing one."
    TOO_MANY_FIELDS = "tooManyFields", "The row has more cells than the header."
    ROW_TOO_LONG = "rowTooLong", "The row is longer than the limits for its bytes and cells."

    # A cell
    UNCLOSED_QUOTE = "unclosedQuote", "A quote opens the cell, and no quote closes it."
    STRAY_QUOTE = "strayQuote", "The cell contains a quote in the wrong place (RFC 4180)."
    INVALID_UTF8 = "invalidUtf8", "The cell contains bytes that are not UTF-8 text."
    NUL_BYTE = "nulByte", "The cell contains a NUL byte."
    LONE_CARRIAGE_RETURN = "loneCarriageReturn", "A carriage return is not followed by a line feed."
    FIELD_TOO_LONG = "fieldTooLong", "The cell has more characters than the limit."
    MISSING_VALUE = "missingValue", "The cell is empty, and its column requires a value."
    INVALID_PRINCIPAL_ID = "invalidPrincipalId", "The cell is neither an object id (GUID) nor a user principal name."
    UNKNOWN_PRINCIPAL_TYPE = "unknownPrincipalType", "The cell is not one of the accepted principal types."
    INVALID_OWNERS = "invalidOwners", "The cell is not a JSON array of strings."

    # Warnings
    UNEXPECTED_LAYOUT = "unexpectedLayout", "The file has another layout than the application's description.", True
    UNEXPECTED_ROW_COUNT = (
        "unexpectedRowCount",
        "The file has less than half or more than twice the rows of the application's description.",
        True,
    )
    NO_ROWS = "noRows", "The file has a header and no rows.", True
    FORMULA_CELL = "formulaCell", "The cell begins like a formula, which a spreadsheet evaluates.", True
    UNQUOTED_OWNERS = "unquotedOwners", "The cell is a JSON array without CSV quotes; other readers split it.", True
    DUPLICATE_PERMISSION = "duplicatePermission", "An earlier row gives the same principal the same permission.", True
