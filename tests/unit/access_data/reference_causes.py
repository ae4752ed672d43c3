"""What is really wrong with a row that the rules refuse, slowly and plainly."""

from collections.abc import Sequence

from tests.unit.access_data.reference_cells import is_blank, is_principal, visible
from tests.unit.access_data.reference_records import Cell, fault_of_quotes, record

CAUSES = (
    *("utf16Below", "repeatedHeader", "mergeConflict", "reportLine", "valueInFormula", "rowInQuotes"),
    *("separatorChanges", "otherLineEnds", "rowNumber", "surplusCells"),
)

BEFORE_FOOTERS = ("total", "completion time", "elapsed", "generated", "exported", "end of report", "query ok")


def cause_of_row(columns: Sequence[str], cells: Sequence[Cell], raw: str, code: str) -> str | None:  # noqa: PLR0911
    """The first cause that fits, in the order of ``CAUSES``; ``None`` if none does.

    Args:
        columns: the names of the header.
        cells: those of the row.
        raw: the row as it is written.
        code: what the rules say first.
    """
    texts = [cell.text for cell in cells]
    surplus = texts[len(columns) :]
    if raw.encode().count(b"\0") * 3 > len(raw.encode()):
        return "utf16Below"
    if [visible(text).casefold() for text in texts] == [name.casefold() for name in columns]:
        return "repeatedHeader"
    if raw.startswith(("<<<<<<< ", "=======", ">>>>>>> ")):
        return "mergeConflict"
    if is_dashes(raw) or (len(cells) == 1 and is_footer(raw)):
        return "reportLine"
    if any(text.startswith('="') for text in texts):
        return "valueInFormula"
    if len(cells) == 1 and cells[0].quoted and not fault_of_quotes(cells[0]) and has_cells(texts[0], ",", columns):
        return "rowInQuotes"
    if len(cells) < len(columns) and any(has_cells(raw, separator, columns) for separator in ";\t|"):
        return "separatorChanges"
    if sum(part.count(",") >= len(columns) - 1 for part in raw.split("\r")) > 1:
        return "otherLineEnds"
    if len(surplus) == 1 and is_number(texts[0]) and is_principal(texts[1]):
        return "rowNumber"
    if surplus and code == "tooManyFields" and all(map(is_blank, surplus)):
        return None if "strayQuote" in map(fault_of_quotes, cells) else "surplusCells"
    return None


def has_cells(text: str, separator: str, columns: Sequence[str]) -> bool:
    """Whether a text has a cell for each column, if they are separated so."""
    return len(record(text, 0, 1, None, separator)[0]) == len(columns)


def is_dashes(raw: str) -> bool:
    return set(raw) <= set('-=_+| ,;\t"') and any(dashes in raw for dashes in ("--", "==", "__"))


def is_footer(raw: str) -> bool:
    text = raw.strip().casefold()
    if any(text.startswith(each) and not text[len(each) :][:1].isalnum() for each in BEFORE_FOOTERS):
        return True
    number, _, words = text.removeprefix("(").removesuffix(")").removesuffix(".").partition(" ")
    rows, _, done = words.partition(" ")
    is_done = not done or (done[:8] in ("affected", "selected") and not done[8:9].isalnum())
    return is_number(number) and rows in ("row", "rows", "zeilen") and is_done


def is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
