"""The rules of a declaration: what it can say, and every fault with the property that has it."""

import codecs
from typing import Any

import pytest

from shared.access_data.steps.declaration import (
    ENCODINGS,
    Declaration,
    DeclarationError,
    PrincipalRules,
    parse_declaration,
)

TYPES = ("EntraIdUser", "user")


def parse(value: object) -> Declaration:
    return parse_declaration(value, TYPES)


WHOLE: dict[str, Any] = {
    "columns": {"principalid": "Login", "permissionId": "Role", "permissionName": " Role "},
    "constants": {"principalType": "user", "scopeid": "", "EntitlementOwners_Users": ""},
    "ignoreOtherColumns": True,
    "encoding": "windows-1252",
    "principals": {"matchBy": ["userPrincipalName", "mail"], "accountIn": "customdata"},
}


def test_a_declaration_is_read_with_graphs_spelling_of_its_columns() -> None:
    assert parse(WHOLE) == Declaration(
        {"principalId": "Login", "permissionId": "Role", "permissionName": " Role "},
        {"principalType": "user", "ScopeId": "", "EntitlementOwners_Users": ""},
        True,
        "windows-1252",
        PrincipalRules(("userPrincipalName", "mail"), "CustomData"),
    )


def test_what_is_read_can_be_written_and_read_again() -> None:
    for value in (WHOLE, {}, {"encoding": None, "principals": {"matchBy": ["mail"]}, "note@x": 1}):
        assert parse(parse(value).as_json()) == parse(value)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_listed_encoding_is_one_of_python(encoding: str) -> None:
    assert parse({"encoding": encoding.upper()}).encoding == encoding.upper()
    assert "a,b\n".encode(encoding).decode(encoding) == "a,b\n"
    assert codecs.getincrementaldecoder(encoding)


FAULTS: dict[str, tuple[object, str, str]] = {
    "no object": ([], "body", "object"),
    "an unknown property": ({"column": {}}, "column", "not supported"),
    "an unknown property of principals": ({"principals": {"matchBy": ["a"], "by": 1}}, "principals.by", "supported"),
    "columns is no object": ({"columns": ["a"]}, "columns", "object"),
    "no column of Graph's": ({"columns": {"login": "Login"}}, "columns.login", "principalId, principalType"),
    "a column of the early layout": ({"columns": {"ResourceOwners": "x"}}, "columns.ResourceOwners", "not a column"),
    "the same column in another case": (
        {"columns": {"principalId": "a", "PrincipalId": "b"}},
        "columns.PrincipalId",
        "columns.principalId",
    ),
    "a column that is a constant, too": (
        {"columns": {"ScopeId": "a"}, "constants": {"scopeId": "b"}},
        "constants.scopeId",
        "columns.ScopeId",
    ),
    "a column for the account that is taken": (
        {"columns": {"CustomData": "a"}, "principals": {"matchBy": ["mail"], "accountIn": "CustomData"}},
        "principals.accountIn",
        "columns.CustomData",
    ),
    "a blank name": ({"columns": {"principalId": " \u200b"}}, "columns.principalId", "text"),
    "half a character": ({"columns": {"principalId": "\ud800"}}, "columns.principalId", "text"),
    "a name that is too long": ({"columns": {"principalId": "x" * 257}}, "columns.principalId", "256"),
    "a name that is a number": ({"columns": {"principalId": 1}}, "columns.principalId", "text"),
    "a constant principal": (
        {"constants": {"principalId": "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"}},
        "constants.principalId",
        "which user",
    ),
    "a constant that no cell could be": ({"constants": {"principalType": "robot"}}, "constants.principalType", "robot"),
    "a constant for a required column that is empty": (
        {"constants": {"permissionId": " "}},
        "constants.permissionId",
        "empty",
    ),
    "a constant of two lines": ({"constants": {"CustomData": "a\nb"}}, "constants.CustomData", "control"),
    "a constant of no text": ({"constants": {"CustomData": None}}, "constants.CustomData", "text"),
    "a flag that is a text": ({"ignoreOtherColumns": "true"}, "ignoreOtherColumns", "true or false"),
    "an unknown encoding": ({"encoding": "latin-99"}, "encoding", "windows-1252"),
    "an encoding that is none of texts": ({"encoding": "unicode_escape"}, "encoding", "windows-1252"),
    "an encoding with a NUL": ({"encoding": "utf-8\0"}, "encoding", "windows-1252"),
    "no attribute": ({"principals": {"matchBy": []}}, "principals.matchBy", "1 to 10"),
    "an attribute twice": ({"principals": {"matchBy": ["mail", "Mail "]}}, "principals.matchBy", "twice"),
    "an attribute that is no text": ({"principals": {"matchBy": ["mail", {}]}}, "principals.matchBy", "text"),
    "a required column for the account": (
        {"principals": {"matchBy": ["mail"], "accountIn": "permissionId"}},
        "principals.accountIn",
        "CustomData",
    ),
    "owners for the account": (
        {"principals": {"matchBy": ["mail"], "accountIn": "EntitlementOwners_Users"}},
        "principals.accountIn",
        "CustomData",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_told_with_its_property(kind: str) -> None:
    value, target, words = FAULTS[kind]

    with pytest.raises(DeclarationError) as raised:
        parse(value)
    assert [fault.target for fault in raised.value.faults] == [target]
    assert words in raised.value.faults[0].message


def test_every_fault_is_told() -> None:
    with pytest.raises(DeclarationError) as raised:
        parse({"columns": {"a": "b", "ScopeId": ""}, "encoding": 1, "principals": 1, "x": 1})
    assert [fault.target for fault in raised.value.faults] == [
        *("x", "columns.a", "columns.ScopeId", "encoding", "principals", "principals.matchBy")
    ]
