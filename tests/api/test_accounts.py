"""An application's own list of accounts: who may put it, and what is kept of it."""

import secrets
from uuid import uuid4

import httpx
import pytest

from tests.api.test_audit import activities, records
from tests.support.authority import READ_ALL, Authority
from tests.support.client import assert_error, http_client

CSV = {"Content-Type": "text/csv"}
ANN = str(uuid4())
LIST = f'account,principalId\r\nsvc-backup,-\r\n"Doe, Jo",jo@fabrikam.example\r\njdoe7,{ANN}\r\n'


@pytest.fixture
def resource() -> str:
    return str(uuid4())


@pytest.fixture
def path(catalog: str, resource: str) -> str:
    return f"/v1.0/uploads/resources/{catalog}/{resource}/accounts"


def test_a_list_is_put_read_replaced_and_deleted(
    administrator: httpx.Client, path: str, catalog: str, resource: str
) -> None:
    assert_error(administrator.get(path), 404, "itemNotFound")
    put = administrator.put(path, content=LIST.replace(",jdoe7", ";jdoe7").encode(), headers=CSV)
    assert put.status_code == 200, put.text
    told = put.json()
    assert (told["catalogId"], told["resourceId"], told["accountCount"]) == (catalog, resource, 3)
    read = administrator.get(path.replace("v1.0", "beta"))
    assert (read.text, read.headers["ETag"]) == (LIST, told["@odata.etag"])
    assert read.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert administrator.put(path, content=read.content, headers=CSV).json()["accountCount"] == 3
    form = administrator.put(path, files={"file": ("accounts.csv", "account;principalId\nx;-\n".encode("utf-16"))})
    assert form.json()["accountCount"] == 1
    assert administrator.get(path).text == "account,principalId\r\nx,-\r\n"
    assert administrator.delete(path).status_code == 204
    assert_error(administrator.delete(path), 404, "itemNotFound")
    assert_error(administrator.get(path), 404, "itemNotFound")


def test_a_faulty_list_replaces_nothing_and_every_fault_has_its_line(administrator: httpx.Client, path: str) -> None:
    administrator.put(path, content=LIST, headers=CSV)
    faulty = "account,principalId\nann,\nbob,-\nBOB,-\nrobot,nobody\n"
    answer = administrator.put(path, content=faulty, headers=CSV)
    assert_error(answer, 400, "invalidRequest", target="file")
    assert [(detail["code"], detail["target"]) for detail in answer.json()["error"]["details"]] == [
        ("missingValue", "line 2, principalId"),
        ("duplicateAccount", "line 4, account"),
        ("invalidPrincipalId", "line 5, principalId"),
    ]
    assert administrator.get(path).text == LIST


def test_the_largest_list_is_stored_and_a_larger_one_is_refused(administrator: httpx.Client, path: str) -> None:
    rows = [f"{secrets.token_hex(17)},{uuid4()}\r\n" for _ in range(10_000)]
    largest = "account,principalId\r\n" + "".join(rows)
    assert administrator.put(path, content=largest, headers=CSV).status_code == 200
    assert administrator.get(path).text == largest
    more = administrator.put(path, content=f"{largest}x,-\r\n", headers=CSV)
    assert_error(more, 400, "invalidRequest", target="file")
    longer = "account,principalId\r\n" + "".join(f"{'x' * 60}{row}" for row in rows)
    assert_error(administrator.put(path, content=longer, headers=CSV), 413, "invalidRequest")
    assert_error(administrator.put(path, content=longer * 2, headers=CSV), 413, "invalidRequest")
    assert administrator.get(path).text == largest


def test_a_list_is_changed_on_condition(administrator: httpx.Client, path: str) -> None:
    first = administrator.put(path, content=LIST, headers=CSV | {"If-None-Match": "*"})
    assert_error(administrator.put(path, content=LIST, headers=CSV | {"If-None-Match": "*"}), 412, "resourceModified")
    second = administrator.put(path, content=LIST, headers=CSV | {"If-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert_error(administrator.delete(path, headers={"If-Match": first.headers["etag"]}), 412, "resourceModified")
    assert administrator.get(path, headers={"If-None-Match": second.headers["etag"]}).status_code == 304
    assert administrator.delete(path, headers={"If-Match": second.headers["etag"]}).status_code == 204


def test_an_owner_puts_it_if_the_grant_says_so_and_a_reader_only_reads_it(
    guarded: str, authority: Authority, administrator: httpx.Client, catalog: str, resource: str, path: str
) -> None:
    oid = str(uuid4())
    grant = f"/v1.0/uploads/grants/catalogs/{catalog}/resources/{resource}/principals/{oid}"
    administrator.put(path, content=LIST, headers=CSV)
    with http_client(guarded, authority.token(roles=None, oid=oid)) as http:
        assert_error(http.get(path), 404, "itemNotFound")
        for role in ("reader", "owner"):
            administrator.put(grant, json={"role": role})
            assert http.get(path).text == LIST
            assert_error(http.put(path, content=LIST, headers=CSV), 403, "accessDenied")
            assert_error(http.delete(path), 403, "accessDenied")
        administrator.put(grant, json={"role": "owner", "mayDeclare": True})
        assert http.put(path, content=LIST, headers=CSV).status_code == 200
        assert http.delete(path).status_code == 204
        other = path.replace(resource, str(uuid4()))
        assert_error(http.put(other, content=LIST, headers=CSV), 404, "itemNotFound")
    with http_client(guarded, authority.token(roles=[READ_ALL])) as auditor:
        assert_error(auditor.put(path, content=LIST, headers=CSV), 403, "accessDenied")


def test_changes_are_recorded_with_counts_only(
    administrator: httpx.Client, path: str, catalog: str, resource: str
) -> None:
    administrator.put(path, content=LIST, headers=CSV)
    administrator.delete(path)
    found = records(administrator, f"catalogId eq {catalog} and resourceId eq {resource}")
    assert activities(found) == [("putAccounts", "success"), ("deleteAccounts", "success")]
    assert [record["details"] for record in found] == [{"accounts": 3}, {}]


def test_it_is_neither_a_grant_nor_an_application(administrator: httpx.Client, path: str, catalog: str) -> None:
    administrator.put(path, content=LIST, headers=CSV)
    assert administrator.get(f"/v1.0/uploads/grants/catalogs/{catalog}").json()["value"] == []
    assert_error(administrator.get(path.removesuffix("/accounts")), 404, "itemNotFound")
    assert path.split("/")[-2] not in administrator.get("/v1.0/uploads/resources?$top=999").text
