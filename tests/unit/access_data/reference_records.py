"""Reads the records of a CSV file slowly and plainly: the whole file at once, character by character."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Cell:
    line: int
    text: str = ""
    quoted: bool = False
    closed: bool = False
    stray: bool = False
    array: bool = False


def records(text: str, line: int, array_column: int | None) -> Iterator[tuple[list[Cell], str, str]]:
    """All records with their text and their line ends. A line break at the end of the file ends the last record."""
    start = 0
    while start < len(text):
        text = text[:start] + without_blanks(text[start:])
        cells, end = record(text, start, line, array_column)
        line += text.count("\n", start, end)
        ends_line = text[end - 1] == "\n"
        if ends_line or cells != [Cell(cells[0].line)]:
            line_end = ("\r\n" if text[end - 2 : end] == "\r\n" else "\n") if ends_line else ""
            yield cells, text[start:end].rstrip("\r\n"), line_end
        start = end


def record(text: str, start: int, line: int, array_column: int | None, separator: str = ",") -> tuple[list[Cell], int]:
    """The record at ``start``, and where it ends."""
    cells = [Cell(line)]
    array_end = 0
    for index in range(start, len(text)):
        letter = text[index]
        cell = cells[-1]
        inside = cell.quoted and not cell.closed
        if letter == "[" and len(cells) - 1 == array_column and not cell.text and not cell.quoted and not cell.array:
            cell.array = True
            array_end = end_of_array(text, index)
        if index < array_end:
            cell.text += letter
        elif inside and letter == '"':
            # A doubled quote means one quote: the second of the two opens the cell again.
            cell.closed = True
        elif inside:
            cell.text += letter
            line += letter == "\n"
        elif cell.quoted and letter == '"' and text[index - 1] == '"' and not cell.stray:
            cell.text += letter
            cell.closed = False
        elif letter == '"' and not cell.text and not cell.quoted:
            cell.quoted = True
        elif letter == separator:
            cells.append(Cell(line))
        elif letter == "\n":
            return cells, index + 1
        elif letter == "\r" and text[index + 1 : index + 2] in ("\n", ""):
            pass
        else:
            cell.stray = cell.stray or cell.quoted or (letter == '"' and not cell.array)
            cell.text += letter
    return cells, len(text)


def without_blanks(text: str) -> str:
    """The text without the blanks beside quotes in its first record, if every quote there opens or closes a cell."""
    plain = ""
    index = 0
    while True:
        begin = index
        while text[index : index + 1] in (" ", "\t"):
            index += 1
        if text[index : index + 1] == '"':
            close = index + 1
            while text[close : close + 1] != '"' or text[close : close + 2] == '""':
                if close >= len(text):
                    return text
                close += 2 if text[close : close + 2] == '""' else 1
            plain += text[index : close + 1]
            index = close + 1
            while text[index : index + 1] in (" ", "\t"):
                index += 1
            if text[index : index + 1] not in ("", ",", "\n") and text[index : index + 2] not in ("\r\n", "\r"):
                return text
            begin = index
        while text[index : index + 1] not in ("", ",", "\n", '"'):
            index += 1
        plain += text[begin:index]
        if text[index : index + 1] == '"':
            return text
        if text[index : index + 1] != ",":
            return plain + text[index:]
        plain += ","
        index += 1


def end_of_array(text: str, start: int) -> int:
    """Where the JSON array that begins at ``start`` ends: after the first bracket outside strings, or with the line."""
    in_string = escaped = False
    for index in range(start, len(text)):
        letter = text[index]
        if letter == "\n":
            break
        if escaped:
            escaped = False
        elif in_string:
            escaped = letter == "\\"
            in_string = letter != '"'
        elif letter == '"':
            in_string = True
        elif letter == "]":
            return index + 1
    # Not closed: up to the end of the line, without its line break.
    line = text[start:].split("\n", maxsplit=1)[0]
    return start + len(line.removesuffix("\r"))


def with_plain_ends(text: str, line: int) -> tuple[str, list[int]]:
    """The text with plain line ends and without end-of-file characters; and the lines where it was changed."""
    converted = []
    header_end = min(place for place in (text.find("\r"), text.find("\n"), len(text)) if place >= 0)
    if re.match(r"\r(?!\r*\n)", text[header_end:]):
        converted.append(line)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = text.rstrip("\x1a\0")
    if plain != text:
        converted.append(line + plain.count("\n"))
    text = re.sub("\r\r+\n", "\r\n", plain)
    if text != plain:
        converted.append(line + plain[: plain.index("\r\r\n")].count("\n"))
    return text, converted


def blanks_beside_quotes(text: str, line: int, array_column: int | None) -> list[int]:
    """The lines of the records with blanks beside quotes."""
    found = []
    while text:
        if without_blanks(text) != text:
            found.append(line)
            text = without_blanks(text)
        _, end = record(text, 0, line, array_column)
        line += text.count("\n", 0, end)
        text = text[end:]
    return found


def fault_of_quotes(cell: Cell) -> str | None:
    if cell.quoted and not cell.closed:
        return "unclosedQuote"
    if cell.stray:
        # The quote that closes a cell some lines below belongs to another row.
        return "unclosedQuote" if cell.quoted and "\n" in cell.text else "strayQuote"
    return None
