"""The step ``separate``: by which character the cells of a file are separated."""

from collections.abc import Collection
from typing import NamedTuple

from ..careful.header import letters
from ..careful.records import SEPARATORS, CsvRecord, read_record

COMMA = b","


class SeparatedHeader(NamedTuple):
    """The header of a file, and the separator of its cells."""

    record: CsvRecord
    separator: bytes


def separate_header(
    data: bytes, start: int, known: Collection[str], *, final: bool, only: bytes | None
) -> SeparatedHeader | None:
    """Find the separator by which the header has the most known names; a comma, if none is better.

    If no name is known, it is the separator by which there are the most names.

    Args:
        data: the bytes received so far.
        start: where the header begins.
        known: the names that columns can have, as ``letters`` makes them comparable.
        final: whether the file ends with ``data``.
        only: the separator, if it is known.

    Returns:
        ``None`` if the end of the header has not been received yet.
    """
    best: SeparatedHeader | None = None
    most = (-1, 0)
    for separator in SEPARATORS if only is None else (only,):
        record = read_record(data, start, final=final, separator=separator)
        if record is None and best is None:
            return None
        if record is None:
            continue
        names = {letters(cell.value.decode(errors="replace")[:100]) for cell in record.cells if not cell.fault}
        known_ones = len(names & set(known))
        found = (known_ones, 0 if known_ones else len(record.cells))
        if found > most:
            best, most = SeparatedHeader(record, separator), found
    return best
