"""The cause of what is refused, in the form in which programs write it; each names its program and version.

Of pandas, csvkit, sqlite3, psql, Git, curl and cat the form was compared with what this version wrote. R, MySQL,
SQL*Plus, sqlcmd, Windows PowerShell, Excel and Git LFS were not run: these are typed after their documentation and
public reports, and say so.
"""

import pytest

from shared.access_data.validator import BATCH_BYTES, Validator
from tests.unit.access_data.test_validator import ANA, EXTENDED, OK, G, Place, check, findings, other_warnings

ID = "0b5d7c1e-2a34-4c56-8d78-9e0f1a2b3c4d"
QUOTED = ",".join(f'"{name}"' for name in G.split(","))
ROW = f"{ID},EntraIdUser,1,Door,,"

# What the file is, its findings, its warnings, and what a message says.
FILES: dict[str, tuple[bytes, list[Place], list[Place], str]] = {
    "R 4.2.2, write.csv(x, file) (not run)": (
        f'"",{QUOTED}\n"1","{ID}","EntraIdUser",1e+05,"Door","","Door"\n'.encode(),
        [("unknownColumn", "line 1")],
        [],
        "row.names = FALSE",
    ),
    "R 4.2.2, write.csv(x, file, row.names = FALSE) (not run)": (
        f'{QUOTED}\n"{ID}","EntraIdUser",1e+05,"Door","","Door"\n"{ID}","EntraIdUser",2,NA,"","Door"\n'.encode(),
        [("destroyedValue", "line 2, permissionId")],
        [("doubtfulValue", "line 3, permissionName")],
        "'1e+05' is a number in scientific notation",
    ),
    "R 4.2.2, write.table(x, file, row.names = FALSE) (not run)": (
        f'{QUOTED.replace(",", " ")}\n"{ID}" "EntraIdUser" 1 "Door" "" "Door"\n'.encode(),
        [("otherSeparator", "line 1")],
        [],
        "separated by blanks",
    ),
    "R 4.2.2, write.table(x, file, sep = ',', quote = FALSE) (not run)": (
        f"{G}\n1,{ROW}\n2,{ROW}\n".encode(),
        [("rowNumber", "line 2")],
        [],
        "2 lines: 2 to 3",
    ),
    "pandas 3.1.1, to_csv(float_format='%.5E', index=False)": (
        f"{G}\n{ID},EntraIdUser,1.23457E+11,Door,,Door\n".encode(),
        [("destroyedValue", "line 2, permissionId")],
        [],
        "1.23457E+11",
    ),
    "pandas 3.1.1, to_string()": (
        f"                            {'  '.join(G.split(','))}\n0  {ID}   EntraIdUser  1  Door\n".encode(),
        [("otherSeparator", "line 1")],
        [],
        "to_csv(index=False)",
    ),
    "pandas 3.1.1, to_json(orient='records', lines=True)": (
        f'{{"principalId":"{ID}","principalType":"EntraIdUser"}}\n'.encode(),
        [("jsonText", "line 1")],
        [],
        "This is JSON",
    ),
    "pandas 3.1.1, to_csv(encoding='cp037')": (f"{G}\n{ROW}\n".encode("cp037"), [("ebcdic", "line 1")], [], "EBCDIC"),
    "csvkit 2.2, csvlook": (
        f"| {' | '.join(G.split(','))} |\n| {' | '.join(['---'] * 6)} |\n| {' | '.join(ROW.split(','))} |\n".encode(),
        [("databaseReport", "line 1")],
        [],
        "report",
    ),
    "cat a.csv b.csv (coreutils 9.1), each with a mark": (
        (f"\ufeff{G}\n{ROW}\n" * 3).encode(),
        [("repeatedHeader", "line 3")],
        [],
        "2 lines: 3, 5",
    ),
    "sqlite3 3.40.1, .mode column": (
        b"principalId  permissionId  permissionName\n-----------  ------------  --------------\na  b  c\n",
        [("databaseReport", "line 1")],
        [],
        "report of a database tool",
    ),
    "sqlite3 3.40.1, .mode box": (
        "┌─────────────┬──────┐\n│ principalId │ x    │\n├─────────────┼──────┤\n│ a           │ b    │\n".encode(),
        [("databaseReport", "line 1")],
        [],
        "report of a database tool",
    ),
    "sqlite3 3.40.1, .mode insert": (
        b"INSERT INTO \"table\" VALUES('a','b');\n",
        [("databaseReport", "line 1")],
        [],
        "INSERT INTO",
    ),
    "psql 15, aligned": (
        b" principalId | principalType \n-------------+---------------\n a           | b\n(1 row)\n",
        [("databaseReport", "line 1")],
        [],
        "psql --csv",
    ),
    "mysql 8.0, --table (not run)": (
        b"+-------------+------+\n| principalId | x    |\n+-------------+------+\n| a           | b    |\n",
        [("databaseReport", "line 1")],
        [],
        "OUTFILE",
    ),
    "SQL*Plus 19, a spool file (not run)": (
        f"SQL> select * from access;\n{G}\n{ROW}\n\n1 row selected.\n".encode(),
        [("databaseReport", "line 1")],
        [],
        "SET MARKUP CSV ON",
    ),
    "sqlcmd 17, -s , (not run)": (
        f"{G}\r\n---,---,---,---,---,---\r\n{ROW}\r\n\r\n(1 rows affected)\r\n".encode(),
        [("reportLine", "line 2"), ("blankLine", "line 4")],
        [],
        "2 lines: 2, 5",
    ),
    "Windows PowerShell 5.1, >> behind a UTF-8 file (not run)": (
        f"{G}\r\n{ROW}\r\n".encode() + f"{ROW}\r\n".encode("utf-16-le"),
        [("utf16Below", "line 3")],
        [],
        "Add-Content -Encoding utf8",
    ),
    "Windows PowerShell 5.1, Export-Csv of a list (not run)": (
        f"{QUOTED}\r\n".encode() + f'"{ID}","EntraIdUser","System.Object[]","Door","","System.Object[]"\r\n'.encode(),
        [("destroyedValue", "line 2, permissionId")],
        [("doubtfulValue", "line 2, permissionType")],
        "the name of a type",
    ),
    "Excel, rows pasted into one column (not run)": (
        f'{G}\r\n"{ID},EntraIdUser,1,""Door, left"",,"\r\n"{ID},EntraIdUser,2,Door,,"\r\n'.encode(),
        [("rowInQuotes", "line 2")],
        [],
        "2 lines: 2 to 3",
    ),
    "Excel, #N/A and hash signs (not run)": (
        f"{G}\r\n{ID},EntraIdUser,#N/A,Door,########,#REF!\r\n".encode(),
        [("destroyedValue", "line 2, permissionId")],
        [("doubtfulValue", "line 2, permissionDescription"), ("doubtfulValue", "line 2, permissionType")],
        "an error of a spreadsheet",
    ),
    "Git LFS 3, a pointer (not run)": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        [("versionControl", "line 1")],
        [],
        "git lfs pull",
    ),
    "Git 2.39, a merge conflict": (
        f"{G}\n{ROW}\n<<<<<<< HEAD\n{ROW}\n=======\n{ROW}\n>>>>>>> main\n".encode(),
        [("mergeConflict", "line 3")],
        [],
        "3 lines: 3, 5, 7",
    ),
    "curl 7.88, -F into a file": (
        (
            f'{"-" * 26}d74496d66958873e\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n{G}\r\n"
        ).encode(),
        [("mail", "line 1")],
        [],
        "form",
    ),
    "a mail with the file": (
        f"Return-Path: <a@contoso.com>\r\nSubject: Access\r\nMIME-Version: 1.0\r\n\r\n{G}\r\n".encode(),
        [("mail", "line 1")],
        [],
        "mail",
    ),
    "pandas 3.1.1, to_csv(index=False) of a column of lists": (
        f"{G}\n{ID},EntraIdUser,\"['a', 'b']\",['a'],[],Door\n".encode(),
        [],
        [("doubtfulValue", "line 2, permissionId"), ("doubtfulValue", "line 2, permissionName")],
        "may be a list, as Python writes one",
    ),
    "a comma in a cell with quotes, the last cells are empty": (
        f'{G}\n{ID},EntraIdUser,1,the "red, left" door,,\n'.encode(),
        [("tooManyFields", "line 2, permissionName")],
        [],
        "must be quoted as a whole",
    ),
    "a row that a cell in the middle says is a formula": (
        f'{G}\n{ID},EntraIdUser,1,"Door,=""x""",,,more\n'.encode(),
        [("tooManyFields", "line 2")],
        [],
        "has 7 cells",
    ),
    "no-break spaces behind the last cell": (
        f"{G}\n{ROW},\u00a0,\n".encode(),
        [("surplusCells", "line 2")],
        [],
        "more separators than the header",
    ),
    "a row with semicolons": (
        f"{G}\n{ROW}\n{ROW.replace(',', ';')}\n".encode(),
        [("separatorChanges", "line 3")],
        [],
        "semicolons",
    ),
    "rows that end with CR among others": (
        f"{G}\n{ROW}\n{ROW}\r{ROW}\n".encode(),
        [("otherLineEnds", "line 3")],
        [],
        "carriage return",
    ),
}


@pytest.mark.parametrize("batch_bytes", [1, 60, BATCH_BYTES])
@pytest.mark.parametrize("kind", FILES)
def test_what_a_program_writes_is_told_its_cause(kind: str, batch_bytes: int) -> None:
    content, expected, expected_warnings, words = FILES[kind]

    report = check(content, batch_bytes=batch_bytes, piece=batch_bytes)

    assert findings(report) == expected
    assert other_warnings(report) == expected_warnings
    assert words in "\n".join(each.message for each in (*report.findings, *report.warnings))


@pytest.mark.parametrize(
    "permission", ["NATO", "North", "1E5", "10.5", "#admin", "Sales", "Microsoft 365", "(all)", "Null-1"]
)
@pytest.mark.parametrize("name", ["Maximum", "SÃO PAULO", "Ã la carte", "None of these", "System administrator"])
def test_values_are_not_taken_for_what_is_left_of_one(permission: str, name: str) -> None:
    report = check(f"{G}\n{ID},user,{permission},{name},,\n")

    assert (findings(report), other_warnings(report)) == ([], [])


@pytest.mark.parametrize("odd", ['"Opens\nit"', "Opens it"], ids=["careful", "fast"])
@pytest.mark.parametrize("seen", ["p\u00a0", "\u200bp", "p ", "p\u00ad", "p\x1a", "\x7fp", "P\ufeff"], ids=ascii)
def test_ids_that_look_the_same_are_the_same(seen: str, odd: str) -> None:
    rows = [f"{ID},user,p,Door,{odd},", f"{ID},user,{seen},Door,{odd},"]
    line = 4 if "\n" in odd else 3

    assert other_warnings(check("\n".join([G, *rows]))) == [
        ("invisibleCharacter", f"line {line}, permissionId"),
        ("duplicatePermission", f"line {line}"),
    ]


def test_composed_and_decomposed_letters_are_the_same_id() -> None:
    rows = [f"{ID},user,{letter},Door,," for letter in ("\u00fc", "u\u0308")]

    assert other_warnings(check("\n".join([G, *rows]))) == [("duplicatePermission", "line 3")]


def test_a_scope_with_a_character_that_nobody_sees_is_a_warning() -> None:
    report = check(f"{EXTENDED}\n{ROW},s\u200b,,{ID},,\n")

    assert other_warnings(report) == [("invisibleCharacter", "line 2, ScopeId")]


def test_a_row_that_has_no_known_cause_is_shown() -> None:
    (finding,) = check(f"{G}\n{ANA}\nana@contoso.com,user,{'x' * 100}\n").findings

    assert f"The row: 'ana@contoso.com,user,{'x' * 59}...'" in finding.message


FAULTY = {
    "a comma at the end": b"%08d-94de-4f0b-9c2f-0d6a5b1e7c11,user,OSA-1,Main door,,Door,\n",
    "in quotes": b'"%08d-94de-4f0b-9c2f-0d6a5b1e7c11,user,OSA-1,Main door,,Door"\n',
    "a number in scientific notation": b"%08d-94de-4f0b-9c2f-0d6a5b1e7c11,user,1.23457E+11,Main door,,Door\n",
}


@pytest.mark.parametrize("kind", FAULTY)
def test_a_file_of_one_fault_is_one_finding_and_given_up(kind: str) -> None:
    validator = Validator(principal_types={"user"})
    validator.feed(f"{G}\n{OK.replace('EntraIdUser', 'user')}\n".encode())
    for first in range(0, 40_000, 1000):
        validator.feed(b"".join(FAULTY[kind] % number for number in range(first, first + 1000)))
    report = validator.finish()

    assert (report.finding_count, report.all_counted) == (1, False)
    assert "This concerns 30,000 lines: 3 to 30,002." in report.findings[0].message
    assert report.rows < 31_000


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b" " * 4000 + b"-" * 4000 + b"x\n", "missingHeader"),
        (f"{G}\n".encode() + b"-" * 400_000 + b"x\n", "tooFewFields"),
        (f"{G}\n{OK}".encode() + b"\r" * 300_000 + b"x\r\r\n", None),
    ],
    ids=["a border", "dashes", "carriage returns"],
)
def test_a_long_line_of_one_letter_is_read_once(content: bytes, code: str | None) -> None:
    """Patterns that try such a line once for each of its letters take minutes."""
    validator = Validator(principal_types={"EntraIdUser"})
    validator.feed(content)
    found = [finding.code for finding in validator.finish().findings]

    assert found
    assert code is None or code in found
