"""A plain way from a file to its rows, to compare with: the whole file at once, ``csv`` and a dictionary."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.access_data.steps.declaration import Declaration
from tests.unit.access_data.reference_cells import COLUMNS, EXTENDED_COLUMNS, OWNER_IDS, visible

REQUIRED = COLUMNS[:4]
IDS = ("permissionId", "ScopeId")

Place = tuple[str, str]


@dataclass
class Plain:
    """What comes out: the rows, the findings and warnings with their places, and the counts."""

    rows: bytes = b""
    findings: list[Place] = field(default_factory=list)
    warnings: list[Place] = field(default_factory=list)
    matched: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    kept: int = 0


def plain_rows(
    text: str, separator: str, declaration: Declaration, users: Mapping[str, str | None] | None, first_line: int = 1
) -> Plain:
    """Make the rows of a text whose header is right.

    Args:
        text: the file, without a line that names its separator.
        separator: what separates its cells.
        declaration: what is declared.
        users: the object ids of accounts, ``None`` for one that is not a person; without it nothing is matched.
        first_line: the line of the header.
    """
    plain = Plain()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names = next(reader)
    line = first_line + reader.line_num
    sources = _sources(names, declaration)
    layout = EXTENDED_COLUMNS if any(name in sources for name in EXTENDED_COLUMNS[6:]) else COLUMNS
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(layout)
    seen: set[tuple[bytes, ...]] = set()
    repeated: list[Place] = []
    invisible: dict[str, Place] = {}  # the first place in each column
    for cells in reader:
        begins, line = line, first_line + reader.line_num
        if len(cells) != len(names):
            plain.kept += 1
            few = len(cells) < len(names)
            short = len(cells)
            column = f", {names[short].strip()}" if short < len(names) else ""
            plain.findings.append(("tooFewFields" if few else "tooManyFields", f"line {begins}{column}"))
            continue
        row = {name: constant if index is None else cells[index] for name, (index, constant) in sources.items()}
        account = row["principalId"]
        if users is not None and account and account in users:
            user = users[account]
            if user is None:
                plain.left_out += 1
                continue
            row["principalId"] = user
            plain.matched["mail"] += 1
        plain.kept += 1
        unknown = users is not None and account and account not in users
        for name in sorted(sources, key=lambda each: -1 if sources[each][0] is None else sources[each][0]):  # type: ignore[arg-type, return-value]
            index = sources[name][0]
            if index is None:
                continue
            target = f"line {begins + sum(cell.count(chr(10)) for cell in cells[:index])}, {names[index].strip()}"
            code = "unknownPrincipal" if name == "principalId" and unknown else _fault(name, row[name])
            if code is not None:
                plain.findings.append((code, target))
            elif name in IDS and visible(row[name]) != row[name]:
                invisible.setdefault(names[index].strip(), ("invisibleCharacter", target))
            elif row[name].startswith(("=", "+", "-", "@", "\t", "\r")):
                plain.warnings.append(("formulaCell", target))
        key = tuple(
            visible(row[name]).encode().lower()
            for name in ("principalId", *IDS)
            if name in sources and sources[name][0] is not None
        )
        if key in seen:
            repeated.append(("duplicatePermission", f"line {begins}"))
        seen.add(key)
        writer.writerow([row.get(name, "") for name in layout])
    plain.rows = out.getvalue().encode()
    plain.warnings += [*invisible.values(), *repeated]
    return plain


def _sources(names: Sequence[str], declaration: Declaration) -> dict[str, tuple[int | None, str]]:
    """For each of Graph's columns that has a source, the index of the file's column, or a constant."""
    places = {name.strip().lower(): index for index, name in reversed(list(enumerate(names)))}
    sources: dict[str, tuple[int | None, str]] = {}
    rules = declaration.principals
    for name in EXTENDED_COLUMNS:
        source = declaration.columns.get(name, name)
        if rules is not None and rules.account_in == name:
            source = declaration.columns.get("principalId", "principalId")
        if name in declaration.constants:
            sources[name] = (None, declaration.constants[name])
        elif source.strip().lower() in places:
            sources[name] = (places[source.strip().lower()], "")
    return sources


def _fault(name: str, text: str) -> str | None:
    if not text:
        return "missingValue" if name in REQUIRED else None
    if name == "principalId" and not _is_guid(text) and "@contoso.com" not in text:
        return "invalidPrincipalId"
    if name == "principalType" and text.lower() not in ("user", "entraiduser"):
        return "unknownPrincipalType"
    if name in OWNER_IDS and not all(_is_guid(each.strip()) for each in text.split(",")):
        return "invalidOwnerIds"
    return None


def _is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
