"""Compares the validator with the reference validator on random files, split at random positions."""

from hypothesis import given
from hypothesis import strategies as st

from shared.access_data.findings import Report
from shared.access_data.validator import Validator
from tests.unit.access_data.reference_validator import COLUMNS, Outcome, validate

HEADER = ",".join(COLUMNS) + "\n"
GUID = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"

PRINCIPALS = st.sampled_from([GUID, GUID.upper(), "ana@contoso.com", "ANA@contoso.com", "o'neil+x@a-b.example"])
TEXTS = st.sampled_from(["door", "Door", "Lager Köln", "a b", "1", "p" * 64, "P" * 64, "p" * 65, "P" * 65])
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
            "users",
            GUID + "x",
            'a"b"',
            'a"b,c"',
            "a@b",
            '"\n"',
        ),
        *('"door"', '"Door"', '"a""B"', '"d""', f'"{"p" * 65}"', f'"{"p" * 65}"""', f'"{"P" * 65}"""'),
        *(f'"a\n{GUID},user,x,y,,\nb"', f'"\n{GUID},user,"",y,,\n"', '"ANA@contoso.com"', '""""', '""a""', 'a,"'),
        *("ana@contoso..com", "ana@-contoso.com", '"unclosed', "é@contoso.com"),
    ]
)
TYPES = st.sampled_from(["user", "EntraIdUser", "USER", '"user"'])


def _rows(odd: bool) -> st.SearchStrategy[str]:
    kinds = [PRINCIPALS, TYPES, TEXTS, TEXTS, TEXTS | st.just(""), TEXTS | st.just("")]
    cells = st.tuples(*(kind | ODD for kind in kinds)) if odd else st.tuples(*kinds)
    row = cells.map(",".join)
    return row | st.sampled_from(["", "a,b", ",,,,,", ",,,,,,,"]) if odd else row


ROWS = st.lists(st.one_of(_rows(False), _rows(False), _rows(False), _rows(True)), max_size=12)
FILES = st.tuples(ROWS, st.sampled_from(["\n", "\r\n"]), st.booleans()).map(
    lambda parts: HEADER + parts[1].join(parts[0]) + (parts[1] if parts[2] else "")
)


def outcome(report: Report) -> Outcome:
    def places(findings: object) -> list[tuple[str, int, str | None]]:
        return [(each.code, each.line, each.column) for each in findings]  # type: ignore[attr-defined]

    return Outcome(report.rows, places(report.findings), places(report.warnings))


def check(content: bytes, batch_bytes: int, piece: int) -> Report:
    validator = Validator(principal_types={"user", "EntraIdUser"}, batch_bytes=batch_bytes)
    for start in range(0, len(content), piece):
        validator.feed(content[start : start + piece])
    return validator.finish()


@given(FILES, st.integers(1, 300), st.integers(1, 300))
def test_the_validator_agrees_with_the_reference_validator(text: str, batch_bytes: int, piece: int) -> None:
    assert outcome(check(text.encode(), batch_bytes, piece)) == validate(text)


@given(st.binary(max_size=400), st.integers(1, 50), st.integers(1, 50), st.booleans())
def test_any_bytes_get_the_same_report_wherever_they_are_split(
    content: bytes, batch_bytes: int, piece: int, header: bool
) -> None:
    whole = HEADER.encode() * header + content

    assert check(whole, batch_bytes, piece) == check(whole, 10_000, 10_000)
