"""Directories as tools export them, and those that are refused."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.access_data.codes import Code
from shared.access_data.people import directory_file
from shared.access_data.people.digests import digests
from shared.access_data.people.directory_file import DirectoryReader, Part
from shared.access_data.people.lists import ListError
from shared.access_data.people.snapshots import Snapshot, read_snapshot

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ANN, BOB, EVE = (str(UUID(int=number, version=4)) for number in (1, 2, 3))


def read(content: bytes, piece: int = 1000) -> Snapshot:
    return read_snapshot((content[at : at + piece] for at in range(0, len(content), piece)), NOW)


def parts(content: bytes) -> Sequence[Part]:
    with closing(DirectoryReader(b"key")) as reader:
        for _ in reader.feeding(content, final=True):
            pass
        return list(reader.parts())


def refused(content: bytes, piece: int = 1000) -> list[tuple[Code, int, str | None]]:
    with pytest.raises(ListError) as caught:
        read(content, piece)
    return [(finding.code, finding.line, finding.column) for finding in caught.value.findings]


def holders(snapshot: Snapshot, attribute: str, value: str) -> list[str]:
    found = snapshot.attributes[attribute]
    first, last = found.values.find(digests([value], snapshot.key))
    return snapshot.users.ids.texts(found.users[first[0] : last[0]])


PORTAL = f"userPrincipalName,mail,objectId,accountEnabled\nann@x.example,Ann@x.example,{ANN},TRUE\n,,{BOB},FALSE\n"
POWERSHELL = (
    f'#TYPE Selected.Microsoft.Graph\r\n"Id","UserPrincipalName","Mail","AccountEnabled"\r\n'
    f'"{BOB}","bob@x.example",,"False"\r\n"{ANN}","ann@x.example","ann@x.example","True"\r\n'
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PORTAL.encode(), id="Entra portal"),
        pytest.param(POWERSHELL.encode(), id="PowerShell"),
        pytest.param(b"\xef\xbb\xbf" + PORTAL.replace(",", ";").encode(), id="Excel, semicolons"),
        pytest.param(b"\xef\xbb\xbfsep=;\r\n" + PORTAL.replace(",", ";").encode(), id="Excel, sep line"),
        pytest.param(PORTAL.replace(",", "\t").encode("utf-16"), id="Excel, Unicode text"),
        pytest.param(PORTAL.replace(",", "|").replace("\n", "\r").encode(), id="bars, carriage returns"),
        pytest.param(b'Users of "Fabrikam"\n\n' + PORTAL.replace("objectId", "Object Id").encode(), id="title"),
        pytest.param(PORTAL.encode() + b"\n,,,\n\n", id="empty rows at the end"),
        pytest.param(PORTAL.strip().encode(), id="no line break at the end"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_directory_is_read_as_tools_export_it(content: bytes, piece: int) -> None:
    snapshot = read(content, piece)
    assert holders(snapshot, "mail", "ann@x.example") == [ANN]
    assert holders(snapshot, "userprincipalname", "ann@x.example") == [ANN]
    users, are_there = snapshot.users.find([ANN, BOB, EVE])
    assert are_there.tolist() == [True, True, False]
    assert snapshot.users.are_disabled(users[:2]) == [False, True]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"id,mail\n{ANN},a\n{BOB},b\n{ANN.upper()},c\n", [(Code.DUPLICATE_USER, 4, "id")]),
        (
            f'id,mail\n{ANN},"a\nb"\nnobody,b\n,c\n',
            [(Code.INVALID_PRINCIPAL_ID, 4, "id"), (Code.MISSING_VALUE, 5, "id")],
        ),
        (f"id,accountEnabled\n{ANN},yes\n", [(Code.INVALID_ACCOUNT_ENABLED, 2, "accountEnabled")]),
        (f"id,mail\n{ANN}\n", [(Code.TOO_FEW_FIELDS, 2, None)]),
        (f"id,mail\n{ANN},a,b\n", [(Code.TOO_MANY_FIELDS, 2, None)]),
        (f"id,mail, MAIL\n{ANN},a,b\n", [(Code.DUPLICATE_COLUMN, 1, "mail")]),
        (f'id,mail\n{ANN},a\n{BOB},"b\n', [(Code.UNCLOSED_QUOTE, 3, None)]),
        (f'id,mail\n{ANN},a\n{BOB},"b"b\n', [(Code.STRAY_QUOTE, 3, None)]),
        ("mail\na\n", [(Code.MISSING_HEADER, 1, None)]),
        ("", [(Code.MISSING_HEADER, 1, None)]),
        ("id,mail\n", [(Code.EMPTY_FILE, 1, None)]),
        ("id\n" + "x\n" * 50, [(Code.INVALID_PRINCIPAL_ID, line, "id") for line in range(2, 22)]),
        ("PK\x03\x04" + "\0" * 26 + "[Content_Types].xml", [(Code.EXCEL_WORKBOOK, 1, None)]),
        ("id," + "x" * 101 + f"\n{ANN},a\n", [(Code.LIST_TOO_LONG, 1, "x" * 80 + "...")]),
        ("id," + ",".join(map(str, range(61))) + "\n" + ANN + "," * 61 + "\n", [(Code.LIST_TOO_LONG, 1, None)]),
    ],
)
def test_a_faulty_directory_is_refused_with_the_line(
    content: str, expected: list[tuple[Code, int, str | None]]
) -> None:
    assert refused(content.encode()) == expected
    assert refused(content.encode(), 1)[:1] == expected[:1]


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    rows = "".join(f"{UUID(int=number)},x\n" for number in range(1000)).encode()
    assert refused(b"id,mail\n" + rows + f"{ANN},".encode() + b"\xff\n") == [(Code.INVALID_UTF8, 1002, None)]


def test_an_unclosed_quote_does_not_take_the_rest_of_the_directory_into_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield f'id,mail\n{ANN},"'.encode()
        for _ in range(100):
            yield b"x\n" * 5000
        raise AssertionError("it read on")

    with pytest.raises(ListError) as caught:
        read_snapshot(endless(), NOW)
    assert (caught.value.findings[0].code, caught.value.findings[0].line) == (Code.UNCLOSED_QUOTE, 2)


def test_attributes_are_counted_with_the_users_that_share_a_value() -> None:
    rows = f"{ANN},a@x,,Ann\n{BOB},b@x,B@x,\n{EVE},A@X ,b@x,\n{UUID(int=9)},a@x,c@x,Bob\n"
    users, *attributes = parts(f"id,mail,Other Mail,displayName\n{rows}".encode())
    assert users.users == 4
    assert [(part.name, part.users, part.shared) for part in attributes] == [
        ("mail", 4, 3),
        ("Other Mail", 3, 2),
        ("displayName", 2, 0),
    ]


def test_what_becomes_of_a_directory_holds_no_text_of_it() -> None:
    stored = b"".join(part.data for part in parts(PORTAL.encode()))
    for text in ("ann@x.example", "Ann@x.example", "ann"):
        assert text.encode() not in stored
        assert text.encode("utf-16-le") not in stored


def test_more_users_or_values_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{UUID(int=number)},x,y\n" for number in range(1000)).encode()
    monkeypatch.setattr(directory_file, "MAX_USERS", 999)
    assert [code for code, _, _ in refused(b"id,mail,login\n" + rows)] == [Code.LIST_TOO_LONG]
    monkeypatch.setattr(directory_file, "MAX_USERS", 1000)
    read(b"id,mail,login\n" + rows)
    monkeypatch.setattr(directory_file, "MAX_VALUES", 1999)
    assert [code for code, _, _ in refused(b"id,mail,login\n" + rows)] == [Code.LIST_TOO_LONG]
