"""Writes rows in Graph's form, one at a time (RFC 4180): the careful counterpart of ``fast.canonical``."""

import re
from collections.abc import Iterable

from ..layouts import Layout

_SPECIAL = re.compile(rb'[,"\r\n]')


def write_header(layout: Layout) -> bytes:
    """The header of rows in a layout."""
    return write_row(column.name.encode() for column in layout.columns)


def write_row(cells: Iterable[bytes]) -> bytes:
    """A row. A cell is quoted if it has a comma, a quote or a line break."""
    written = [cell if _SPECIAL.search(cell) is None else b'"%b"' % cell.replace(b'"', b'""') for cell in cells]
    return b",".join(written) + b"\r\n"
