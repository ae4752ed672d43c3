"""Files with logins: matched with the directory and the application's list, through HTTP, to rows with object ids."""

import csv
from collections.abc import Iterator
from io import StringIO
from uuid import UUID, uuid4

import httpx
import pytest

from local.azurite import azurite
from tests.support.client import Json, Resource, Session, assert_error, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

CSV = {"Content-Type": "text/csv"}
DECLARED = {
    "columns": {"principalId": "Login", "permissionId": "Role", "permissionName": "Role"},
    "constants": {"principalType": "user"},
    "principals": {"matchBy": ["userPrincipalName", "onPremisesSamAccountName"], "accountIn": "CustomData"},
}


def user(number: int) -> str:
    return str(UUID(int=number << 100 | number, version=4))


DIRECTORY = "id,userPrincipalName,onPremisesSamAccountName,accountEnabled\n" + "".join(
    f"{user(number)},ann{number}@x.example,{'SHARED' if number in (8, 9) else f'ANN{number}'},{number != 7}\n"
    for number in range(10)
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A storage account of these tests only: it has one directory."""
    with azurite(tmp_path_factory.mktemp("azurite")) as own:
        opened = Storage(own.connection_string)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def http(account: Storage) -> Iterator[httpx.Client]:
    with running_service(account.connection_string) as url, http_client(url) as client:
        yield client


@pytest.fixture
def session(http: httpx.Client) -> Session:
    """A session of a resource that declares how its accounts are matched, beside the directory."""
    made = Resource(http).new_session()
    assert http.put(f"{place(made)}/import", json=DECLARED).status_code == 200
    assert http.put("/v1.0/uploads/directory", content=DIRECTORY, headers=CSV).status_code == 200
    return made


def place(session: Session) -> str:
    return f"/v1.0/uploads/resources/{session.resource.catalog_id}/{session.resource.resource_id}"


def put_accounts(session: Session, content: str | bytes) -> None:
    answer = session.http.put(f"{place(session)}/accounts", content=content, headers=CSV)
    assert answer.status_code == 200, answer.text


def export(*logins: str) -> bytes:
    return b"Login;Role\r\n" + "".join(f"{login};reader\r\n" for login in logins).encode()


def details(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(each["code"], each["target"]) for each in answer.json()["error"]["details"]]


def rows_of(session: Session, file: Json) -> list[dict[str, str]]:
    text = session.http.get(f"{session.path}/files/{file['id']}/rows/$value").text
    return list(csv.DictReader(StringIO(text, newline="")))


def test_logins_become_object_ids_and_the_answer_says_by_what(session: Session, account: Storage) -> None:
    put_accounts(session, f"account,principalId\nsvc,-\nvendor,{user(3)}\n")
    content = export("ann1@x.example", " Ann2", "ANN1@X.EXAMPLE", "svc", "vendor", user(4).upper(), "ann7")

    answer = session.upload("logins.csv", content)

    assert answer.status_code == 200, answer.text
    warnings = {(each["code"], each["target"]) for each in answer.json()["@uploads.warnings"]}
    assert warnings >= {("disabledPrincipal", "line 8, Login"), ("leftOut", "line 1")}
    (file,) = session.files().json()["value"]
    told = file["@uploads.rows"]
    told_of = session.http.get("/v1.0/uploads/directory").json()
    assert told["matched"] == {"userPrincipalName": 2, "onPremisesSamAccountName": 2, "accounts": 1, "objectId": 1}
    assert (told["rowCount"], told["leftOut"]) == (6, 1)
    assert told["directory"] == {"sha256": told_of["sha256"], "uploadedDateTime": told_of["uploadedDateTime"]}
    assert [(row["principalId"], row["CustomData"]) for row in rows_of(session, file)] == [
        (user(1), "ann1@x.example"),
        (user(2), " Ann2"),
        (user(1), "ANN1@X.EXAMPLE"),
        (user(3), "vendor"),
        (user(4).upper(), user(4).upper()),
        (user(7), "ann7"),
    ]
    assert session.value(file["id"]).content == content
    session.completed()
    assert account.violations(session.resource) == []


def test_accounts_that_nobody_has_are_told_downloaded_filled_in_and_put(session: Session) -> None:
    content = export("ann1", "nobody", "shared", "NOBODY ", "svc", "ann2", user(77))

    refused = session.upload("logins.csv", content)

    assert_error(refused, 400, "invalidRequest", target="file")
    assert details(refused) == [
        ("unknownPrincipal", "line 3, Login"),
        ("ambiguousPrincipal", "line 4, Login"),
        ("unknownPrincipal", "line 5, Login"),
        ("unknownPrincipal", "line 6, Login"),
        ("unknownPrincipal", "line 8, Login"),
    ]
    messages = [each["message"] for each in refused.json()["error"]["details"]]
    assert "'nobody'" in messages[0]
    assert user(8) in messages[1]
    assert user(9) in messages[1]
    assert "ann8@x.example" not in refused.text
    path = f"{session.path}/refusals/{refused.json()['error']['innerError']['refusalId']}/accounts"
    listed = session.http.get(path)
    assert listed.text == f"account,principalId\r\nnobody,\r\nshared,\r\nsvc,\r\n{user(77)},\r\n"
    assert listed.headers["Content-Type"] == "text/csv; charset=utf-8"
    filled = listed.text.replace("nobody,", f"nobody,{user(5)}").replace("shared,", "shared,ann8@x.example")
    put_accounts(session, filled.replace("svc,", "svc,-").replace(f"{user(77)},", f"{user(77)},{user(6)}"))
    assert session.upload("logins.csv", content).status_code == 200
    (file,) = session.files().json()["value"]
    assert [row["principalId"] for row in rows_of(session, file)] == [
        *(user(1), user(5), user(8), user(5), user(2)),
        user(6),
    ]
    assert_error(session.http.get(path), 404, "itemNotFound")


def test_a_refusal_for_another_reason_has_no_accounts(session: Session) -> None:
    refused = session.upload("access.csv", b"Login;Role\r\nann1;\r\n")
    assert_error(refused, 400, "invalidRequest")
    assert "refusalId" not in refused.json()["error"]["innerError"]
    (refusal,) = session.refusals().json()["value"]
    listed = session.http.get(f"{session.path}/refusals/{refusal['id']}/accounts")
    assert listed.text == "account,principalId\r\n"
    assert_error(session.http.get(f"{session.path}/refusals/{uuid4()}/accounts"), 404, "itemNotFound")


def test_ten_thousand_accounts_of_a_refusal_are_kept_and_the_list_of_refusals_stays_short(session: Session) -> None:
    accounts = [f"login-{number:06d}" for number in range(11_000)]
    refused = session.upload("logins.csv", export(*accounts))
    assert refused.json()["error"]["innerError"]["findingCount"] == 11_000
    (refusal,) = session.refusals().json()["value"]
    lines = session.http.get(f"{session.path}/refusals/{refusal['id']}/accounts").text.splitlines()
    assert lines == ["account,principalId", *(f"{account}," for account in accounts[:10_000])]
    put_accounts(session, "\r\n".join([lines[0], *(f"{line}-" for line in lines[1:])]))


def test_without_a_directory_only_object_ids_and_listed_accounts_are_taken(session: Session) -> None:
    session.http.delete("/v1.0/uploads/directory")
    put_accounts(session, f"account,principalId\nvendor,{user(3)}\n")
    refused = session.upload("logins.csv", export("ann1", "vendor", user(99)))
    assert details(refused) == [("noDirectory", "line 2, Login")]
    assert session.upload("logins.csv", export("vendor", user(99))).status_code == 200
    (file,) = session.files().json()["value"]
    assert file["@uploads.rows"]["directory"] is None


def test_a_check_matches_as_an_upload_does_and_remembers_nothing(session: Session) -> None:
    form = {"file": ("logins.csv", export("ann1", "nobody"), "text/csv")}
    refused = session.http.post(f"{session.path}/validateFile", files=form)
    assert details(refused) == [("unknownPrincipal", "line 3, Login")]
    assert session.refusals().json()["value"] == []
    tried = session.http.post(f"{place(session)}/validateFile", files={"file": ("l.csv", export("ann1"), "text/csv")})
    assert [row["principalId"] for row in tried.json()["firstRows"]] == [user(1)]


def test_where_no_principals_are_declared_nothing_is_matched(session: Session) -> None:
    declared = {name: value for name, value in DECLARED.items() if name != "principals"}
    assert session.http.put(f"{place(session)}/import", json=declared).status_code == 200
    put_accounts(session, "account,principalId\nann1@x.example,-\n")
    assert session.upload("logins.csv", export("ann1@x.example", user(99))).status_code == 200
    (file,) = session.files().json()["value"]
    assert [row["principalId"] for row in rows_of(session, file)] == ["ann1@x.example", user(99)]


def test_names_are_refused_where_object_ids_are_required(account: Storage) -> None:
    with (
        running_service(account.connection_string, require_object_ids="true") as url,
        http_client(url) as http,
    ):
        made = Resource(http).new_session()
        header = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\n"
        names = header + f"{user(1)},user,1,one,,\nann2@x.example,user,1,one,,\nann3@x.example,user,1,one,,\n".encode()
        refused = made.upload("names.csv", names)
        assert details(refused) == [("principalIsNotAnObjectId", "line 3, principalId")]
        assert "Rows with a name: 2." in refused.text
        assert account.blob_names(made.resource) == []
        assert http.put(f"{place(made)}/import", json=DECLARED).status_code == 200
        assert http.put("/v1.0/uploads/directory", content=DIRECTORY, headers=CSV).status_code == 200
        assert made.upload("names.csv", export("ann2@x.example")).status_code == 200
