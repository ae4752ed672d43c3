"""A slow validator that is easy to check by reading: it takes the whole file at once, character by character.

``reference_records`` splits it into rows, ``reference_cells`` has the rules for a cell, and ``reference_causes`` says
what is really wrong with a row. Faults of the encoding and of the header are covered by the tables of cases.
"""

import re
from dataclasses import dataclass, field

from tests.unit.access_data.reference_causes import CAUSES, cause_of_row
from tests.unit.access_data.reference_cells import (
    COLUMNS,
    EARLY_COLUMNS,
    EXTENDED_COLUMNS,
    OWNER_IDS,
    doubt,
    fault,
    is_blank,
    visible,
)
from tests.unit.access_data.reference_records import (
    Cell,
    blanks_beside_quotes,
    fault_of_quotes,
    records,
    with_plain_ends,
)

# Faults that have one finding for all lines.
ONCE = {*CAUSES, "blankLine", "destroyedValue"}

Place = tuple[str, int, str | None]


@dataclass
class Outcome:
    """The result: codes with their line and column."""

    rows: int = 0
    findings: list[Place] = field(default_factory=list)
    warnings: list[Place] = field(default_factory=list)


def validate(text: str) -> Outcome:  # noqa: PLR0912  # a rule each
    """Check a file of any layout with its columns in their usual order."""
    outcome = Outcome()
    seen: set[tuple[bytes, ...]] = set()
    names: list[int] = []
    owned = False
    duplicates: list[Place] = []
    without_values: list[tuple[int, bool]] = []  # the lines, and whether they are blank
    sep = re.match(r"sep=,(\r*\n|\r)", text)
    text = text[sep.end() :] if sep else text
    line = 2 if sep else 1
    text, converted = with_plain_ends(text, line)
    early = text.startswith(EARLY_COLUMNS[0])
    columns = next(each for each in (EARLY_COLUMNS, EXTENDED_COLUMNS, COLUMNS) if text.startswith(",".join(each)))
    key_columns = [0, 5] if early else [0, 2, 6] if columns == EXTENDED_COLUMNS else [0, 2]
    array_column = len(columns) - 1 if early else None
    (_, _, header_break), *rows = records(text, line, array_column)
    for cells, raw, line_break in rows:
        first = cells[0]
        if is_without_values(cells, line_break):
            without_values.append((first.line, cells == [Cell(first.line)]))
            continue
        if without_values:
            outcome.findings.append(("blankLine", without_values[0][0], None))
        without_values = []
        outcome.rows += 1
        if line_break and line_break != header_break:
            converted.append(first.line)
        wrong = faults_of_row(columns, cells, array_column)
        cause = cause_of_row(columns, cells, raw, wrong[0][0]) if wrong else None
        outcome.findings += [(cause, first.line, None)] if cause else wrong
        if cause or len(cells) != len(columns):
            continue
        for name, cell in zip(columns, cells, strict=True):
            if fault(name, cell):
                continue
            if doubt(name, cell.text, [columns[each] for each in key_columns[1:]]):
                place = (doubt(name, cell.text, [columns[each] for each in key_columns[1:]]), cell.line, name)
                if place[::2] not in [(code, column) for code, _, column in outcome.warnings]:
                    outcome.warnings.append(place)
            elif cell.text.startswith(("=", "+", "-", "@", "\t", "\r")):
                outcome.warnings.append(("formulaCell", cell.line, name))
            elif cell.array and '"' in cell.text:
                outcome.warnings.append(("unquotedOwners", cell.line, name))
        names += [first.line] if "@" in first.text else []
        owned = owned or any(not is_blank(cells[columns.index(name)].text) for name in OWNER_IDS if name in columns)
        key = tuple(visible(cells[column].text).encode().lower() for column in key_columns)
        if key in seen:
            duplicates.append(("duplicatePermission", first.line, None))
        seen.add(key)
    outcome.findings = [
        place for index, place in enumerate(outcome.findings) if not said(place, outcome.findings[:index])
    ]
    if not outcome.findings:
        outcome.warnings[:0] = file_warnings(columns, line, names, owned or not outcome.rows)
        converted += [line for line, is_blank_line in without_values if not is_blank_line]
        converted += blanks_beside_quotes(text, line, array_column)
        converted += [1] if sep else []
        if converted:
            outcome.warnings.insert(0, ("converted", min(converted), None))
        outcome.warnings += duplicates
        if not outcome.rows:
            outcome.warnings.append(("noRows", line, None))
    return outcome


def said(place: Place, before: list[Place]) -> bool:
    """Whether a fault that has one finding for all lines has it already."""
    return place[0] in ONCE and place[::2] in [each[::2] for each in before]


def is_without_values(cells: list[Cell], line_break: str) -> bool:
    if line_break and len(cells) == 1 and not cells[0].quoted and not cells[0].text.strip("\x1a\0"):
        return True
    return all(is_blank(cell.text) and not fault_of_quotes(cell) for cell in cells)


def file_warnings(columns: tuple[str, ...], line: int, names: list[int], owned: bool) -> list[Place]:
    found: list[Place] = []
    if names:
        found.append(("principalIsNotAnObjectId", names[0], columns[0]))
    if columns == EXTENDED_COLUMNS and not owned:
        found.append(("noOwners", line, None))
    return found


def faults_of_row(columns: tuple[str, ...], cells: list[Cell], array_column: int | None) -> list[Place]:
    """What the rules say of a row."""
    if len(cells) != len(columns):
        return [wrong_count(columns, cells, array_column)]
    faults = [(fault(name, cell), cell.line, name) for name, cell in zip(columns, cells, strict=True)]
    return [(code, line, name) for code, line, name in faults if code]


def wrong_count(columns: tuple[str, ...], cells: list[Cell], array_column: int | None) -> Place:
    faults = [(fault_of_quotes(cell), index) for index, cell in enumerate(cells)]
    for index in [index for code, index in faults if code == "unclosedQuote"]:
        return "unclosedQuote", cells[index].line, name_of(columns, index)
    if array_column is not None and array_column < len(cells) and cells[array_column].array:
        name = columns[array_column]
        wrong = fault(name, cells[array_column])
        if wrong:
            return wrong, cells[array_column].line, name
    if len(cells) < len(columns):
        return "tooFewFields", cells[0].line, columns[len(cells)]
    stray = [index for code, index in faults if code == "strayQuote"]
    return "tooManyFields", cells[0].line, name_of(columns, stray[0]) if stray else None


def name_of(columns: tuple[str, ...], index: int) -> str | None:
    return columns[index] if index < len(columns) else None
