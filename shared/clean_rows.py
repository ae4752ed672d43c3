"""The quick reader: one regular expression that a row matches only if nothing at all has to be said about it.

It is the layout's rules over again, in the form that a regular expression engine runs through at several hundred
megabytes a second. What it does not match goes to the careful reader, one record at a time, so that it may be strict
beyond the rules (a cell that begins with a space, say) but never laxer: a property-based test holds the two together.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.csv_layouts import Column, Content, Layout
from shared.principals import PLAIN_PRINCIPAL

# The longest cell in bytes; one of fewer bytes has fewer characters, too.
MAX_CLEAN_CELL = 32 * 1024 - 1

# How a cell may begin: not with what a spreadsheet takes for a formula, and not with what may be blank.
_FIRST = rb'[^",\r\n\x00=+\-@\t ]'
_PLAIN = _FIRST + rb'[^",\r\n\x00]{0,%d}+' % MAX_CLEAN_CELL
# No quote within: the careful reader knows what to make of a doubled one.
_QUOTED = rb'"[^"\r\n\x00=+\-@\t ][^"\r\x00]{0,%d}+"' % MAX_CLEAN_CELL
_OWNER = rb'""[^"\\\r\n\x00]*+""'
_OWNERS = rb'"\[(?:%s(?:, ?%s)*+)?\]"' % (_OWNER, _OWNER)

# Any cell of a row that is known to be clean.
_ANY = rb'(?:[^",\n]*+|"(?:[^"]++|"")*+")'


@dataclass(frozen=True, slots=True)
class CleanRows:
    """What the quick reader makes of a header: the rows that are clean, and what identifies each of them."""

    rows: re.Pattern[bytes]
    """Matches as many clean rows as follow each other."""
    keys: re.Pattern[bytes]
    """Finds, in clean rows, each row's principal and permission."""

    @classmethod
    def of(cls, layout: Layout, header: Sequence[Column], principal_types: Collection[str]) -> "CleanRows":
        """Compile the expressions for a header: the columns in the order of the file."""
        types = "|".join(sorted(map(re.escape, principal_types), key=len, reverse=True)).encode()
        cells = []
        keys = []
        for column in header:
            is_key = column.name in (layout.principal, layout.permission)
            cells.append(_clean_cell(column, types, is_key=is_key))
            # A quoted key has neither quotes nor line breaks in it (below), so that its quotes can be left out here.
            keys.append(rb'"?([^",\r\n]*+)"?' if is_key else _ANY)
        return cls(
            rows=re.compile(rb"(?:" + b",".join(cells) + rb"\r?\n)*+"),
            keys=re.compile(b",".join(keys) + rb"\r?\n"),
        )


def _clean_cell(column: Column, types: bytes, *, is_key: bool) -> bytes:
    if column.content is Content.PRINCIPAL:
        cell = PLAIN_PRINCIPAL.encode()
        return rb'(?:%s|"%s")' % (cell, cell)
    if column.content is Content.PRINCIPAL_TYPE:
        return rb'(?i:%s|"(?:%s)")' % (types, types)
    if column.content is Content.OWNERS:
        return rb"(?:%s)?" % _OWNERS
    if is_key:
        return rb'(?:%s|"%s")' % (_PLAIN, _PLAIN)
    return rb"(?:%s|%s)%s" % (_PLAIN, _QUOTED, b"" if column.required else b"?+")
