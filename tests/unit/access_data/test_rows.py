"""From files to rows: thousands of random files and declarations, compared with a plain way to do the same."""

import random
from collections.abc import Callable, Mapping, Sequence

import pytest

from shared.access_data.careful.cells import Fault
from shared.access_data.codes import Code
from shared.access_data.findings import Report
from shared.access_data.steps.declaration import Declaration, parse_declaration
from shared.access_data.steps.making import Steps, Writes
from shared.access_data.steps.principals import Match
from shared.access_data.validator import BATCH_BYTES, Validator
from tests.unit.access_data.plain_rows import Plain, plain_rows
from tests.unit.access_data.reference_cells import COLUMNS, EXTENDED_COLUMNS

TYPES = ("EntraIdUser", "user")
FILES = 3000

IDS = [f"{number:08x}-94de-4f0b-9c2f-0d6a5b1e7c11" for number in range(4)]
ACCOUNTS: dict[str, str | None] = {
    **{f"login{number}": IDS[number] for number in range(4)},
    IDS[0]: IDS[0],
    "CONTOSO\\ana": IDS[1],
    "_service": None,
    'q"uote': IDS[2],
    "a b,c;d|e": IDS[3],
    "two\nlines": IDS[0],
}
TEXTS = [
    "Door",
    "door",
    "a,b",
    "x;y",
    "p|q",
    "t\tu",
    'say "x"',
    '""',
    "Müller",
    "two\nlines",
    "three\r\nlines\n",
    " x",
    "0",
]
CELLS: dict[str, Sequence[str]] = {
    "principalId": [*IDS, IDS[1].upper(), "ana@contoso.com"],
    "principalType": ["user", "USER", "EntraIdUser"],
    "owners": ["", "", IDS[0], f"{IDS[0]}, {IDS[1]}"],
}
FAULTY = ["", "", "nobody", "robot", "=1+1", "-", "x" * 200]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be with mark", "windows-1252", "cp500"]


class Users:
    """A matcher that looks into a dictionary."""

    def __init__(self, users: Mapping[str, str | None]) -> None:
        self.users = users

    def match(self, accounts: Sequence[str]) -> Sequence[Match]:
        assert len(set(accounts)) == len(accounts)
        return [
            Match(self.users[each], "mail")
            if each in self.users
            else Match(None, None, Fault(Code.INVALID_PRINCIPAL_ID, "unknown"))
            for each in accounts
        ]


def make(
    content: bytes,
    declaration: Declaration | None = None,
    matcher: Users | None = None,
    *,
    pieces: Callable[[], int] = lambda: 65536,
    batch_bytes: int = BATCH_BYTES,
    writes: Writes = Writes.IF_NEEDED,
) -> tuple[Report, bytes]:
    """The report of a file and its rows, fed in pieces."""
    validator = Validator(
        principal_types=TYPES,
        batch_bytes=batch_bytes,
        steps=Steps(declaration, matcher, writes=writes),
    )
    rows, at = b"", 0
    while at < len(content):
        length = pieces()
        validator.feed(content[at : at + length])
        rows += validator.take_rows()
        at += length
    report = validator.finish()
    return report, rows + validator.take_rows()


class RandomFile:
    """A random declaration, and a file for it."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.separator = rng.choice(",;\t|")
        self.line_end = rng.choice(["\n", "\r\n"])
        encoding = rng.choice(ENCODINGS)
        self.users = ACCOUNTS if rng.random() < 0.5 else None
        self.faulty = rng.random() < 0.4
        self.columns: dict[str, str] = {}  # the file's columns, by what their cells are
        declared: dict[str, str] = {}
        constants: dict[str, str] = {}
        account_in = rng.choice([None, "CustomData", "permissionDescription"]) if self.users else None
        for name in EXTENDED_COLUMNS:
            kind = rng.choice(["own", "declared", "constant", "none"])
            if name == account_in or (name in EXTENDED_COLUMNS[6:] and rng.random() < 0.5):
                continue
            if kind == "declared" and name in ("permissionName", "ScopeId") and rng.random() < 0.3:
                declared[name] = declared.get("permissionId", "permissionId")
                if "permissionId" in constants or "permissionId" not in self.columns:
                    del declared[name]
                    self.columns[name] = name
            elif kind == "declared":
                declared[name] = f"Column {name}"
                self.columns[name] = rng.choice([declared[name], declared[name].upper(), f" {declared[name]} "])
            elif kind == "constant" and name != "principalId":
                constants[name] = self.constant(name)
            elif kind == "own" or name in COLUMNS[:4]:
                self.columns[name] = name if rng.random() < 0.8 else name.upper()
        ignores = rng.random() < 0.5 or not (declared or constants or account_in)
        for number in range(rng.randint(0, 2) if ignores else 0):
            self.columns[f"other {number}"] = f"Other {number}"
        names = list(self.columns)
        rng.shuffle(names)
        self.columns = {name: self.columns[name] for name in names}
        self.declaration = parse_declaration(
            {
                "columns": declared,
                "constants": constants,
                "ignoreOtherColumns": ignores,
                "encoding": encoding if encoding in ("windows-1252", "cp500") else None,
                "principals": {"matchBy": ["mail"], "accountIn": account_in} if self.users else None,
            },
            TYPES,
        )
        records = [list(self.columns.values()), *(self.record() for _ in range(rng.randint(0, 12)))]
        self.text = "".join(self.written(record) + self.line_end for record in records)
        if records[1:] and rng.random() < 0.3:
            self.text = self.text.removesuffix(self.line_end)
        self.sep_line = encoding not in ("cp500",) and rng.random() < 0.2
        whole = (f"sep={self.separator}{self.line_end}" if self.sep_line else "") + self.text
        if encoding == "utf-16-be with mark":
            self.content = b"\xfe\xff" + whole.encode("utf-16-be")
        elif encoding == "cp500" and self.line_end == "\n" and "\n" not in "".join(map("".join, records)):
            self.content = whole.replace("\n", "\x85").encode("cp500")
        else:
            self.content = whole.encode(encoding)

    def constant(self, name: str) -> str:
        if name == "principalType":
            return "user"
        if name.startswith("Entitlement"):
            return self.rng.choice(["", IDS[2]])
        return self.rng.choice(["Fixed", "a,b", 'q"q', "=fixed", *([""] if name not in COLUMNS[:4] else [])])

    def record(self) -> list[str]:
        cells = [self.cell(name) for name in self.columns]
        if self.faulty and self.rng.random() < 0.1 and len(cells) > 2:
            cells = cells[:-1] if self.rng.random() < 0.5 else [*cells, "more"]
        return cells

    def cell(self, name: str) -> str:
        if name.startswith("other"):
            return self.rng.choice([*TEXTS, "=1", "nobody"])
        if self.faulty and self.rng.random() < 0.1:
            return self.rng.choice(FAULTY)
        if name == "principalId" and self.users:
            return self.rng.choice(list(ACCOUNTS))
        pool = CELLS.get("owners" if name.startswith("Entitlement") else name, TEXTS)
        return self.rng.choice(pool)

    def written(self, record: Sequence[str]) -> str:
        def quoted(cell: str) -> str:
            needed = any(letter in cell for letter in f'{self.separator}"\r\n') or (cell == "" and len(record) == 1)
            return '"' + cell.replace('"', '""') + '"' if needed or self.rng.random() < 0.1 else cell

        return self.separator.join(map(quoted, record))

    def plain(self) -> Plain:
        return plain_rows(self.text, self.separator, self.declaration, self.users, 2 if self.sep_line else 1)


def places(report: Report) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    findings = [(each.code.value, each.target) for each in report.findings]
    ignored = {Code.CONVERTED, Code.LEFT_OUT, Code.NO_OWNERS, Code.NO_ROWS, Code.PRINCIPAL_IS_NOT_AN_OBJECT_ID}
    return findings, [(each.code.value, each.target) for each in report.warnings if each.code not in ignored]


def unknown(places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The matcher here has one code for what is not known, which is also that of what is no principal."""
    return [("invalidPrincipalId" if code == "unknownPrincipal" else code, target) for code, target in places]


@pytest.mark.parametrize(
    "part", [*range(2), *(pytest.param(each, marks=pytest.mark.slow("of random files")) for each in range(2, 10))]
)
def test_rows_are_those_of_a_plain_implementation(part: int) -> None:
    compared = made = refused = 0
    for seed in range(part, FILES, 10):
        file = RandomFile(seed)
        expected = file.plain()
        matcher = None if file.users is None else Users(file.users)
        size = file.rng.choice([1, 2, 7, 100, 65536])
        batch_bytes = file.rng.choice([1, 50, 300, BATCH_BYTES])
        report, rows = make(
            file.content,
            file.declaration,
            matcher,
            pieces=lambda rng=file.rng, size=size: rng.randint(1, size),  # type: ignore[misc]
            batch_bytes=batch_bytes,
            writes=Writes.ALWAYS,
        )
        told = places(report)
        assert told[0] == unknown(expected.findings), f"seed {seed}"
        assert report.rows == expected.kept, f"seed {seed}"
        if not expected.findings:
            assert rows == expected.rows, f"seed {seed}"
            assert sorted(told[1]) == sorted(expected.warnings), f"seed {seed}"
            counts = report.made and (dict(report.made.matched), report.made.left_out)
            assert (counts or ({}, 0)) == (dict(expected.matched), expected.left_out), f"seed {seed}"
        compared += 1
        made += report.made is not None
        refused += bool(expected.findings)
    assert compared == FILES // 10
    assert made > compared // 2
    assert compared // 20 < refused < compared // 2


def test_a_cell_in_quotes_is_not_a_row_in_quotes_where_a_row_is_one_cell() -> None:
    constants = {"principalType": "user", "permissionId": "1", "permissionName": "Door"}
    report, _ = make(b'principalId\n"nobody"\n', parse_declaration({"constants": constants}, TYPES))

    assert [each.code for each in report.findings] == [Code.INVALID_PRINCIPAL_ID]
