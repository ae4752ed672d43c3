"""Blanks beside a quoted cell, as in ``"Ana", "Main door"``. RFC 4180 has none there; many programs pass over them."""

import re
from collections.abc import Generator
from typing import NamedTuple

from ..careful.records import MAX_RECORD_BYTES, SEPARATORS

# A record in which every quote opens or closes a cell, but for blanks beside it, or is doubled.
_CELL = rb'(?:[ \t]*"(?:[^"]++|"")*+"[ \t]*|[^",\n]*+)'
_RECORD = rb"%b(?:,%b)*" % (_CELL, _CELL)

# What may be the beginning of such a record.
_OPEN = rb'(?:%b,)*(?:[ \t]*"(?:[^"]++|"")*+(?:"[ \t]*\r?)?|[^",\n]*+)\Z' % _CELL


class _Patterns(NamedTuple):
    """How blanks are found in files whose cells are separated by one character."""

    blanks: bytes
    whole: re.Pattern[bytes]
    last: re.Pattern[bytes]
    whole_records: re.Pattern[bytes]
    open: re.Pattern[bytes]

    @classmethod
    def of(cls, separator: bytes) -> "_Patterns":
        """The patterns for a separator; a tab that separates is no blank."""
        blanks = b" " if separator == b"\t" else b" \t"

        def separated(pattern: bytes) -> re.Pattern[bytes]:
            return re.compile(pattern.replace(rb"[ \t]", b"[%b]" % blanks).replace(b",", re.escape(separator)))

        return cls(
            blanks,
            separated(rb"%b\r?\n" % _RECORD),
            separated(rb"%b\r?(?:\n|\Z)" % _RECORD),
            separated(rb"(?:%b\r?\n){1,100}" % _RECORD),  # re remembers each of them
            separated(_OPEN),
        )

    def plain(self, records: bytes) -> bytes:
        """Records without the blanks beside their quotes."""
        # What is within quotes and what is not take turns; between two doubled quotes there is nothing.
        parts = records.split(b'"')
        first, last = parts[0].rstrip(self.blanks), parts[-1].lstrip(self.blanks)
        parts[::2] = [part.strip(self.blanks) for part in parts[::2]]
        parts[0], parts[-1] = first, last
        return b'"'.join(parts)


_PATTERNS = {separator: _Patterns.of(separator) for separator in SEPARATORS}


def without_blanks(
    data: bytes, start: int, separator: bytes, *, final: bool
) -> Generator[None, None, tuple[bytes, int]]:
    """Remove the blanks beside quotes from a record that has such, and from whole records that follow it, in steps.

    Args:
        data: the bytes received so far.
        start: where the record begins.
        separator: the character between two cells.
        final: whether the file ends with ``data``.

    Returns:
        The data, the same object if nothing was removed; and up to where it needs no further look, -1 if the bytes
        that follow decide whether the record has such blanks.
    """
    line_end = data.find(b"\n", start) + 1 or len(data)
    if data.find(b'"', start, line_end) < 0:
        return data, line_end
    patterns = _PATTERNS[separator]
    record = (patterns.last if final else patterns.whole).match(data, start)
    if record is None:
        is_open = not final and len(data) - start <= MAX_RECORD_BYTES and patterns.open.match(data, start)
        return data, -1 if is_open else line_end
    plain = patterns.plain(record[0])
    if len(plain) == len(record[0]):
        return data, record.end()
    # Hardly any file has a single row like this: all that follow are done at once.
    parts = [data[:start], plain]
    end = record.end()
    while records := patterns.whole_records.match(data, end):
        parts.append(patterns.plain(records[0]))
        end = records.end()
        yield
    looked = sum(map(len, parts))
    return b"".join((*parts, data[end:])), looked
