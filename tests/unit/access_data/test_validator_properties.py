"""Compares the validator with the reference validator on random files, split at random positions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access_data.findings import Report
from shared.access_data.validator import BATCH_BYTES, Validator
from tests.unit.access_data.reference_cells import COLUMNS, EARLY_COLUMNS, EXTENDED_COLUMNS
from tests.unit.access_data.reference_validator import Outcome, validate

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
HEADERS = [
    b"",
    *(f"{','.join(columns)}\n".encode() for columns in (COLUMNS, EARLY_COLUMNS, EXTENDED_COLUMNS)),
    b"sep=,\n",
    BYTE_ORDER_MARK,
]
GUID = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"

PRINCIPALS = st.sampled_from(
    [
        *(GUID, GUID.upper(), GUID.replace("8", "9"), "ana@contoso.com", "ANA@contoso.com", "o'neil+x@a-b.example"),
        *("ben_fabrikam.com#EXT#@contoso.onmicrosoft.com", "eva^1@contoso.com", "eva~1@contoso.com"),
        *(f"{'a' * 64}@{'b' * 48}.example", f"a@{'b' * 118}.example", f"a@{'b' * 119}.example"),
    ]
)
# Rows whose cells have up to 128 bytes are hashed in another way than longer ones.
TEXTS = st.sampled_from(["door", "Door", "Lager Köln", "倉庫", "a b", "1", "p" * 128, "P" * 128, "p" * 129, "P" * 129])
# Some cells have three lines, of which the second one looks like a row.
ODD = st.sampled_from(
    [
        *(
            "",
            " ",
            "  x",
            '""',
            '"',
            'a"b',
            '"a"b',
            '"a""b"',
            '"a,b"',
            '"a\nb"',
            '"a\r\nb"',
            "a\rb",
            "\r",
            "\0",
            "=1+1",
        ),
        *(
            '"=1"',
            "-",
            "+x@contoso.com",
            "@",
            "\t",
            "x",
            GUID[:-1],
            f'"{GUID}"',
            '" "',
            "\xa0",
            "no-domain",
            f"{'a' * 65}@contoso.com",
            "users",
            GUID + "x",
            'a"b"',
            'a"b,c"',
            "a@b",
            '"\n"',
        ),
        *('"door"', '"Door"', '"a""B"', '"d""', f'"{"p" * 129}"', f'"{"p" * 129}"""', f'"{"P" * 129}"""'),
        *(f'"a\n{GUID},user,x,y,,\nb"', f'"\n{GUID},user,"",y,,\n"', '"ANA@contoso.com"', '""""', '""a""', 'a,"'),
        *(
            "ana@contoso..com",
            "ana@-contoso.com",
            '"unclosed',
            "é@contoso.com",
            "\u00a0\u200b",
            "\ufeff",
            "\u3000x",
            "\x1f",
            ' "a"',
            '"a,b" ',
            '\t"a\nb" ',
            '" a" ',
            ' "',
            '" " ',
            "\x1a",
            *(
                "NULL",
                "null",
                "\\N",
                "NA",
                "None",
                "#N/A",
                "1.23457E+11",
                "KÃ¼che",
                "SÃO",
                "door ",
                "door\xa0",
                "do\u00ador",
            ),
            *('="1"', '"=""1"""', "['a']", "\"['a','b']\"", "['"),
            *("door\u2011", '"door "', "do\tor", "e\u0301", "Nora", "System", "#1", "10.5E"),
        ),
    ]
)
TYPES = st.sampled_from(["user", "EntraIdUser", "USER", '"user"'])


# Without CSV quotes a JSON array may contain commas, quotes and brackets, be left open, and be followed by text.
OWNERS = st.sampled_from(
    [
        *(
            "",
            "[]",
            '["a"]',
            '["a","b"]',
            '["a, ]", "b"]',
            r'["\"]","\\"]',
            '"[""a"",""b""]"',
            '"[""a\tb""]"',
            '["a","b"] ',
            "[ ]",
            " []",
        ),
        *('["a","b"', '["a","b]', '["a"]"x"', '["a"],"b"', '["a"]x', "[a,b]", "[1,2]", "['a','b']", '[["a"],"b"]', "["),
        *('"["a","b"]"', '["a\rb","c"]', '[""a"",""b""]', '["a","b\\"]', '["é","\0"]', '"["', "[]\r", '["a"]]'),
    ]
)
KINDS = {
    COLUMNS: [PRINCIPALS, TYPES, TEXTS, TEXTS, TEXTS | st.just(""), TEXTS | st.just("")],
    EARLY_COLUMNS: [PRINCIPALS, TEXTS, *[TEXTS | st.just("")] * 3, TEXTS, TEXTS, *[TEXTS | st.just("")] * 2, OWNERS],
}
# Owners are rare, so that some files have none.
OWNER_IDS = st.sampled_from(["", "", "", GUID, f'"{GUID},{GUID.upper()}"', f'"{GUID}, "', f"{GUID};", f'" {GUID} "'])
KINDS[EXTENDED_COLUMNS] = [*KINDS[COLUMNS], *[TEXTS | st.just("")] * 2, OWNER_IDS, OWNER_IDS, TEXTS | st.just("")]


def _quoted(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cell if '"' in cell else f'"{cell}"' for cell in cells)


def _with_causes(columns: tuple[str, ...], clean: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Rows that are refused for a reason of their own."""
    header, dashes = ",".join(columns), ["---"] * len(columns)
    lines = [
        *(header, header.upper(), f'"{header}"', "<<<<<<< HEAD", "=======", ">>>>>>> main"),
        *(",".join(dashes), ";".join(dashes), "-----", "- -", "(3 rows affected)", "3 rows selected.", "3 rows more"),
        *("12 Zeilen", "Total", "Total: 3", "Totally", "Query OK, 3 rows", "End of report"),
    ]
    return st.sampled_from(lines) | st.one_of(
        clean.map(lambda row: row.replace(",", ";")),
        clean.map(lambda row: row.replace(",", "\t")),
        clean.map(lambda row: '"{}"'.format(row.replace('"', '""'))),
        clean.map("7,{}".format),
        clean.map("x,{}".format),
        clean.map("{},".format),
        clean.map("{},,\u00a0,".format),
        clean.map("\0".join),
        st.tuples(clean, clean).map("\r".join),
    )


def _rows(columns: tuple[str, ...], odd: bool) -> st.SearchStrategy[str]:
    kinds = KINDS[columns]
    cells = st.tuples(*(kind | ODD for kind in kinds)) if odd else st.tuples(*kinds)
    row = (cells if odd else cells | cells.map(_quoted)).map(",".join)
    few = "," * (len(columns) - 2)
    empty = ["", f"{few},", f"{few},,", ",", ' ,"",\t', '""', '" ",\u00a0', "\x1a", "\0\0"]
    if not odd:
        return row
    others = st.sampled_from([*empty, "a,b", '""""', "\x1a,"])
    return st.one_of(row, row, others, _with_causes(columns, _rows(columns, False)))


def _files(columns: tuple[str, ...], most_rows: int = 12) -> st.SearchStrategy[str]:
    clean, odd = _rows(columns, False), _rows(columns, True)
    # Most files have the same line ends throughout.
    same_ends = st.sampled_from(["\n", "\r\n", "\r\r\n", "\r"]).map(st.just)
    line_ends = same_ends | st.just(st.sampled_from(["\n", "\r\n", "\r\r\n", "\r\r\r\n"]))
    rows = line_ends.flatmap(
        lambda ends: st.tuples(ends, st.lists(st.tuples(st.one_of(clean, clean, clean, odd), ends), max_size=most_rows))
    )
    parts = st.tuples(
        st.sampled_from(["", "", "sep=,\n", "sep=,\r\n"]),
        rows,
        st.booleans(),
        st.sampled_from(["", "", "", "\x1a", "\0\0\0", "\x1a\r\n", ",,,,,\n\n,,\n", "\r"]),
    )

    def file(part: tuple[str, tuple[str, list[tuple[str, str]]], bool, str]) -> str:
        sep, (header_end, rows), end, tail = part
        content = "".join(row + line_break for row, line_break in rows)
        if rows and not end:
            content = content.removesuffix(rows[-1][1])
        return f"{sep}{','.join(columns)}{header_end}{content}{tail}"

    return parts.map(file)


FILES = _files(COLUMNS) | _files(EARLY_COLUMNS) | _files(EXTENDED_COLUMNS)
SMALL_FILES = _files(COLUMNS, 2) | _files(EARLY_COLUMNS, 2) | _files(EXTENDED_COLUMNS, 2)


def outcome(report: Report) -> Outcome:
    def places(findings: object) -> list[tuple[str, int, str | None]]:
        return [(each.code, each.line, each.column) for each in findings]  # type: ignore[attr-defined]

    return Outcome(report.rows, places(report.findings), places(report.warnings))


def check(content: bytes, batch_bytes: int, piece: int) -> Report:
    validator = Validator(principal_types={"user", "EntraIdUser"}, batch_bytes=batch_bytes)
    for start in range(0, len(content), piece):
        validator.feed(content[start : start + piece])
    return validator.finish()


@given(FILES, st.integers(1, 300) | st.just(BATCH_BYTES), st.integers(1, 300), st.sampled_from([b"", BYTE_ORDER_MARK]))
def test_the_validator_agrees_with_the_reference_validator(
    text: str, batch_bytes: int, piece: int, beginning: bytes
) -> None:
    assert outcome(check(beginning + text.encode(), batch_bytes, piece)) == validate(text)


@given(st.binary(max_size=400), st.integers(1, 50), st.integers(1, 50), st.sampled_from(HEADERS))
def test_any_bytes_get_the_same_report_wherever_they_are_split(
    content: bytes, batch_bytes: int, piece: int, header: bytes
) -> None:
    whole = header + content

    assert check(whole, batch_bytes, piece) == check(whole, 10_000, 10_000)


# Each example is read once for each of its bytes.
@settings(max_examples=settings().max_examples // 20)
@given(SMALL_FILES)
def test_every_split_of_a_file_gets_the_same_report(text: str) -> None:
    content = text.encode()
    whole = check(content, 10_000, 10_000)

    for first in range(1, len(content)):
        validator = Validator(principal_types={"user", "EntraIdUser"}, batch_bytes=1)
        validator.feed(content[:first])
        validator.feed(content[first:])
        assert validator.finish() == whole
