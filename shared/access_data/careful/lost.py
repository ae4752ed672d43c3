"""Cells with what is left of a value: shortened numbers, errors of spreadsheets, words for no value, names of types.

Lists are here, too: they have several values, each of which needs a row of its own.

Programs write these where they should write a value, or nothing. No one means them as the id of a permission.
"""

import re

# Excel and LibreOffice show 123456789012 as 1.23457E+11, and R shows 100000 as 1e+05: other digits are lost.
_SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]\d{2,3}", re.IGNORECASE)

# Excel, also in German, French and Spanish, and LibreOffice.
_ERROR = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|NV|WERT!|BEZUG!|ZAHL!|N/D|VALEUR!|NOM\?|NOMBRE!"
    r"|¡VALOR!|¡REF!|¡NUM!|¿NOMBRE\?|#{2,})|Err:\d{3}"
)

# SQL Server, MySQL, DBeaver and others; pandas.
_NO_VALUE = re.compile(r"NULL|\\N|\(null\)|<null>|\[null\]|NaN", re.IGNORECASE)

# Words that may also mean something: NA is a missing value of R, and North America.
_PERHAPS_NO_VALUE = re.compile(r"N/?A|None|nil|undefined", re.IGNORECASE)

# What PowerShell's Export-Csv writes for a list or an object, and JavaScript.
_TYPE = re.compile(r"System\.(?:[\w.]+\[\]|Collections\..+)|Microsoft(?:\.[A-Z]\w+){2,}|\[object \w+\]")

# What pandas writes for a column of lists. It is complete, so it may also be meant.
_LIST = re.compile(r"\['.*'\]", re.DOTALL)

# The longest cell that may be one of these, by its first byte; such a cell must be checked with ``is_lost``.
ANY_LENGTH = 0xFF
LONGEST = bytearray(256)
for _first, _longest in (
    (b"+-", 14),
    (b"\\", 2),
    (b"Nn", 4),
    (b"(<", 15),
    (b"#", 12),
    (b"Uu", 9),
    (b"E", 7),
    (b"0123456789", 14),
):
    for _byte in _first:
        LONGEST[_byte] = _longest
LONGEST[ord("S")] = LONGEST[ord("M")] = LONGEST[ord("[")] = ANY_LENGTH


def _may_be_lost(text: str) -> bool:
    first = ord(text[0]) if text else 0
    return first < len(LONGEST) and (len(text) <= LONGEST[first] or LONGEST[first] == ANY_LENGTH)


def lost(text: str) -> str | None:
    """What a cell is instead of a value; ``None`` if it is a value."""
    if not _may_be_lost(text):
        return None
    if is_no_value(text):
        return "is a word for no value, as databases write it"
    if _SHORTENED.fullmatch(text):
        return "is a number in scientific notation, as spreadsheets shorten long ones"
    if _ERROR.fullmatch(text):
        return "is an error of a spreadsheet"
    if _TYPE.fullmatch(text):
        return "is the name of a type, which a program wrote in place of a list or an object"
    return None


def is_no_value(text: str) -> bool:
    """Whether a cell is a word for no value, and nothing else."""
    return bool(_NO_VALUE.fullmatch(text))


def perhaps_lost(text: str) -> str | None:
    """What a cell may be instead of a value, or else what is meant; ``None`` if it is a value."""
    if not _may_be_lost(text):
        return None
    if _PERHAPS_NO_VALUE.fullmatch(text):
        return "may be a word for no value"
    return "may be a list, as Python writes one" if _LIST.fullmatch(text) else None


def is_lost(text: str) -> bool:
    """Whether a cell is, or may be, something else than a value."""
    return lost(text) is not None or perhaps_lost(text) is not None
