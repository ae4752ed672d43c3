"""An application's own list of accounts: what it may say, and how a faulty one is refused."""

from uuid import UUID

import pytest

from shared.access_data.codes import Code
from shared.access_data.people import exceptions
from shared.access_data.people.exceptions import load_accounts, read_accounts, write_accounts
from shared.access_data.people.lists import ListError

ANN = str(UUID(int=1, version=4))


def test_a_first_line_that_no_cell_can_be_read_from_is_no_header() -> None:
    assert refused("x" * 140_000 + "\naccount,principalId\na,-\n") == [(Code.MISSING_HEADER, 1, None)]


def refused(content: str) -> list[tuple[Code, int, str | None]]:
    with pytest.raises(ListError) as caught:
        read_accounts(content.encode())
    return [(finding.code, finding.line, finding.column) for finding in caught.value.findings]


@pytest.mark.parametrize(
    "content",
    [
        f'account,principalId\nann,{ANN}\nsvc-backup,-\n"Doe, Jo",jo@fabrikam.example\n',
        f"\ufeffACCOUNT;principalid\r\nann;{ANN} \r\nsvc-backup;-\r\nDoe, Jo;jo@fabrikam.example\r\n;\r\n",
    ],
)
def test_a_list_says_whose_an_account_is(content: str) -> None:
    accounts = read_accounts(content.encode())
    assert accounts == {"ann": ANN, "svc-backup": "-", "Doe, Jo": "jo@fabrikam.example"}
    assert read_accounts(write_accounts(accounts.items())) == accounts
    assert load_accounts(write_accounts(accounts.items())) == accounts


def test_a_list_can_be_empty() -> None:
    assert read_accounts(b"account,principalId\n") == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"account,principalId\nann,{ANN}\n Ann,-\n", [(Code.DUPLICATE_ACCOUNT, 3, "account")]),
        ("account,principalId\nann,\nbob,-\n", [(Code.MISSING_VALUE, 2, "principalId")]),
        ("account,principalId\n\u200b,-\n", [(Code.MISSING_VALUE, 2, "account")]),
        ("account,principalId\nann,bob\n", [(Code.INVALID_PRINCIPAL_ID, 2, "principalId")]),
        ("account,principalId\n" + "x" * 513 + ",-\n", [(Code.FIELD_TOO_LONG, 2, "account")]),
        ("account,principalId\nann,-,x\n", [(Code.TOO_MANY_FIELDS, 2, None)]),
        ("account,principalId,note\nann,-,x\n", [(Code.UNKNOWN_COLUMN, 1, None)]),
        ("account\nann\n", [(Code.MISSING_COLUMN, 1, None)]),
        ("ann,-\n", [(Code.MISSING_HEADER, 1, None)]),
        ("", [(Code.MISSING_HEADER, 1, None)]),
    ],
)
def test_a_faulty_list_is_refused_with_the_line(content: str, expected: list[tuple[Code, int, str | None]]) -> None:
    assert refused(content) == expected


def test_more_accounts_than_a_refusal_lists_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exceptions, "MAX_ACCOUNTS", 2)
    assert len(read_accounts(b"account,principalId\na,-\nb,-\n")) == 2
    assert refused("account,principalId\na,-\nb,-\nc,-\n") == [(Code.LIST_TOO_LONG, 4, None)]
