"""What is accepted although it is not plain CSV: one warning says what it is, and nothing else is different."""

import tracemalloc

import pytest

from shared.access_data.validator import BATCH_BYTES, Validator
from tests.unit.access_data.test_validator import ANA, EARLY, NAMED, OK, G, check, findings, other_warnings, warnings

ROWS = [G, OK, ANA, 'eva@contoso.com,user,door-3,"Door, left",,']
PADDED = [
    '"principalId", "principalType", "permissionId", "permissionName", "permissionDescription", "permissionType"',
    f'"{OK.split(",", maxsplit=1)[0]}", "user"\t, "door-2", "Archive", "", ""',
    'ana@contoso.com,user,door-1, "Main ""door"", left" ,"Opens\nit",Door',
]

CONVERTED: dict[str, tuple[str, str, int, int]] = {
    "CR CR LF": ("\r\r\n".join([*ROWS, ""]), "CR CR LF", 1, 3),
    "CR CR LF in one line": ("\r\n".join([*ROWS, ""]).replace("Archive,,\r", "Archive,,\r\r"), "CR CR LF", 2, 3),
    "CR CR CR LF": ("\r\r\r\n".join([*ROWS, ""]), "CR CR LF", 1, 3),
    "CR CR LF after sep=,": ("\r\r\n".join(["sep=,", *ROWS, ""]), "CR CR LF", 1, 3),
    "CR CR LF in a quoted cell": ("\n".join([*ROWS[:3], ROWS[3].replace(" left", "\r\r\nleft")]), "CR CR LF", 4, 3),
    "CR": ("\r".join([*ROWS, ""]), "carriage return (CR) alone", 1, 3),
    "CR, without one at the end": ("\r".join(ROWS), "carriage return (CR) alone", 1, 3),
    "CR after sep=,": ("\r".join(["sep=,", *ROWS, ""]), "carriage return (CR) alone", 1, 3),
    "CR, and LF in a cell": ("\r".join([*ROWS[:3], ROWS[3].replace(" left", "\nleft")]), "(CR) alone", 1, 3),
    "CR behind the header, then LF": (f"{G}\r" + "\n".join([*ROWS[1:], ""]), "carriage return (CR) alone", 1, 3),
    "LF and CRLF": (f"{G}\r\n{OK}\r\n{ANA}\n", "some lines end with LF, others with CRLF (line 3)", 3, 2),
    "LF and CRLF, read with care": (f"{G}\n{OK}\n{NAMED}\r\n", "others with CRLF (line 3)", 3, 2),
    "blanks beside quotes": ("\r\n".join([*PADDED, ""]), "blanks beside quotes (line 1)", 1, 2),
    "blanks beside quotes, without a header": ("\n".join([G, *PADDED[1:]]), "blanks beside quotes (line 2)", 2, 2),
    "rows of commas at the end": ("\r\n".join([*ROWS, ",,,,,", ",,,,,", ""]), "rows without values", 5, 3),
    "rows of empty quotes at the end": (
        "\n".join([*ROWS, '"","","","","",""', "", '"",', " "]),
        "rows without values",
        5,
        3,
    ),
    "a row of no-break spaces at the end": ("\n".join([*ROWS, "\xa0,,,,,\u200b"]), "rows without values", 5, 3),
    "a row of two lines without values": ("\n".join([*ROWS, ',,,"\n",,', ""]), "rows without values", 5, 3),
    "0x1A": (
        "\r\n".join([*ROWS, "\x1a"]),
        "end-of-file characters (0x1A or NUL bytes) follow the last row (line 5)",
        5,
        3,
    ),
    "0x1A behind the last row": ("\r\n".join(ROWS) + "\x1a", "0x1A", 4, 3),
    "0x1A and a line end": ("\r\n".join([*ROWS, "\x1a", ""]), "0x1A", 5, 3),
    "a block of NUL bytes": ("\r\n".join([*ROWS, ""]) + "\0" * 4096, "NUL", 5, 3),
    "0x1A, NUL bytes and empty rows": (
        "\r\n".join([*ROWS, ",,,", "", "\x1a\0\0"]),
        "NUL bytes) follow the last row (line 7)",
        5,
        3,
    ),
}


@pytest.mark.parametrize("batch_bytes", [1, 3, 40, 200, BATCH_BYTES])
@pytest.mark.parametrize("kind", CONVERTED)
def test_what_is_unambiguous_is_accepted_with_one_warning(kind: str, batch_bytes: int) -> None:
    content, words, line, rows = CONVERTED[kind]

    report = check(content, batch_bytes=batch_bytes, piece=batch_bytes)

    assert findings(report) == []
    assert other_warnings(report) == [("converted", f"line {line}")]
    assert words in report.warnings[0].message
    assert report.rows == rows


@pytest.mark.parametrize("kind", CONVERTED)
def test_it_is_refused_where_nothing_is_converted(kind: str) -> None:
    content, _, line, _ = CONVERTED[kind]

    (finding,) = check(content, converts=False).findings

    expected = "missingHeader" if content.startswith("sep=") else "notPlain"
    assert (finding.code, finding.target) == (expected, f"line {line}")


def test_all_that_was_converted_is_one_warning() -> None:
    report = check(f'{G}\r\r\n"x@contoso.com" ,user,1,n,,\r\r\n{OK}\r\n\r\n,,,,,\n\x1a')

    assert other_warnings(report) == [("converted", "line 1")]
    for words in ("CR CR LF", "blanks beside quotes (line 2)", "rows without values", "0x1A"):
        assert words in report.warnings[0].message


@pytest.mark.parametrize("line_end", ["\r\r\n", "\r", "\n"])
def test_the_lines_of_findings_are_those_of_the_file(line_end: str) -> None:
    rows = [*ROWS, '"a@contoso.com", "user","two\nlines", "x","",""', "x,user,1,n,,", *ROWS[1:], "y,user,2,m,,"]
    content = line_end.join([*rows, ""])

    for batch_bytes in (1, 7, 64, BATCH_BYTES):
        assert findings(check(content, batch_bytes=batch_bytes, piece=batch_bytes)) == [
            ("invalidPrincipalId", "line 7, principalId"),
            ("invalidPrincipalId", "line 11, principalId"),
        ]


def test_a_file_with_findings_has_no_warning_about_what_was_converted() -> None:
    assert warnings(check(f"{G}\r\r\nx,user,1,n,,\r\r\n")) == []


AMBIGUOUS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "a carriage return within a cell": (
        ANA.replace("Main", "Ma\rin"),
        [("loneCarriageReturn", "line 2, permissionName")],
    ),
    "text behind a quote": (ANA.replace("Main door", '"Main" door'), [("strayQuote", "line 2, permissionName")]),
    "text before a quote": (ANA.replace("Main door", ' a "b"'), [("strayQuote", "line 2, permissionName")]),
    "0x1A between rows": (f"\x1a\n{ANA}", [("blankLine", "line 2")]),
    "NUL bytes within a cell": (ANA.replace("Main", "\0"), [("nulByte", "line 2, permissionName")]),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_what_is_ambiguous_stays_a_finding(kind: str) -> None:
    row, expected = AMBIGUOUS[kind]

    assert findings(check(f"{G}\n{row}\n{OK}\n")) == expected


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_row_without_values_has_the_separator_of_the_file(separator: str) -> None:
    content = "\n".join([G, OK, ANA]).replace(",", separator)
    empty = separator * 5
    ends = [f"{empty}\n{empty}", f'""{separator}""', f' {empty}\n\x1a\n "" {empty}']
    others = [each for each in (",,,,,", ";;;;;", "|||||") if each != empty]

    for end in ends:
        assert (findings(check(f"{content}\n{end}\n")), check(f"{content}\n{end}").rows) == ([], 2)
    for end in others:
        assert findings(check(f"{content}\n{end}\n")) == [("separatorChanges", "line 4")]


def test_blanks_within_quotes_belong_to_the_value() -> None:
    rows = [ANA.replace("door-1", cell) for cell in ('"a , door"', ' "a , door"')]

    assert other_warnings(check("\n".join([G, *rows]))) == [("converted", "line 3"), ("duplicatePermission", "line 3")]


def test_blanks_in_an_unquoted_array_are_not_beside_a_quoted_cell() -> None:
    report = check(f'{EARLY}\n{OK.split(",", maxsplit=1)[0]},r,,,,p,n,,,["a@b.c", "d@e.f"]\n')

    assert (findings(report), warnings(report)) == ([], [("unquotedOwners", "line 2, ResourceOwners")])


def test_three_hundred_rows_without_values_are_one_finding() -> None:
    report = check("\r\n".join([G, OK, *[",,,,,"] * 300, ANA, "", ANA, ",,,,,", ANA, "", ANA]))

    assert findings(report) == [("blankLine", "line 3")]
    assert "This concerns 303 lines: 3 to 302, 304, 306, 308." in report.findings[0].message
    assert report.finding_count == 1


def test_a_message_names_the_first_lines_and_counts_the_others() -> None:
    report = check("\n".join([G, *[ANA, ""] * 50, ANA]))

    assert "This concerns 50 lines: 3, 5, 7, 9, 11 and 45 more." in report.findings[0].message


def test_lines_that_repeat_a_fault_count_for_the_limit_of_what_is_checked() -> None:
    report = check(f"{G}\n" + f"{OK}\n\n" * 30_001 + ANA)

    assert (report.finding_count, report.all_counted) == (1, False)


@pytest.mark.parametrize("endless", [b"\0", b"\x1a", b"\n", b",,\n", b"\n,\n", b"\x1a\n"])
def test_an_endless_end_of_file_uses_bounded_memory(endless: bytes) -> None:
    piece = endless * (65536 // len(endless))
    validator = Validator(principal_types={"user"})
    tracemalloc.start()
    try:
        validator.feed(f"{G}\n{ANA}\n".encode())
        for _ in range(40):  # 2.6 MB
            validator.feed(piece)
        report = validator.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (report.finding_count, report.rows) == (0, 1)
    assert peak < 24 * 1024 * 1024


def test_end_of_file_characters_of_any_number_before_a_row_are_a_finding() -> None:
    for count in (1, 600_000, 3_000_000):
        (finding, *_) = check(f"{G}\n{ANA}\n" + "\0" * count + f"{OK}\n{ANA}\n").findings
        assert finding.line == 3
