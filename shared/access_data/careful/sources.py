"""Where the columns of a layout have their cells from."""

from collections.abc import Sequence
from typing import NamedTuple

from ..layouts import Column


class Source(NamedTuple):
    """Where one column has its cells from.

    Attributes:
        column: the column of the layout.
        name: what findings call it: the name of the file's column.
        file_index: the index of the file's column; ``None`` if all rows have a constant.
        constant: what they have then, in UTF-8.
    """

    column: Column
    name: str
    file_index: int | None
    constant: bytes = b""


def own_sources(header: Sequence[Column]) -> tuple[Source, ...]:
    """The sources of a file that has the columns of a layout, in any order: its own columns, in their order."""
    return tuple(Source(column, column.name, index) for index, column in enumerate(header))
