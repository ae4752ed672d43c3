"""The step ``decode``: the text of a file as UTF-8. Nothing is guessed: a byte order mark tells, or a declaration."""

import codecs

from ..careful.encodings import INVALID

_MARKS = ((codecs.BOM_UTF8, None), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LONGEST_MARK = len(codecs.BOM_UTF8)

# EBCDIC ends lines with NEL, which Python keeps as a control character of Unicode.
_NEL = "\x85"

_MARKER = INVALID.decode(errors="surrogatepass")


def _mark_invalid(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no text become something that is not UTF-8, so that the validator finds it, line and column."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARKER, error.end


_INVALID_MARKED = "access-data-invalid-marked"
codecs.register_error(_INVALID_MARKED, _mark_invalid)


class Decoder:
    """Decodes one file as it arrives. Lines stay the lines that they are.

    ``encoding`` is what the file is decoded from; ``None`` for UTF-8, or as long as it is not known.
    ``by_mark``: whether a byte order mark told. ``changed``: whether the text is other bytes in UTF-8, so far.
    """

    def __init__(self, declared: str | None) -> None:
        """Decode a file that has the declared encoding if it has no mark; UTF-8 if ``None``."""
        self._declared = None if declared is None or codecs.lookup(declared).name == "utf-8" else declared
        self._beginning: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._ends_with_nel = False
        self.encoding: str | None = None
        self.by_mark = False
        self.changed = False

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """The next bytes of the file, as UTF-8."""
        if self._beginning is not None:
            data = self._beginning + data
            if len(data) < _LONGEST_MARK and not final:
                self._beginning = data
                return b""
            self._beginning = None
            self._begin(data)
        if self._decoder is None:
            return data
        text = self._decoder.decode(data, final)
        if self._ends_with_nel:
            text = text.replace(_NEL, "\n")
        decoded = text.encode(errors="surrogatepass")
        self.changed = self.changed or decoded != data
        return decoded

    def _begin(self, data: bytes) -> None:
        mark = next((mark for mark in _MARKS if data.startswith(mark[0])), None)
        self.by_mark = mark is not None and mark[1] is not None
        self.encoding = self._declared if mark is None else mark[1]
        if self.encoding is not None:
            self._decoder = codecs.getincrementaldecoder(self.encoding)(_INVALID_MARKED)
            self._ends_with_nel = "\n".encode(self.encoding) == b"\x25"
