"""Faults of whole rows: each names its line, and its column where there is one."""

import pytest

from shared.access_data.validator import BATCH_BYTES, Validator
from tests.unit.access_data.test_validator import ANA, OK, G, Place, check, findings

UNCLOSED: dict[str, tuple[list[str], list[Place]]] = {
    "the row becomes short": ([OK, ANA.replace("Main", '"Main'), OK], [("unclosedQuote", "line 3, permissionName")]),
    "the row becomes short, the first cell": ([f'"{ANA}', OK], [("unclosedQuote", "line 2, principalId")]),
    "the last cell": ([OK, ANA.replace(",Door", ',"Door')], [("unclosedQuote", "line 3, permissionType")]),
    "the quote closes in a later row": (
        [OK, ANA.replace("Main", '"Main'), OK.replace("Archive", '"Archive"'), ANA, "x,user,1,n,,"],
        [("unclosedQuote", "line 3, permissionName"), ("invalidPrincipalId", "line 6, principalId")],
    ),
    "the quote closes in a later row, with as many cells": (
        [OK, 'ana@contoso.com,user,door-1,Main,"Opens', 'ben@contoso.com,user,door-2,Main,"Opens it",Door', "x"],
        [("unclosedQuote", "line 3, permissionDescription"), ("tooFewFields", "line 5, principalType")],
    ),
    "below a cell of two lines": (
        ['ana@contoso.com,user,door-1,"Main\ndoor","Opens', OK],
        [("unclosedQuote", "line 3, permissionDescription")],
    ),
    "beyond the last column": ([f'{ANA},"more', OK], [("unclosedQuote", "line 2")]),
}


@pytest.mark.parametrize("kind", UNCLOSED)
def test_an_unclosed_quote_is_reported_with_line_and_column_wherever_the_file_is_split(kind: str) -> None:
    rows, expected = UNCLOSED[kind]
    content = "\n".join([G, *rows])
    whole = check(content)

    assert findings(whole) == expected
    for batch_bytes in range(1, len(content) + 1):
        assert check(content, batch_bytes=batch_bytes, piece=batch_bytes) == whole


def test_an_unclosed_quote_in_a_large_file_is_reported_where_it_opens() -> None:
    rows = [OK] * 40_000
    rows[100] = ANA.replace("Main", '"Main')
    content = "\n".join([G, *rows, "short", ""])
    assert len(content) > 2 * 2**20

    for piece in (65536, 1_000_003):
        report = check(content, piece=piece)
        assert findings(report) == [
            ("unclosedQuote", "line 102, permissionName"),
            ("tooFewFields", "line 40002, principalType"),
        ]


def test_an_unclosed_quote_in_the_header_is_reported() -> None:
    report = check(f"{G.replace('permissionId', chr(34) + 'permissionId')}\n{ANA}\n")

    assert findings(report) == [("unclosedQuote", "line 1, permissionId")]


COUNTS: dict[str, tuple[str, list[Place], str]] = {
    "one cell": ("ana@contoso.com", [("tooFewFields", "line 2, principalType")], "1 cell;"),
    "one cell short": (ANA.removesuffix(",Door"), [("tooFewFields", "line 2, permissionType")], "5 cells;"),
    "a comma at the end": (f"{ANA},", [("surplusCells", "line 2")], "more separators than the header"),
    "a comma beside misplaced quotes": (
        ANA.replace("Main door", 'Main "door, left"'),
        [("tooManyFields", "line 2, permissionName")],
        "quoted",
    ),
}


@pytest.mark.parametrize("kind", COUNTS)
def test_a_wrong_number_of_cells_names_the_column_where_there_is_one(kind: str) -> None:
    row, expected, words = COUNTS[kind]

    report = check(f"{G}\n{row}\n")

    assert findings(report) == expected
    assert words in report.findings[0].message


@pytest.mark.parametrize("batch_bytes", [1000, BATCH_BYTES])
def test_a_row_that_is_too_long_ends_in_its_line(batch_bytes: int) -> None:
    validator = Validator(principal_types={"user", "EntraIdUser"}, batch_bytes=batch_bytes)
    validator.feed(f"{G}\n{ANA.replace('Main', 'x' * 2**20)}\n{OK}\nshort\n".encode())

    assert findings(validator.finish()) == [
        ("rowTooLong", "line 2"),
        ("tooFewFields", "line 4, principalType"),
    ]
