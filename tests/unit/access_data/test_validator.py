"""The validator's report: each fault with its code, its physical line and its column."""

import tracemalloc

import pytest

from shared.access_data.findings import Report
from shared.access_data.validator import BATCH_BYTES, Validator

G = "principalId,principalType,permissionId,permissionName,permissionDescription,permissionType"
EARLY = (
    "PrincipalAADId,ResourceId,ResourceName,ResourceDescription,ResourceType,"
    "PermissionId,PermissionName,PermissionDescription,PermissionType,ResourceOwners"
)
EXTENDED = f"{G},ScopeId,ScopeDisplayName,EntitlementOwners_Users,EntitlementOwners_Groups,CustomData"
ANA = "ana@contoso.com,user,door-1,Main door,Opens it,Door"
OK = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11,EntraIdUser,door-2,Archive,,"

Place = tuple[str, str]


def check(
    content: bytes | str, *, batch_bytes: int = BATCH_BYTES, piece: int = 65536, max_findings: int = 1000
) -> Report:
    content = content.encode() if isinstance(content, str) else content
    validator = Validator(principal_types={"user", "EntraIdUser"}, max_findings=max_findings, batch_bytes=batch_bytes)
    for start in range(0, len(content), piece):
        validator.feed(content[start : start + piece])
    return validator.finish()


def findings(report: Report) -> list[Place]:
    return [(finding.code, finding.target) for finding in report.findings]


def warnings(report: Report) -> list[Place]:
    return [(warning.code, warning.target) for warning in report.warnings]


ROW_FAULTS: dict[str, tuple[str | bytes, list[Place]]] = {
    "a short row": ("ana@contoso.com,user,door-1", [("tooFewFields", "line {}, permissionName")]),
    "a long row": (f"{ANA},more", [("tooManyFields", "line {}")]),
    "a blank line": ("", [("blankLine", "line {}")]),
    "an empty required cell": ("ana@contoso.com,user,,Main door,,", [("missingValue", "line {}, permissionId")]),
    "a required cell of spaces": ("ana@contoso.com,user,1,  ,,", [("missingValue", "line {}, permissionName")]),
    "every required cell empty": (
        ",,,,,",
        [("missingValue", f"line {{}}, {name}") for name in G.split(",")[:4]],
    ),
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
    "nothing but a byte order mark": (b"\xef\xbb\xbf", [("emptyFile", "line 1")]),
    "no header": (f"{ANA}\n{OK}\n".encode(), [("missingHeader", "line 1")]),
    "blank lines before the header": (f"\n{G}\n".encode(), [("missingHeader", "line 1")]),
    "semicolons": (f"{G}\n{ANA}\n".replace(",", ";").encode(), [("semicolonSeparator", "line 1")]),
    "tabs": (f"{G}\n{ANA}\n".replace(",", "\t").encode(), [("tabSeparator", "line 1")]),
    "lines that end with CR alone": (f"{G}\r{ANA}\r".encode(), [("loneCarriageReturn", "line 1")]),
    "UTF-16, little endian": (f"{G}\n".encode("utf-16-le"), [("utf16", "line 1")]),
    "UTF-16, big endian": (f"{G}\n".encode("utf-16-be"), [("utf16", "line 1")]),
    "UTF-16 with its mark": (f"{G}\n{ANA}\n".encode("utf-16"), [("utf16", "line 1")]),
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
    "the extended layout": (f'{EXTENDED}\n{ANA},,,"a@b.c,d@e.f",,"{{""k"": 1}}"\n', "extended", 1),
}


@pytest.mark.parametrize("batch_bytes", [1, 33, BATCH_BYTES])
@pytest.mark.parametrize("kind", VALID)
def test_a_valid_file_has_no_findings_and_no_warnings(kind: str, batch_bytes: int) -> None:
    content, layout, rows = VALID[kind]

    report = check(content, batch_bytes=batch_bytes)

    assert findings(report) == []
    assert warnings(report) == []
    assert (report.layout, report.rows) == (layout, rows)


@pytest.mark.parametrize("owners", ["a@b.c", '"{}"', '"[1]"', '"[""a"""'])
def test_owners_that_are_not_a_json_array_of_strings_are_refused(owners: str) -> None:
    assert findings(check(f"{EARLY}\nana@contoso.com,r,,,,p,n,,,{owners}\n")) == [
        ("invalidOwners", "line 2, ResourceOwners")
    ]


def test_invalid_utf8_is_reported_with_its_byte() -> None:
    content = f"{G}\n{OK}\n".encode() + ANA.encode().replace(b"Main", b"Ma\xe9n")

    (finding,) = check(content).findings

    assert f"Byte 0xE9 at offset {content.index(0xE9)}" in finding.message
    assert finding.target == "line 3, permissionName"


def test_a_value_is_shortened_and_its_control_characters_are_visible() -> None:
    (finding,) = check(f'{G}\n"no\tbody{"x" * 100}",user,1,n,,\n').findings

    assert finding.value == "no\\tbody" + "x" * 53 + "..."


def test_faults_beyond_the_limit_are_counted() -> None:
    report = check("\n".join([G, *["x,user,1,n,,"] * 5000]))

    assert report.finding_count == 5000
    assert findings(report)[-1] == ("invalidPrincipalId", "line 1001, principalId")
    assert (len(report.findings), report.rows) == (1000, 5000)


def test_a_file_of_nothing_but_faults_is_not_read_to_the_end() -> None:
    report = check(f"{G}\n" + "x\n" * 150_000)

    assert len(report.findings) == 1000
    assert report.finding_count == 100_000
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
    assert warnings(report) == [("formulaCell", "line 3, permissionDescription")]


@pytest.mark.parametrize("batch_bytes", [1, 90, BATCH_BYTES])
def test_a_repeated_row_is_a_warning_with_both_lines(batch_bytes: int) -> None:
    quoted = ANA.upper().replace("ANA@CONTOSO.COM", '"ANA@CONTOSO.COM"').replace("Opens", '"Opens, as ""told"""')

    report = check("\n".join([G, ANA, OK, quoted, ANA]), batch_bytes=batch_bytes)

    assert warnings(report) == [("duplicatePermission", "line 4"), ("duplicatePermission", "line 5")]
    assert all("as line 2." in warning.message for warning in report.warnings)


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

    assert warnings(check(line_break.join(rows))) == [
        ("duplicatePermission", "line 4"),
        ("duplicatePermission", "line 6"),
    ]


def test_repeated_rows_are_found_among_many_that_the_careful_reader_reads() -> None:
    """Every row has two lines, except for each tenth one."""
    rows = [ANA.replace("door-1", f"door-{number}") for number in range(450)]
    rows = [row if number % 10 == 0 else row.replace("Opens it", '"Opens\nit"') for number, row in enumerate(rows)]
    lines = [2 + 2 * number - (number + 9) // 10 for number in range(900)]

    report = check("\n".join([G, *rows, *rows]))

    assert [warning.line for warning in report.warnings] == lines[450:]
    assert [f"as line {line}." in warning.message for warning, line in zip(report.warnings, lines, strict=False)] == (
        [True] * 450
    )


def test_the_report_says_that_rows_beyond_a_million_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.access_data.fast.duplicates.MAX_ROWS", 3)

    assert check("\n".join([G, ANA, OK, ANA])).duplicates_checked
    beyond = check("\n".join([G, ANA, OK, OK, ANA]))
    assert not beyond.duplicates_checked
    assert warnings(beyond) == [("duplicatePermission", "line 4")]


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
