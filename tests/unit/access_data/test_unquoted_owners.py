"""The owners of the early layout without CSV quotes, as Microsoft's documented upload has them."""

import pytest

from shared.access_data.validator import BATCH_BYTES, Validator
from tests.unit.access_data.test_validator import EARLY, check, findings, warnings

# Graph beta of October 2025, "customDataProvidedResourceUploadSession: uploadFile".
MICROSOFTS_ROW = (
    "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11,res-1,Building,Main building,Physical,"
    'perm-1,Administrator,Full access,Administrative,["admin@contoso.com","manager@contoso.com"]'
)
ROW = "2d0c1f5e-6a7b-4c8d-9e0f-1a2b3c4d5e6f,r,,,,p,n,,,"
OWNERS_FIRST = f"ResourceOwners,{EARLY.removesuffix(',ResourceOwners')}"


@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("end", [True, False], ids=["line break at the end", "no line break at the end"])
def test_microsofts_example_is_accepted_wherever_it_is_split(line_break: str, end: bool) -> None:
    content = line_break.join([EARLY, MICROSOFTS_ROW, ROW, MICROSOFTS_ROW.replace("perm-1", "perm-2")])
    content += line_break * end
    whole = check(content)

    assert findings(whole) == []
    assert warnings(whole) == [
        ("unquotedOwners", "line 2, ResourceOwners"),
        ("unquotedOwners", "line 4, ResourceOwners"),
    ]
    assert (whole.layout, whole.rows) == ("early", 3)
    for batch_bytes in range(1, len(content) + 1):
        assert check(content, batch_bytes=batch_bytes, piece=batch_bytes) == whole


VALID = [
    '["a@b.c"]',
    '["a@b.c","d@e.f"]',
    '["a@b.c", "d@e.f"]',
    '["a@b.c","d@e.f"] ',
    '["a, ] and [ b","c"]',
    r'["a \" b","c\\"]',
    '["Käthe","厨房"]',
    '["' + '","'.join(["a@b.c"] * 1100) + '"]',
]


@pytest.mark.parametrize("owners", VALID)
def test_an_unquoted_array_ends_with_the_bracket_that_closes_it(owners: str) -> None:
    report = check(f"{EARLY}\n{ROW}{owners}\n{ROW.replace('p,', 'q,')}\n")

    assert findings(report) == []
    assert warnings(report) == [("unquotedOwners", "line 2, ResourceOwners")]
    assert '[""a@contoso.com"",""b@contoso.com""]' in report.warnings[0].message


@pytest.mark.parametrize("owners", ["", "[]", '"[]"', '"[""a@b.c"",""d@e.f""]"', '"[""a@b.c"", ""d@e.f""]"'])
def test_owners_that_need_no_other_quotes_have_no_warning(owners: str) -> None:
    assert warnings(check(f"{EARLY}\n{ROW}{owners}\n")) == []


def test_the_column_may_have_any_place() -> None:
    row = "2d0c1f5e-6a7b-4c8d-9e0f-1a2b3c4d5e6f,r,,,,p,n,,"
    report = check(f'{OWNERS_FIRST}\n["a","b"],{row}\n["c",x],{row}\n["d","e],{row}\n["d"]\n')

    assert warnings(report) == [("unquotedOwners", "line 2, ResourceOwners")]
    assert findings(report) == [
        ("invalidOwners", "line 3, ResourceOwners"),
        ("invalidOwners", "line 4, ResourceOwners"),
        ("tooFewFields", "line 5, PrincipalAADId"),
    ]


INVALID = {
    "[a@b.c,d@e.f]": ("invalidOwners", "line 2, ResourceOwners"),
    "['a@b.c','d@e.f']": ("invalidOwners", "line 2, ResourceOwners"),
    "[1,2]": ("invalidOwners", "line 2, ResourceOwners"),
    '["a","b"]x': ("invalidOwners", "line 2, ResourceOwners"),
    '["a"': ("invalidOwners", "line 2, ResourceOwners"),
    '["a","b"': ("invalidOwners", "line 2, ResourceOwners"),
    '["a","b]': ("invalidOwners", "line 2, ResourceOwners"),
    '[""a"",""b""]': ("invalidOwners", "line 2, ResourceOwners"),
    '["a"],"b"': ("tooManyFields", "line 2"),
    '["a","b"],c': ("tooManyFields", "line 2"),
    ' ["a","b"]': ("tooManyFields", "line 2, ResourceOwners"),
}


@pytest.mark.parametrize("owners", INVALID)
@pytest.mark.parametrize("more", ["", f"\n{MICROSOFTS_ROW}\n"], ids=["last row", "with a row after it"])
def test_an_array_that_is_not_closed_or_not_one_is_refused_wherever_it_is_split(owners: str, more: str) -> None:
    content = f"{EARLY}\n{ROW}{owners}{more}"
    whole = check(content)

    assert findings(whole) == [INVALID[owners]]
    assert whole.rows == 1 + bool(more)
    for batch_bytes in range(1, len(content) + 1):
        assert check(content, batch_bytes=batch_bytes, piece=batch_bytes) == whole


def test_invalid_utf8_in_unquoted_owners_names_their_column() -> None:
    report = check(f'{EARLY}\n{ROW}["a@b.c","d\n'.encode() + f'{ROW}["a@b.c","Jos'.encode() + b'\xe9","x"]\n')

    assert findings(report) == [
        ("invalidOwners", "line 2, ResourceOwners"),
        ("invalidUtf8", "line 3, ResourceOwners"),
    ]


@pytest.mark.parametrize("piece", [b'"a",', b"[", b",", b"\\"], ids=["strings", "brackets", "commas", "backslashes"])
def test_an_endless_array_uses_bounded_memory_and_later_rows_are_checked(piece: bytes) -> None:
    validator = Validator(principal_types={"user"})
    validator.feed(f'{EARLY}\n{ROW}["'.encode())
    for _ in range(40):
        validator.feed(piece * (65536 // len(piece)))
        assert len(validator._rest) < 2 * 2**20
    validator.feed(f"\n{ROW}\nshort\n".encode())

    assert findings(validator.finish()) == [("rowTooLong", "line 2"), ("tooFewFields", "line 4, ResourceId")]


def test_the_row_in_front_of_the_array_keeps_both_readers_in_step() -> None:
    rows = [f"a{number}@b.c,r,,,,p,n,,,{VALID[number % 3] if number % 5 == 0 else ''}" for number in range(2000)]
    report = check("\n".join([EARLY, *rows, "x"]), batch_bytes=5000, piece=700)

    assert findings(report) == [("tooFewFields", "line 2002, ResourceId")]
    assert [warning.line for warning in report.warnings] == list(range(2, 2002, 5))
    assert BATCH_BYTES > 5000
