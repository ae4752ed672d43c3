"""An application's own list of accounts: whose they are, where no attribute of the directory says it.

A CSV file with the columns ``account`` and ``principalId``. A principal is an object id, a user principal name, or
``-`` for an account that is no person's.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO

from ..careful.cells import PRINCIPAL
from ..codes import Code
from ..findings import Finding, shown
from .comparing import comparable, stripped
from .lists import ListError, ListReader, ListRow

COLUMNS = ("account", "principalId")
NOT_A_PERSON = "-"

# As many as the list of a refusal has, so that it can be put with every line filled in.
MAX_ACCOUNTS = 10_000

# Longer than the longest name of a login (Entra: 113 characters; a distinguished name of LDAP: 255).
MAX_ACCOUNT = 512

_HEADER = "account,principalId"
_MISSING = f"The first row must be {_HEADER}."
_COMPARED = tuple(map(comparable, COLUMNS))
_PRINCIPAL = re.compile(PRINCIPAL)

Accounts = Mapping[str, str]
"""The principal of each account, by the account as it is in the list."""


def read_accounts(content: bytes) -> dict[str, str]:
    """The accounts of a list.

    Raises:
        ListError: it is refused.
    """
    reader = ListReader(lambda cells: comparable(cells[0]) == _COMPARED[0] if cells else False, _MISSING)
    rows = reader.read(content, final=True)
    names = tuple(map(comparable, reader.columns))
    if names != _COMPARED:
        code = Code.MISSING_COLUMN if len(names) < len(COLUMNS) else Code.UNKNOWN_COLUMN
        raise ListError([Finding(code, f"The columns must be {_HEADER}, and no others.", reader.header_line)])
    if len(rows) > MAX_ACCOUNTS:
        message = f"The list has {len(rows):,} accounts. The limit is {MAX_ACCOUNTS:,}."
        raise ListError([Finding(Code.LIST_TOO_LONG, message, rows[MAX_ACCOUNTS].line)])
    return _checked(rows)


def _checked(rows: Sequence[ListRow]) -> dict[str, str]:
    accounts: dict[str, str] = {}
    lines: dict[str, int] = {}
    findings: list[Finding] = []
    for line, (account, cell) in rows:
        principal = stripped(cell)
        compared = comparable(account)
        if not compared:
            findings.append(Finding(Code.MISSING_VALUE, "The row has no account.", line, COLUMNS[0]))
        elif len(account) > MAX_ACCOUNT:
            message = f"The account has {len(account):,} characters. The limit is {MAX_ACCOUNT}."
            findings.append(Finding(Code.FIELD_TOO_LONG, message, line, COLUMNS[0], shown(account)))
        elif compared in lines:
            message = f"The account '{shown(account)}' is that of line {lines[compared]}. Remove one of them."
            findings.append(Finding(Code.DUPLICATE_ACCOUNT, message, line, COLUMNS[0], shown(account)))
        if not principal:
            message = (
                "The account has no principal. Give the object id or the user principal name of its user, or - if it "
                "is no person's."
            )
            findings.append(Finding(Code.MISSING_VALUE, message, line, COLUMNS[1]))
        elif principal != NOT_A_PERSON and not _PRINCIPAL.fullmatch(principal):
            message = f"'{shown(principal)}' is neither an object id (a GUID), nor a user principal name, nor -."
            findings.append(Finding(Code.INVALID_PRINCIPAL_ID, message, line, COLUMNS[1], shown(principal)))
        lines.setdefault(compared, line)
        accounts[account] = principal
    if findings:
        raise ListError(findings)
    return accounts


def load_accounts(content: bytes) -> dict[str, str]:
    """The accounts of a list as ``write_accounts`` has written it."""
    rows = csv.reader(StringIO(content.decode(), newline=""))
    next(rows)
    return {row[0]: row[1] for row in rows}


def write_accounts(accounts: Iterable[tuple[str, str]]) -> bytes:
    """The list as a CSV file: UTF-8, with the lines of RFC 4180."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(accounts)
    return text.getvalue().encode()
