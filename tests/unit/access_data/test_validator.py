"""The validator's report: each fault with its code, its physical line and its column."""

import tracemalloc

import pytest

from shared.access_data.findings import Report
from shared.access_data.steps.making import Steps
from shared.access_data.validator import BATCH_BYTES, Validator

G = "principalId,principalType,permissionId,permissionName,permissionDescription,permissionType"
EARLY = (
    "PrincipalAADId,ResourceId,ResourceName,ResourceDescription,ResourceType,"
    "PermissionId,PermissionName,PermissionDescription,PermissionType,ResourceOwners"
)
EXTENDED = f"{G},ScopeId,ScopeDisplayName,EntitlementOwners_Users,EntitlementOwners_Groups,CustomData"
ANA = "ana@contoso.com,user,door-1,Main door,Opens it,Door"
OWNER = "2d0c1f5e-6a7b-4c8d-9e0f-1a2b3c4d5e6f"
OK = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11,EntraIdUser,door-2,Archive,,"

Place = tuple[str, str]


def check(
    content: bytes | str,
    *,
    batch_bytes: int = BATCH_BYTES,
    piece: int = 65536,
    max_findings: int = 1000,
    converts: bool = True,
) -> Report:
    content = content.encode() if isinstance(content, str) else content
    validator = Validator(
        principal_types={"user", "EntraIdUser"},
        max_findings=max_findings,
        batch_bytes=batch_bytes,
        steps=Steps(allowed=converts),
    )
    for start in range(0, len(content), piece):
        validator.feed(content[start : start + piece])
    return validator.finish()


def findings(report: Report) -> list[Place]:
    return [(finding.code, finding.target) for finding in report.findings]


def warnings(report: Report) -> list[Place]:
    return [(warning.code, warning.target) for warning in report.warnings]


def other_warnings(report: Report) -> list[Place]:
    """All but the one that Ana is called by her name, which has tests of its own."""
    return [each for each in warnings(report) if each[0] != "principalIsNotAnObjectId"]


ROW_FAULTS: dict[str, tuple[str | bytes, list[Place]]] = {
    "a short row": ("ana@contoso.com,user,door-1", [("tooFewFields", "line {}, permissionName")]),
    "a long row": (f"{ANA},more", [("tooManyFields", "line {}")]),
    "a blank line": ("", [("blankLine", "line {}")]),
    "an empty required cell": ("ana@contoso.com,user,,Main door,,", [("missingValue", "line {}, permissionId")]),
    "a required cell of spaces": ("ana@contoso.com,user,1,  ,,", [("missingValue", "line {}, permissionName")]),
    "every required cell empty": (
        ",,,,,Door",
        [("missingValue", f"line {{}}, {name}") for name in G.split(",")[:4]],
    ),
    "a row without values": (",,,,,", [("blankLine", "line {}")]),
    "a bad GUID": (OK.replace("8f3c", "8f3"), [("invalidPrincipalId", "line {}, principalId")]),
    "a GUID in braces": ("{" + OK.replace(",E", "},E"), [("invalidPrincipalId", "line {}, principalId")]),
    "a bad user principal name": (ANA.replace("@", " at "), [("invalidPrincipalId", "line {}, principalId")]),
    "a name without a domain": (ANA.replace("@contoso.com", "@"), [("invalidPrincipalId", "line {}, principalId")]),
    "an unknown principal type": (ANA.replace("user", "group"), [("unknownPrincipalType", "line {}, principalType")]),
    "a stray quote": (ANA.replace("Main", 'Ma"in'), [("strayQuote", "line {}, permissionName")]),
    "quotes around the end of a cell": (
        ANA.replace("Main door", 'Main "door"'),
        [("strayQuote", "line {}, permissionName")],
    ),
    "a GUID followed by a letter": (OK.replace("7c11,", "7c11a,"), [("invalidPrincipalId", "line {}, principalId")]),
    "a principal type followed by a letter": (
        ANA.replace("user", "users"),
        [("unknownPrincipalType", "line {}, principalType")],
    ),
    "text after a closing quote": (ANA.replace("Main", '"Ma"in'), [("strayQuote", "line {}, permissionName")]),
    "a NUL byte": (ANA.replace("Main", "Ma\0in"), [("nulByte", "line {}, permissionName")]),
    "a lone carriage return": (ANA.replace("Main", "Ma\rin"), [("loneCarriageReturn", "line {}, permissionName")]),
    "invalid UTF-8": (ANA.encode().replace(b"Main", b"Ma\xffin"), [("invalidUtf8", "line {}, permissionName")]),
    "a cell that is too long": (ANA.replace("Main", "x" * 32769), [("fieldTooLong", "line {}, permissionName")]),
}


@pytest.mark.parametrize("before", [0, 1, 5, 40])
@pytest.mark.parametrize("line_break", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("fault", ROW_FAULTS)
def test_a_fault_is_reported_with_its_line_and_column(fault: str, line_break: bytes, before: int) -> None:
    row, expected = ROW_FAULTS[fault]
    row = row.encode() if isinstance(row, str) else row
    content = line_break.join([G.encode(), *[OK.encode()] * before, row, ANA.encode(), b""])
    places = [(code, target.format(before + 2)) for code, target in expected]

    # Batches that end at various distances from the fault, and pieces of various sizes.
    for batch_bytes in (1, 7, 64, 200, BATCH_BYTES):
        report = check(content, batch_bytes=batch_bytes, piece=1 if batch_bytes < 64 and len(content) < 9999 else 97)
        assert findings(report) == places
        assert report.finding_count == len(places)


@pytest.mark.parametrize("batch_bytes", [*range(1, 130), BATCH_BYTES])
def test_quoted_line_breaks_count_for_the_lines_of_later_rows(batch_bytes: int) -> None:
    two_lines = ANA.replace("Opens it", '"Opens\nit, ""by day"""')
    content = "\n".join([G, two_lines, OK, two_lines, "x,user,1,n,,", f'"a\nb",user,1,n,{"," * 1}', ""])

    report = check(content, batch_bytes=batch_bytes, piece=batch_bytes)

    assert findings(report) == [
        ("invalidPrincipalId", "line 7, principalId"),
        ("invalidPrincipalId", "line 8, principalId"),
    ]


@pytest.mark.parametrize("batch_bytes", [1, 50, BATCH_BYTES])
def test_an_unclosed_quote_is_reported_where_it_opens(batch_bytes: int) -> None:
    content = "\n".join([G, OK, ANA.replace("Main", '"Main'), OK, OK])

    assert findings(check(content, batch_bytes=batch_bytes)) == [("unclosedQuote", "line 3, permissionName")]


HEADER_FAULTS: dict[str, tuple[bytes, list[Place]]] = {
    "an empty file": (b"", [("emptyFile", "line 1")]),
    "nothing but blank lines": (b"\r\n\n\n", [("emptyFile", "line 1")]),
    "nothing but NUL bytes": (bytes(5000), [("emptyFile", "line 1")]),
    "nothing but rows without values": (b",,,,,\r\n,,,,,\r\n", [("emptyFile", "line 1")]),
    "a row without values before the header": (f",,,,,\n{G}\n".encode(), [("missingHeader", "line 1")]),
    "nothing but a byte order mark": (b"\xef\xbb\xbf", [("emptyFile", "line 1")]),
    "no header": (f"{ANA}\n{OK}\n".encode(), [("missingHeader", "line 1")]),
    "blank lines before the header": (f"\n{G}\n".encode(), [("missingHeader", "line 1")]),
    "UTF-16, little endian": (f"{G}\n".encode("utf-16-le"), [("utf16", "line 1")]),
    "UTF-16, big endian": (f"{G}\n".encode("utf-16-be"), [("utf16", "line 1")]),
    "a column twice": (f"{G},principalid\n".encode(), [("duplicateColumn", "line 1, principalId")]),
    "a column missing": (G.replace(",permissionType", "").encode(), [("missingColumn", "line 1, permissionType")]),
    "a column too many": (f"{G},colour\n".encode(), [("unknownColumn", "line 1, colour")]),
}


@pytest.mark.parametrize("batch_bytes", [1, 3, 64, BATCH_BYTES])
@pytest.mark.parametrize("fault", HEADER_FAULTS)
def test_an_unusable_header_is_reported(fault: str, batch_bytes: int) -> None:
    content, expected = HEADER_FAULTS[fault]

    report = check(content, batch_bytes=batch_bytes)

    assert findings(report) == expected
    assert report.rows == 0


VALID: dict[str, tuple[str | bytes, str, int]] = {
    "trailing blank lines": (f"{G}\r\n{ANA}\r\n\r\n\r\n", "graph", 1),
    "no line break at the end": (f"{G}\n{ANA}\n{OK}", "graph", 2),
    "a byte order mark": (f"\ufeff{G}\n{ANA}\n", "graph", 1),
    "columns in another case and order": (
        f"{','.join(reversed(G.upper().split(',')))}\nDoor,,Main door,door-1,USER,ana@contoso.com\n",
        "graph",
        1,
    ),
    "every cell in quotes": ("\n".join('"' + line.replace(",", '","') + '"' for line in (G, ANA, OK)), "graph", 2),
    "letters beyond ASCII": (f"{G}\n{ANA.replace('Main', 'Küche 厨房')}\n", "graph", 1),
    "the early layout": (f"{EARLY}\nana@contoso.com,r,,,,p,n,,,\n", "early", 1),
    "owners as JSON, quoted": (f'{EARLY}\nana@contoso.com,r,,,,p,n,,,"[""a@b.c"",""d@e.f""]"\n', "early", 1),
    "the extended layout": (f'{EXTENDED}\n{ANA},,,"{OWNER},{OWNER.upper()}",,"{{""k"": 1}}"\n', "extended", 1),
    "owners of some rows": (f"{EXTENDED}\n{OK},,,,,\n{ANA},,,,{OWNER},\n", "extended", 2),
}


@pytest.mark.parametrize("batch_bytes", [1, 33, BATCH_BYTES])
@pytest.mark.parametrize("kind", VALID)
def test_a_valid_file_has_no_findings_and_no_warnings(kind: str, batch_bytes: int) -> None:
    content, layout, rows = VALID[kind]

    report = check(content, batch_bytes=batch_bytes)

    assert findings(report) == []
    assert other_warnings(report) == []
    assert (report.layout, report.rows) == (layout, rows)


@pytest.mark.parametrize("owners", ["a@b.c", '"{}"', '"[1]"', '"[""a"""'])
def test_owners_that_are_not_a_json_array_of_strings_are_refused(owners: str) -> None:
    assert findings(check(f"{EARLY}\nana@contoso.com,r,,,,p,n,,,{owners}\n")) == [
        ("invalidOwners", "line 2, ResourceOwners")
    ]


def test_invalid_utf8_is_reported_with_its_byte() -> None:
    content = f"{G}\n{OK}\n".encode() + ANA.encode().replace(b"Main", b"Ma\xe9n")

    (finding,) = check(content).findings

    assert "Byte 0xE9 is not UTF-8 text. In Windows-1252 it is 'é'." in finding.message
    assert finding.target == "line 3, permissionName"


def test_a_value_is_shortened_and_its_control_characters_are_visible() -> None:
    (finding,) = check(f'{G}\n"no\tbody{"x" * 100}",user,1,n,,\n').findings

    assert finding.value == "no\\tbody" + "x" * 73 + "..."


def test_faults_beyond_the_limit_are_counted() -> None:
    report = check("\n".join([G, *["x,user,1,n,,"] * 5000]))

    assert report.finding_count == 5000
    assert findings(report)[-1] == ("invalidPrincipalId", "line 1001, principalId")
    assert (len(report.findings), report.rows) == (1000, 5000)


def test_a_file_of_nothing_but_faults_is_not_read_to_the_end() -> None:
    report = check(f"{G}\n" + "x\n" * 50_000)

    assert len(report.findings) == 1000
    assert report.finding_count == 30_000
    assert not report.all_counted


@pytest.mark.parametrize("line", [2, 511, 512, 513, 514, 515, 1023, 1024, 1025, 1026, 1027, 1500])
def test_invalid_utf8_is_found_in_any_line_of_a_large_batch(line: int) -> None:
    """The fast reader decodes 512 lines at a time."""
    rows = [f"a{number}@contoso.com,user,p,Käthe,," for number in range(2, 1501)]
    content = [G.encode(), *(row.encode() for row in rows), b""]
    content[line - 1] = content[line - 1].replace("ä".encode(), b"\xe4")

    report = check(b"\n".join(content), piece=BATCH_BYTES)

    assert findings(report) == [("invalidUtf8", f"line {line}, permissionName")]
    assert report.rows == 1499


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", '"=a,b"', '"\rx"'])
def test_a_cell_that_a_spreadsheet_evaluates_is_a_warning(value: str) -> None:
    report = check(f"{G}\n{OK}\n{ANA.replace('Opens it', value)}\n")

    assert findings(report) == []
    assert other_warnings(report) == [("formulaCell", "line 3, permissionDescription")]


NAMED = ANA.replace("Opens it", '"Opens\nit"')
IDS = [OK.replace("door-2", f"door-{number}") for number in range(600)]


@pytest.mark.parametrize("batch_bytes", [1, 90, BATCH_BYTES])
@pytest.mark.parametrize(
    ("rows", "line", "count"),
    [([ANA], 2, 1), ([*IDS[:2], ANA, ANA], 4, 2), ([OK, NAMED, ANA], 3, 2), ([NAMED] * 3, 2, 3), ([*IDS, ANA], 602, 1)],
    ids=["the first row", "later ones", "with a line break", "nothing else", "after many"],
)
def test_user_principal_names_are_one_warning_with_the_line_of_the_first(
    rows: list[str], line: int, count: int, batch_bytes: int
) -> None:
    report = check("\n".join([G, *rows]), batch_bytes=batch_bytes, max_findings=1)

    assert warnings(report) == [("principalIsNotAnObjectId", f"line {line}, principalId")]
    assert report.warnings[0].message.endswith(f": {count}.")
    assert report.warning_count == 1 + count - 1  # the same name again is a repeated row


def test_an_early_file_with_names_has_the_warning_in_its_own_column() -> None:
    report = check(f"{EARLY}\nana@contoso.com,r,,,,p,n,,,\n")

    assert warnings(report) == [("principalIsNotAnObjectId", "line 2, PrincipalAADId")]


OWNERLESS = f"{OK},site-1,Site,,,"


@pytest.mark.parametrize("batch_bytes", [1, 90, BATCH_BYTES])
def test_an_extended_file_in_which_no_row_has_owners_has_one_warning(batch_bytes: int) -> None:
    other, blank = OWNERLESS.replace("door-2", "door-3"), f'{OK},site-2,"S\nite",\u200b,,'

    report = check("\n".join([EXTENDED, OWNERLESS, other, blank]), batch_bytes=batch_bytes)

    assert findings(report) == []
    assert warnings(report) == [("noOwners", "line 1")]
    owned = check("\n".join([EXTENDED, OWNERLESS, other, f'{OK},site-2,"S\nite",,{OWNER},']), batch_bytes=batch_bytes)
    assert warnings(owned) == []


@pytest.mark.parametrize("column", ["EntitlementOwners_Users", "EntitlementOwners_Groups"])
@pytest.mark.parametrize(
    ("cell", "valid"),
    [
        (OWNER, True),
        (f'"{OWNER},{OWNER}"', True),
        (f'"{OWNER} , {OWNER} "', True),
        (f'" {OWNER}"', True),
        ("ada@contoso.com", False),
        ("Facilities", False),
        (f'"{OWNER},"', False),
        (f'"{OWNER},,{OWNER}"', False),
        (f'"{OWNER};{OWNER}"', False),
        (f'"{OWNER} {OWNER}"', False),
        (f'"[""{OWNER}""]"', False),
        (OWNER[:-1], False),
    ],
)
def test_owners_are_lists_of_object_ids(column: str, cell: str, valid: bool) -> None:
    users, groups = (cell, "") if column.endswith("Users") else ("", cell)

    report = check(f"{EXTENDED}\n{OK},,,{users},{groups},\n")

    assert findings(report) == ([] if valid else [("invalidOwnerIds", f"line 2, {column}")])
    assert warnings(report) == []


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("scope", ["EMEA", "s" * 129])
def test_the_same_permission_in_another_scope_is_no_repeated_row(scope: str, careful: bool) -> None:
    name = '"Si\nte"' if careful else "Site"
    rows = [f"{OK},{each},{name},,{OWNER}," for each in (scope, "APAC", "", scope.lower())]

    report = check("\n".join([EXTENDED, *rows]))

    assert warnings(report) == [("duplicatePermission", f"line {8 if careful else 5}")]


@pytest.mark.parametrize("batch_bytes", [1, 90, BATCH_BYTES])
def test_a_repeated_row_is_a_warning_with_both_lines(batch_bytes: int) -> None:
    quoted = ANA.upper().replace("ANA@CONTOSO.COM", '"ANA@CONTOSO.COM"').replace("Opens", '"Opens, as ""told"""')

    report = check("\n".join([G, ANA, OK, quoted, ANA]), batch_bytes=batch_bytes)

    assert other_warnings(report) == [("duplicatePermission", "line 4"), ("duplicatePermission", "line 5")]
    assert all("as line 2." in warning.message for warning in report.warnings[1:])


@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    "principal",
    [OK.split(",", maxsplit=1)[0], OK.split(",", maxsplit=1)[0].upper(), "ana@contoso.com", '"ANA@contoso.com"'],
)
@pytest.mark.parametrize(
    "permission", ["1", '"1"', '"a""b"', f"{'p' * 128}", f"{'P' * 129}", f'"{"p" * 127}"""', f'"{"p" * 129}""x"']
)
def test_both_readers_recognize_the_same_repeated_rows(principal: str, permission: str, line_break: str) -> None:
    """The careful reader handles a row with a line break, the fast reader one on a single line."""
    header = "principalId,principalType,permissionName,permissionDescription,permissionType,permissionId"
    fast = f"{principal},user,a,b,c,{permission}"
    careful = f'{principal},user,a,"b\n",c,{permission}'
    other = f"{principal},user,a,b,c,another one"
    rows = [header, fast, other, careful, fast.replace(permission, permission.upper()), ""]

    assert other_warnings(check(line_break.join(rows))) == [
        ("duplicatePermission", "line 4"),
        ("duplicatePermission", "line 6"),
    ]


def test_repeated_rows_are_found_among_many_that_the_careful_reader_reads() -> None:
    """Every row has two lines, except for each tenth one."""
    rows = [ANA.replace("door-1", f"door-{number}") for number in range(450)]
    rows = [row if number % 10 == 0 else row.replace("Opens it", '"Opens\nit"') for number, row in enumerate(rows)]
    lines = [2 + 2 * number - (number + 9) // 10 for number in range(900)]

    report = check("\n".join([G, *rows, *rows]))

    repeated = report.warnings[1:]
    assert [warning.line for warning in repeated] == lines[450:]
    assert [f"as line {line}." in warning.message for warning, line in zip(repeated, lines, strict=False)] == (
        [True] * 450
    )


def test_the_report_says_that_rows_beyond_a_million_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.access_data.fast.duplicates.MAX_ROWS", 3)

    assert check("\n".join([G, ANA, OK, ANA])).duplicates_checked
    beyond = check("\n".join([G, ANA, OK, OK, ANA]))
    assert not beyond.duplicates_checked
    assert other_warnings(beyond) == [("duplicatePermission", "line 4")]


@pytest.mark.parametrize("endless", [b"x", b'"x', b"a," * 8, b"\xff"], ids=["a row", "a quote", "cells", "no text"])
def test_an_endless_row_uses_bounded_memory_and_later_rows_are_checked(endless: bytes) -> None:
    piece = endless * (65536 // len(endless))
    validator = Validator(principal_types={"user"})
    tracemalloc.start()
    try:
        validator.feed(f"{G}\n{ANA}\n".encode() + endless[:1])
        for _ in range(160):  # 10 MB
            validator.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    validator.feed(f"\n{ANA}\nshort\n".encode())

    assert findings(validator.finish()) == [("rowTooLong", "line 3"), ("tooFewFields", "line 5, principalType")]
    assert peak < 16 * 1024 * 1024
