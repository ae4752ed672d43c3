"""Generates the sample files, the same in every run: `python3 samples/make.py`. The people in them are invented."""

import csv
import json
import random
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
GRAPH = ["principalId", "principalType", "permissionId", "permissionName", "permissionDescription", "permissionType"]
EXTENDED = [
    *GRAPH,
    *("ScopeId", "ScopeDisplayName", "EntitlementOwners_Users", "EntitlementOwners_Groups", "CustomData"),
]
EARLY = [
    *("PrincipalAADId", "ResourceId", "ResourceName", "ResourceDescription", "ResourceType"),
    *("PermissionId", "PermissionName", "PermissionDescription", "PermissionType", "ResourceOwners"),
]
DOMAIN = "fabrikam.example"
FIRST = ["ana", "bo", "chidi", "dana", "emil", "fatou", "goran", "hana", "ines", "jun", "kofi", "lea", "mika", "noor"]
LAST = ["adeyemi", "berg", "costa", "diaz", "evans", "fischer", "garcia", "haddad", "ito", "jensen", "kim", "lopez"]
SITES = ["Lisbon", "Oslo", "Nairobi", "Osaka"]
ROOMS = ["main entrance", "server room", "archive", "laboratory, level 2", "roof", "loading dock"]
ROLES = {"reader": "May read accounts", "editor": "May read, change and merge accounts", "admin": "May do everything"}
REGIONS = ["EMEA", "APAC", "Americas"]


def main() -> None:
    """Write all sample files."""
    chance = random.Random(20260101)  # noqa: S311  # sample data, the same each time
    people = [_person(chance, number) for number in range(1200)]

    doors = [
        (f"{site[:3].upper()}-{number:02d}", f"{site}: {room}") for site in SITES for number, room in enumerate(ROOMS)
    ]
    building = [
        [who, "EntraIdUser", door, name, f"Opens the door to {name}, day and night" if number % 3 else "", "Door"]
        for who in people
        for number, (door, name) in enumerate(chance.sample(doors, 3))
    ]
    _write("building-access.csv", GRAPH, building)

    mainframe = []
    for number, who in enumerate(people[:800]):
        groups, regions = chance.sample(["PAYROLL", "LEDGER", "CLAIMS", "BATCH"], 2), chance.sample(REGIONS, 2)
        for group, region in zip(groups, regions, strict=True):
            permission = [who, "user", f"RACF.{group}", group, "Group on the mainframe", "Group"]
            owners = ",".join(f"{role}.{region.lower()}@{DOMAIN}" for role in ("owner", "deputy"))
            mainframe.append(
                [*permission, region, f"Region {region}", owners, "", json.dumps({"lpar": f"P{number % 4}"})]
            )
    _write("mainframe-access.csv", EXTENDED, mainframe)

    badges = [
        [_object_id(chance), door, name, "", "Door", "enter", "Enter", "May enter with a badge", "Badge",
         json.dumps([f"facilities.{site.lower()}@{DOMAIN}", f"security@{DOMAIN}"])]
        for site in SITES
        for door, name in doors if name.startswith(site)
        for _ in range(90)
    ]  # fmt: skip
    _write("door-badges-early.csv", EARLY, badges)

    crm = [
        [who, "EntraIdUser", f"crm-{role}", role.capitalize(), f"{text}, in {chance.choice(REGIONS)}", "Role"]
        for who in people + [_person(chance, number) for number in range(1200, 2000)]
        for role, text in [chance.choice(list(ROLES.items()))]
    ]
    _write("crm-access.csv", GRAPH, crm)
    _write("crm-access-faulty.csv", GRAPH, _with_faults(crm))


def _with_faults(rows: list[list[str]]) -> list[list[str]]:
    """The same rows with typical faults. Row n of the list is line n + 2 of the file, one more from row 1001 on."""
    faulty = [row.copy() for row in rows]
    faulty[40][0] = "ana.berg"  # no domain
    faulty[312][2] = ""
    faulty[511][1] = "Person"
    faulty[777].pop()
    faulty[778].append("left over")
    faulty[1000][4] = "A note\nover two lines"  # valid, but it has two lines in the file
    faulty[1203][0] = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c1"  # a digit short
    faulty[1500][3] = "  "
    faulty[1801][4] = "=HYPERLINK(1)"  # a warning only
    return faulty


def _person(chance: random.Random, number: int) -> str:
    """A user principal name, or for every fourth person an object id."""
    if number % 4 == 0:
        return _object_id(chance)
    return f"{chance.choice(FIRST)}.{chance.choice(LAST)}{number}@{DOMAIN}"


def _object_id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _write(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
