"""Hints in messages about mistakes that spreadsheets make, and the warning about ids that Excel has shortened."""

import pytest

from shared.access_data.validator import BATCH_BYTES
from tests.unit.access_data.test_validator import ANA, G, check, findings, warnings

PRINCIPAL, TYPE = ANA.split(",")[:2]

CELLS = {
    "spaces after a principal": (ANA.replace(PRINCIPAL, f"{PRINCIPAL} "), "Remove the white space"),
    "a hard space after a principal": (ANA.replace(PRINCIPAL, f"{PRINCIPAL}\u00a0"), "Remove the white space"),
    "spaces before a type": (ANA.replace(TYPE, f" {TYPE}"), "Remove the white space"),
    "an invisible character": (ANA.replace(PRINCIPAL, f"\u200b{PRINCIPAL}"), "invisible character"),
    "a GUID in braces": (ANA.replace(PRINCIPAL, "{8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11}"), "without braces"),
    "a GUID without hyphens": (ANA.replace(PRINCIPAL, "8f3c1a5294de4f0b9c2f0d6a5b1e7c11"), "with hyphens"),
    "a shortened number": (ANA.replace(PRINCIPAL, "8.3E+12"), "Excel"),
    "a row of empty cells": (",,,,,", "The whole row is empty"),
}


@pytest.mark.parametrize("kind", CELLS)
def test_a_message_has_a_hint(kind: str) -> None:
    row, words = CELLS[kind]

    report = check(f"{G}\n{row}\n{ANA}\n")

    assert report.findings
    assert all(words in finding.message for finding in report.findings)


HEADERS = {
    "permisionId": ("permissionId", "permissionId"),
    "Principal Type": ("principalType", "principalType"),
    "permissionId ": ("permissionId", "permissionId"),
    "Description": ("permissionDescription", "permissionDescription"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_misspelled_column_is_one_finding_with_the_right_name(name: str) -> None:
    column, right = HEADERS[name]

    report = check(f"{G.replace(column, name)}\n{ANA}\n")

    assert findings(report) == [("unknownColumn", f"line 1, {name}")]
    assert f"Did you mean {right}?" in report.findings[0].message


def test_columns_without_a_name_are_one_finding() -> None:
    report = check(f"{G},,\n{ANA},,\n")

    assert findings(report) == [("unknownColumn", "line 1")]
    assert "2 columns have no name" in report.findings[0].message


@pytest.mark.parametrize("batch_bytes", [1, 90, BATCH_BYTES])
@pytest.mark.parametrize("value", ["1.23457E+15", "1E+20", '"1,23457E+15"'])
def test_an_id_that_excel_has_shortened_is_a_warning(value: str, batch_bytes: int) -> None:
    report = check(f"{G}\n{ANA}\n{ANA.replace('door-1', value)}\n", batch_bytes=batch_bytes)

    assert findings(report) == []
    assert warnings(report) == [("shortenedNumber", "line 3, permissionId")]


@pytest.mark.parametrize("value", ["1.2", "1E5", "1.5E", "12E+15", "1e+15-a", "E+15", "1", "1E", "1.23E+15x"])
def test_an_id_that_only_looks_like_it_has_no_warning(value: str) -> None:
    assert warnings(check(f"{G}\n{ANA}\n{ANA.replace('door-1', value)}\n")) == []
