"""The quick reader: one regular expression that a row matches only if nothing at all has to be said about it.

It is the layout's rules over again, in the form that a regular expression engine runs through quickly. What it does
not match goes to the careful reader, one record at a time, so that it may be stricter than the rules (no cell begins
with a space, say) but never laxer: a property-based test holds the two together.
"""

import re
from collections.abc import Collection, Sequence

from shared.csv_layouts import Column, Content, Layout
from shared.principals import PLAIN_PRINCIPAL

# The longest cell in bytes; one of fewer bytes has fewer characters, too.
_MAX_CLEAN_CELL = 32 * 1024 - 1

# How a cell may begin: not with what a spreadsheet takes for a formula, and not with what may be blank.
_FIRST = rb'[^",\r\n\x00=+\-@\t ]'
_PLAIN = _FIRST + rb'[^",\r\n\x00]{0,%d}+' % _MAX_CLEAN_CELL
# Neither quotes nor line breaks within: those are left to the careful reader.
_QUOTED = rb'"%s[^"\r\n\x00]{0,%d}+"' % (_FIRST.replace(b",", b""), _MAX_CLEAN_CELL)
_OWNER = rb'""[^"\\\r\n\x00]*+""'
_OWNERS = rb'"\[(?:%s(?:, ?%s)*+)?\]"' % (_OWNER, _OWNER)


def clean_row(
    layout: Layout, header: Sequence[Column], principal_types: Collection[str], *, quoted_keys: bool
) -> re.Pattern[bytes]:
    """The expression for one clean row and its line break, in lower case.

    Its two groups are the principal and the permission, without quotes.

    Args:
        layout: the file's.
        header: its columns, in the order of the file.
        principal_types: the allowed values of ``principalType``.
        quoted_keys: whether principal and permission stand in quotes, as some programs write every cell, or do not.
    """
    types = "|".join(sorted((re.escape(name.lower()) for name in principal_types), key=len, reverse=True)).encode()
    key = rb'"(%s)"' if quoted_keys else rb"(%s)"
    cells = []
    for column in header:
        if column.content is Content.PRINCIPAL:
            cells.append(key % PLAIN_PRINCIPAL.encode())
        elif column.name == layout.permission:
            cells.append(key % _PLAIN)
        elif column.content is Content.PRINCIPAL_TYPE:
            cells.append(rb'(?:%s|"(?:%s)")' % (types, types))
        elif column.content is Content.OWNERS:
            cells.append(rb"(?:%s)?" % _OWNERS)
        else:
            cells.append(rb"(?:%s|%s)%s" % (_PLAIN, _QUOTED, b"" if column.required else b"?+"))
    return re.compile(rb"^" + b",".join(cells) + rb"\r?\n", re.MULTILINE)
