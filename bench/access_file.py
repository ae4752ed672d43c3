"""The file that is uploaded: rows of Graph's layout, the same bytes in every run.

Access data as a system would export it, sorted by principal: 20 permissions each, out of 500. One permission in 50 has
a description with a comma in it, so that its cell is quoted, and some names are not ASCII. No pair of principal and
permission occurs twice. A row has 147 bytes on average.
"""

import csv
import io
import mmap
import random
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

HEADER = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\r\n"

_PERMISSIONS = 500
_PERMISSIONS_OF_EACH = 20
_WORDS = ("Reader", "Contributor", "Owner", "Approver", "Auditor", "Operator", "Publisher", "Planner")
_PLACES = ("Warehouse", "Payroll", "Archive", "Research", "Lager Köln", "Reception", "Data center", "Front door")
_GIVEN_NAMES = ("ana", "ben", "carla", "dimitri", "eva", "felix", "greta", "hannah", "ines", "maximilian", "jo")
_FAMILY_NAMES = ("fischer", "weber", "o'neil", "koch", "zimmermann", "schmidt-wolf", "braun")
_DOMAINS = ("contoso.com", "fabrikam.onmicrosoft.com", "sales.contoso.co.uk")
_TYPES = ("Application", "Physical", "Role", "Group")


@dataclass(frozen=True, slots=True)
class Slice:
    """Whole rows of the file: ``offset`` and ``length`` in bytes."""

    offset: int
    length: int

    @property
    def size(self) -> int:
        """The bytes of a CSV file of these rows, header included."""
        return len(HEADER) + self.length


def write_rows(path: Path, size: int) -> None:
    """Write rows, without a header, until the file has ``size`` bytes or a few more."""
    dice = random.Random(1)  # the same in every run, and no secret
    permissions = [_permission(number, dice) for number in range(_PERMISSIONS)]
    permissions += permissions[:_PERMISSIONS_OF_EACH]
    written = 0
    with path.open("wb") as file:
        while written < size:
            principal = str(UUID(int=dice.getrandbits(128), version=4)).encode()
            first = dice.randrange(_PERMISSIONS)
            # bytes.join puts the principal in front of each of its permissions.
            written += file.write(principal.join([b"", *permissions[first : first + _PERMISSIONS_OF_EACH]]))


def _permission(number: int, dice: random.Random) -> bytes:
    """The rest of a row after its principal."""
    word, place = _WORDS[number % len(_WORDS)], _PLACES[number // len(_WORDS) % len(_PLACES)]
    description = f"{word} of {place}, second floor" if number % 50 == 0 else f"May act as {word} in {place}"
    quote = '"' if "," in description else ""
    cells = (
        "EntraIdUser",
        str(UUID(int=dice.getrandbits(128), version=4)),
        f"{place} {word} {number}",
        f"{quote}{description}{quote}",
        _TYPES[number % len(_TYPES)],
    )
    return f",{','.join(cells)}\r\n".encode()


def slices(path: Path, size: int, count: int = 1) -> list[Slice]:
    """``count`` runs of whole rows, one behind the other, each with a file's size of at most ``size`` bytes."""
    found = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as rows:
        offset = 0
        for _ in range(count):
            end = rows.rfind(b"\n", offset, offset + size - len(HEADER)) + 1
            found.append(Slice(offset, end - offset))
            offset = end
    return found


def read(path: Path, rows: Slice) -> bytes:
    """The CSV file of these rows, header included."""
    with path.open("rb") as file:
        file.seek(rows.offset)
        return HEADER + file.read(rows.length)


def with_names(content: bytes) -> bytes:
    """The file with a user principal name of 22 to 40 bytes in the place of each object id."""
    header, *rows = content.splitlines(keepends=True)
    names: dict[bytes, bytes] = {}
    named = [header]
    for row in rows:
        principal, rest = row.split(b",", maxsplit=1)
        if principal not in names:
            number = len(names)
            given, family = _GIVEN_NAMES[number % len(_GIVEN_NAMES)], _FAMILY_NAMES[number % len(_FAMILY_NAMES)]
            names[principal] = f"{given}.{family}{number}@{_DOMAINS[number % len(_DOMAINS)]}".encode()
        named.append(names[principal] + b"," + rest)
    return b"".join(named)


# The names of columns of an export, in the order of Graph's.
EXPORTED = ("Login", "Kind", "Role id", "Role", "Text", "Type")


def as_export(content: bytes) -> bytes:
    """The same rows as an application may export them: separated by semicolons, under other names."""
    exported = io.StringIO()
    writer = csv.writer(exported, delimiter=";", lineterminator="\n")
    _, *rows = csv.reader(io.StringIO(content.decode()))
    writer.writerows([EXPORTED, *rows])
    return exported.getvalue().encode()


def with_quotes(content: bytes) -> bytes:
    quoted = io.StringIO()
    csv.writer(quoted, quoting=csv.QUOTE_ALL).writerows(csv.reader(io.StringIO(content.decode())))
    return quoted.getvalue().encode()
