"""Says why a form cannot be read: its line ends, its boundary, a header, or its end.

The parser only knows that it cannot go on. These functions look at the bytes again, and name the cause. Forms that are
made by hand, in scripts and templates, have the same few.
"""

import re

from shared.access_data.findings import shown

MAX_PART_HEADERS = 8
"""A file part has two or three headers, one of which has the name."""

MAX_PART_HEADER_BYTES = 4096

_BY_A_CLIENT = (
    "Let the client make the form: in PowerShell -Form @{file = Get-Item ./access.csv}, with curl -F file=@access.csv."
)
_CUT_OFF = "it was cut off. Send it again."


_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1


def fault_of_content_type(media_type: bytes, boundary: bytes | None, max_boundary: int) -> str:
    """What is wrong with the header ``Content-Type`` of a request that must be a form."""
    if media_type != b"multipart/form-data":
        sent = f", not '{_shown(media_type)}'" if media_type else ""
        return (
            f"Send the file as a form: the header 'Content-Type: multipart/form-data; boundary=...'{sent}, and one "
            f"part named 'file' with a filename. {_BY_A_CLIENT}"
        )
    if boundary is None:
        return (
            "The header Content-Type has no boundary. The client that makes the form writes this header: remove the "
            "one that you add."
        )
    return (
        "The boundary in the header Content-Type cannot be used. It must be there once, as boundary=..., and have 1 to "
        f"{max_boundary} characters (RFC 2046, section 5.1.1)."
    )


def fault_of_beginning(beginning: bytes, boundary: bytes, *, at_end: bool) -> str | None:
    """What is wrong with a body up to the empty line after the headers of its first part; ``None`` if nothing is.

    Args:
        beginning: the body's first bytes without line breaks before them; up to the empty line, if that has come.
        boundary: the boundary in the header ``Content-Type``.
        at_end: whether the body ends so. If not, and there is no empty line, it has too many bytes before it.
    """
    delimiter = b"--" + boundary
    if not beginning.startswith(delimiter):
        return _other_beginning(beginning, boundary)
    rest = beginning[len(delimiter) :]
    if rest.startswith(b"--"):
        return "The form has no part. It must have one part named 'file'."
    padding, line_break, headers = rest.partition(b"\r\n")
    if (ends := _line_ends(padding)) is not None:
        return _wrong_line_ends(ends)
    if padding.strip():
        return _other_boundary(beginning, boundary)
    if not line_break:
        return f"The body ends after its first boundary: {_CUT_OFF}"
    block, empty_line, _ = (line_break + headers).partition(b"\r\n\r\n")
    lines = unfolded(block[2:]).split(b"\r\n") if block else []
    faults = filter(None, map(_fault_of_header, lines))
    return next(faults, None) or _fault_of_headers(len(lines), ended=bool(empty_line), at_end=at_end)


def unfolded(headers: bytes) -> bytes:
    """Header lines, in which each that continues the line before it (RFC 5322, section 2.2.3) is part of that."""
    return re.sub(rb"\r\n[ \t]+", b" ", headers)


def fault_of_end(tail: bytes, boundary: bytes) -> str:
    """Why a form has not ended where its body does; ``tail`` is the end of the body."""
    last = f"'--{_shown(boundary)}--'"
    end = tail.rstrip(b"\r\n\t ")
    if end.endswith(b"--" + boundary + b"--"):
        return (
            f"Before the closing boundary {last} there must be a line break of CRLF (RFC 2046, section 5.1.1), and "
            "there is something else. In a script, write \\r\\n (in PowerShell `r`n) before each boundary."
        )
    if end.endswith(b"\n--" + boundary):
        return f"The body ends with a boundary that does not close the form. The last one must be {last}."
    line = end[end.rfind(b"\n") + 1 :]
    if line.startswith(b"--") and line.endswith(b"--") and len(line) > len(b"----"):
        return (
            f"The body ends with '{_shown(line)}', and by the header Content-Type it must end with {last}. Use one "
            "boundary in both."
        )
    return f"The body ends before its closing boundary {last}: {_CUT_OFF}"


def _other_beginning(beginning: bytes, boundary: bytes) -> str:
    if not beginning:
        return f"The body is empty. {_BY_A_CLIENT}"
    if beginning.startswith(b"--"):
        return _other_boundary(beginning, boundary)
    if beginning.startswith(boundary):
        return f"The body begins with its boundary. Two dashes must be before it: '--{_shown(boundary)}'."
    if beginning.startswith(_GZIP):
        return "The body is compressed with gzip once more than the header Content-Encoding says. Compress it once."
    if b"\0" in beginning[:8]:
        return f"The body is UTF-16 text. {_BY_A_CLIENT}"
    return f"The body is not a form: it begins with '{_shown(beginning)}'. {_BY_A_CLIENT}"


def _other_boundary(beginning: bytes, boundary: bytes) -> str:
    return (
        f"The body begins with '{_shown(beginning)}', and by the header Content-Type it must begin with "
        f"'--{_shown(boundary)}'. Use one boundary in both."
    )


def _wrong_line_ends(ends: str) -> str:
    return (
        f"The lines of the form end with {ends}. Those of boundaries and headers must end with CRLF (RFC 2046, section "
        f"4.1.1): in a script, write \\r\\n (in PowerShell `r`n). {_BY_A_CLIENT}"
    )


def _fault_of_header(line: bytes) -> str | None:
    name, colon, _ = line.split(b"\n")[0].partition(b":")
    if not colon or not re.fullmatch(rb"[!-~]+", name):
        return (
            f"The line '{_shown(line)}' after the boundary is not a header: it has no name and colon. An empty line "
            "must be between the headers of the part and the file."
        )
    if (ends := _line_ends(line)) is not None:
        return _wrong_line_ends(ends)
    if len(line) > MAX_PART_HEADER_BYTES:
        return f"The header '{_shown(line)}' of the part has more than {MAX_PART_HEADER_BYTES} bytes."
    return None


def _fault_of_headers(number: int, *, ended: bool, at_end: bool) -> str | None:
    """What is wrong with all header lines together, of which each is good."""
    if number > MAX_PART_HEADERS:
        return f"The part has more than {MAX_PART_HEADERS} headers, or no empty line between them and the file."
    if ended:
        return None
    reason = "The body ends within the headers of its part: it was cut off" if at_end else "The headers do not end"
    return f"{reason}, or the empty line between the headers and the file is missing."


def _line_ends(text: bytes) -> str | None:
    """What ends lines within a text that should be one line; ``None`` if it is one."""
    if b"\n" in text:
        return "LF"
    # One at the end may be half of a line break.
    return "CR" if b"\r" in text.removesuffix(b"\r") else None


def _shown(data: bytes) -> str:
    """The first line of something in the body, as messages show it."""
    return shown(data.split(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace"))
