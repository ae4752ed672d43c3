"""The codes of all findings and warnings with their meanings: the one table that documentation is generated from."""

from enum import StrEnum


class Code(StrEnum):
    """The code of a finding, which refuses a file, or of a warning, which does not."""

    meaning: str
    is_warning: bool

    @property
    def once(self) -> bool:
        """Whether all lines with it have one finding."""
        return self in _ONCE

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
    OTHER_FORMAT = "otherFormat", "The file has another format than CSV; the message says which."
    JSON_TEXT = "jsonText", "The file is JSON: data, or an error that another system answered."
    XML_TEXT = "xmlText", "The file is XML: data, or an error that another system answered."
    MAIL = "mail", "The file is a mail, or a form with a file in it."
    VERSION_CONTROL = "versionControl", "The file is a pointer of Git LFS, or has conflicts of a merge."
    DATABASE_REPORT = "databaseReport", "The file is a report of a database tool, for people to read."
    EBCDIC = "ebcdic", "The file is EBCDIC text, as a mainframe has it; it must be UTF-8."
    BYTE_ORDER_MARK = "byteOrderMark", "The file begins with two byte order marks, or with one that was encoded twice."
    EMPTY_FILE = "emptyFile", "The file has no header and no rows."

    # The header
    SEMICOLON_SEPARATOR = "semicolonSeparator", "The cells are separated by semicolons; they must be comma-separated."
    TAB_SEPARATOR = "tabSeparator", "The cells are separated by tabs; they must be comma-separated."
    OTHER_SEPARATOR = "otherSeparator", "The cells are separated by another character than a comma."
    NOT_PLAIN = "notPlain", "The file is not plain CSV, and the service converts nothing (`UPLOADS_CONVERT`)."
    LINES_ABOVE_HEADER = "linesAboveHeader", "There are lines above the header."
    MISSING_HEADER = "missingHeader", "The first row does not name the columns of a known layout."
    UNKNOWN_COLUMN = "unknownColumn", "The header has a name that is not a column of the layout."
    DUPLICATE_COLUMN = "duplicateColumn", "The header names a column twice."
    MISSING_COLUMN = "missingColumn", "The header lacks a column of the layout."

    # A row
    BLANK_LINE = "blankLine", "A line without values (blank, or nothing but separators) is followed by rows."
    TOO_FEW_FIELDS = "tooFewFields", "The row has fewer cells than the header. The target names the first missing one."
    TOO_MANY_FIELDS = "tooManyFields", "The row has more cells than the header."
    REPEATED_HEADER = "repeatedHeader", "The header is there again, as after joining files."
    SURPLUS_CELLS = "surplusCells", "The row ends with commas that the header does not have."
    ROW_NUMBER = "rowNumber", "The row begins with its number, for which the header has no name."
    SEPARATOR_CHANGES = "separatorChanges", "The cells of the row are separated by another character than a comma."
    OTHER_LINE_ENDS = "otherLineEnds", "Several rows are in one line, and end with a carriage return alone."
    UTF16_BELOW = "utf16Below", "The text is UTF-16 from this line on."
    MERGE_CONFLICT = "mergeConflict", "The line is a mark of a merge conflict."
    ROW_IN_QUOTES = "rowInQuotes", "The whole row is in quotes."
    REPORT_LINE = "reportLine", "The line is a line of dashes, or one that a tool writes below the rows."
    VALUE_IN_FORMULA = "valueInFormula", "Values are written as formulas, so that Excel keeps them as text."
    ROW_TOO_LONG = "rowTooLong", "The row is longer than the limits for its bytes and cells."

    # A cell
    UNCLOSED_QUOTE = "unclosedQuote", "A quote opens the cell, and no quote closes it."
    STRAY_QUOTE = "strayQuote", "The cell contains a quote in the wrong place (RFC 4180)."
    INVALID_UTF8 = "invalidUtf8", "The cell contains bytes that are not UTF-8 text."
    NUL_BYTE = "nulByte", "The cell contains a NUL byte."
    LONE_CARRIAGE_RETURN = "loneCarriageReturn", "A carriage return is not followed by a line feed."
    FIELD_TOO_LONG = "fieldTooLong", "The cell has more characters than the limit."
    MISSING_VALUE = "missingValue", "The cell is empty, and its column requires a value."
    DESTROYED_VALUE = (
        "destroyedValue",
        "Where a value is required, the cell has what is left of one: a number in scientific notation, an error.",
    )
    INVALID_PRINCIPAL_ID = "invalidPrincipalId", "The cell is neither an object id (GUID) nor a user principal name."
    UNKNOWN_PRINCIPAL_TYPE = "unknownPrincipalType", "The cell is not one of the accepted principal types."
    INVALID_OWNERS = "invalidOwners", "The cell is not a JSON array of strings."
    INVALID_OWNER_IDS = "invalidOwnerIds", "The cell is not a comma-separated list of object ids (GUIDs)."

    # Principals, where they are matched with the directory
    UNKNOWN_PRINCIPAL = "unknownPrincipal", "No user of the directory has this account."
    AMBIGUOUS_PRINCIPAL = "ambiguousPrincipal", "Several users of the directory have this account."
    NO_DIRECTORY = (
        "noDirectory",
        "There is no directory to match the account with, or it has none of the declared attributes.",
    )
    DIRECTORY_TOO_OLD = "directoryTooOld", "The directory is too old to match the account with."

    # The directory, and an application's list of accounts
    DUPLICATE_USER = "duplicateUser", "An earlier row of the directory has the same object id."
    DUPLICATE_ACCOUNT = "duplicateAccount", "An earlier row of the list has the same account."
    INVALID_ACCOUNT_ENABLED = "invalidAccountEnabled", "The cell is neither true nor false, nor empty."
    LIST_TOO_LONG = "listTooLong", "The list has more rows, columns or values than the limit."

    # Warnings
    CONVERTED = "converted", "The file is not plain CSV, but unambiguous. The message says what is different.", True
    UNEXPECTED_LAYOUT = "unexpectedLayout", "The file has another layout than the application's description.", True
    UNEXPECTED_ROW_COUNT = (
        "unexpectedRowCount",
        "The file has less than half or more than twice the rows of the application's description.",
        True,
    )
    SAME_CONTENT = "sameContent", "Another file of the session has the same content: its rows count twice.", True
    SIMILAR_NAME = (
        "similarName",
        "Another file of the session has the same name, except for upper and lower case.",
        True,
    )
    PRINCIPAL_IS_NOT_AN_OBJECT_ID = (
        "principalIsNotAnObjectId",
        (
            "The file has user principal names. Microsoft Graph requires object ids. The target is the first name. "
            "A finding with UPLOADS_REQUIRE_OBJECT_IDS=true."
        ),
        True,
    )
    LEFT_OUT = "leftOut", "Rows were left out: the application's list says that their accounts are no persons.", True
    DISABLED_PRINCIPAL = "disabledPrincipal", "The user is disabled in the directory.", True
    NO_OWNERS = "noOwners", "No row names an owner, and reviews by owners need them.", True
    DOUBTFUL_VALUE = (
        "doubtfulValue",
        "The cell has a word for no value, a number in scientific notation, an error, the name of a type, or a list.",
        True,
    )
    ENCODED_TWICE = "encodedTwice", "Text was encoded as UTF-8 twice, such as 'KÃ¼che' for 'Küche'.", True
    INVISIBLE_CHARACTER = "invisibleCharacter", "An id has a character that nobody sees.", True
    NO_ROWS = "noRows", "The file has a header and no rows.", True
    FORMULA_CELL = "formulaCell", "The cell begins like a formula, which a spreadsheet evaluates.", True
    UNQUOTED_OWNERS = "unquotedOwners", "The cell is a JSON array without CSV quotes; other readers split it.", True
    DUPLICATE_PERMISSION = (
        "duplicatePermission",
        "An earlier row gives the same principal the same permission, in the same scope.",
        True,
    )


# Faults that a file has in many lines for one reason, and is rid of at once.
_ONCE = frozenset(
    (
        Code.BLANK_LINE,
        Code.REPEATED_HEADER,
        Code.SURPLUS_CELLS,
        Code.ROW_NUMBER,
        Code.SEPARATOR_CHANGES,
        Code.OTHER_LINE_ENDS,
        Code.UTF16_BELOW,
        Code.MERGE_CONFLICT,
        Code.ROW_IN_QUOTES,
        Code.REPORT_LINE,
        Code.VALUE_IN_FORMULA,
        Code.DESTROYED_VALUE,
        Code.DOUBTFUL_VALUE,
        Code.ENCODED_TWICE,
        Code.INVISIBLE_CHARACTER,
    )
)
