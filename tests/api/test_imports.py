"""What an application declares for its files: who may, where it is shown, and what it does not touch."""

from uuid import uuid4

import httpx
import pytest

from tests.support.authority import READ_ALL, Authority
from tests.support.client import assert_error, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

DECLARED = {
    "columns": {"principalId": "Login", "permissionId": "Role", "permissionName": "Role"},
    "constants": {"principalType": "user"},
    "ignoreOtherColumns": True,
    "encoding": "windows-1252",
    "principals": {"matchBy": ["userPrincipalName", "mail"], "accountIn": "CustomData"},
}
NAMED = {"displayName": "Doors"}


@pytest.fixture
def place(catalog: str) -> str:
    return f"/v1.0/uploads/resources/{catalog}/{uuid4()}"


def test_a_declaration_is_put_read_replaced_and_deleted(administrator: httpx.Client, place: str) -> None:
    path = f"{place}/import"
    assert_error(administrator.get(path), 404, "itemNotFound")
    put = administrator.put(path, json=DECLARED)
    assert put.status_code == 200, put.text
    assert {name: put.json()[name] for name in DECLARED} == DECLARED
    read = administrator.get(path.replace("v1.0", "beta"))
    assert (read.json()["columns"], read.headers["etag"]) == (DECLARED["columns"], put.headers["etag"])
    assert administrator.get(path).json() == put.json()
    assert administrator.put(path, json=put.json()).status_code == 200, "what was read can be put again"
    replaced = administrator.put(path, json={"encoding": "cp500"}).json()
    assert {name: replaced[name] for name in DECLARED} == {
        "columns": {},
        "constants": {},
        "ignoreOtherColumns": False,
        "encoding": "cp500",
        "principals": None,
    }
    assert administrator.delete(path).status_code == 204
    assert_error(administrator.delete(path), 404, "itemNotFound")
    assert_error(administrator.get(path), 404, "itemNotFound")


def test_a_description_and_a_declaration_come_and_go_without_each_other(
    administrator: httpx.Client, place: str, catalog: str
) -> None:
    path = f"{place}/import"
    administrator.put(path, json=DECLARED)
    assert_error(administrator.get(place), 404, "itemNotFound")
    assert place.rpartition("/")[2] not in administrator.get("/v1.0/uploads/resources?$top=999").text
    assert administrator.put(place, json=NAMED).json()["import"] == DECLARED
    assert administrator.get(place).json()["import"] == DECLARED
    assert administrator.delete(place).status_code == 204
    assert administrator.get(path).json()["columns"] == DECLARED["columns"]
    administrator.put(place, json=NAMED)
    assert administrator.delete(path).status_code == 204
    assert (administrator.get(place).json()["displayName"], administrator.get(place).json()["import"]) == (
        "Doors",
        None,
    )
    assert_error(administrator.put(place, json={**NAMED, "import": DECLARED}), 400, "invalidRequest", target="import")
    assert administrator.get(f"/v1.0/uploads/grants/catalogs/{catalog}").json()["value"] == []


def test_a_declaration_is_changed_on_condition(administrator: httpx.Client, place: str) -> None:
    path = f"{place}/import"
    assert_error(administrator.put(path, json={}, headers={"If-Match": "*"}), 412, "resourceModified")
    first = administrator.put(path, json={}, headers={"If-None-Match": "*"})
    assert_error(administrator.put(path, json={}, headers={"If-None-Match": "*"}), 412, "resourceModified")
    second = administrator.put(path, json=DECLARED, headers={"If-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert_error(administrator.delete(path, headers={"If-Match": first.headers["etag"]}), 412, "resourceModified")
    assert administrator.delete(path, headers={"If-Match": second.headers["etag"]}).status_code == 204


@pytest.mark.parametrize(
    ("body", "target", "code"),
    [
        ({"color": 1}, "color", "unknownProperty"),
        ({"columns": {"login": "Login"}}, "columns.login", "invalidValue"),
        ({"columns": {"ScopeId": "a"}, "constants": {"ScopeId": "b"}}, "constants.ScopeId", "invalidValue"),
        ({"constants": {"principalType": "robot"}}, "constants.principalType", "invalidValue"),
        ({"principals": {"matchBy": []}}, "principals.matchBy", "invalidValue"),
        ([], "body", "invalidValue"),
    ],
)
def test_a_bad_declaration_is_refused_by_property(
    administrator: httpx.Client, place: str, body: object, target: str, code: str
) -> None:
    answer = administrator.put(f"{place}/import", json=body)

    assert_error(answer, 400, "invalidRequest", target=target)
    assert [detail["code"] for detail in answer.json()["error"]["details"]] == [code]
    assert_error(administrator.get(f"{place}/import"), 404, "itemNotFound")


@pytest.mark.parametrize("whole_catalog", [False, True], ids=["resource", "catalog"])
def test_an_owner_declares_if_the_grant_says_so(
    guarded: str, authority: Authority, administrator: httpx.Client, catalog: str, place: str, whole_catalog: bool
) -> None:
    path, oid, group = f"{place}/import", str(uuid4()), str(uuid4())
    resource = "" if whole_catalog else f"/resources/{place.rpartition('/')[2]}"
    grants = f"/v1.0/uploads/grants/catalogs/{catalog}{resource}/principals"
    with http_client(guarded, authority.token(roles=None, oid=oid, groups=[group])) as http:
        assert_error(http.put(path, json=DECLARED), 404, "itemNotFound")
        for grant in ({"role": "reader"}, {"role": "owner"}, {"role": "owner", "mayDeclare": False}):
            answer = administrator.put(f"{grants}/{oid}", json=grant)
            assert answer.json()["mayDeclare"] is False
            assert_error(http.put(path, json=DECLARED), 403, "accessDenied")
            assert_error(http.delete(path), 403, "accessDenied")
            assert_error(http.get(path), 404, "itemNotFound")
        refused = administrator.put(f"{grants}/{oid}", json={"role": "reader", "mayDeclare": True})
        assert_error(refused, 400, "invalidRequest")
        assert administrator.put(f"{grants}/{group}", json={"role": "owner", "mayDeclare": True}).json()["mayDeclare"]

        assert http.put(path, json=DECLARED).status_code == 200
        assert http.get(path).status_code == 200
        assert http.delete(path).status_code == 204
        assert_error(http.put(place, json=NAMED), 403, "accessDenied")


def test_who_reads_the_whole_tenant_declares_nothing(
    guarded: str, authority: Authority, administrator: httpx.Client, place: str
) -> None:
    administrator.put(f"{place}/import", json=DECLARED)
    with http_client(guarded, authority.token(roles=[READ_ALL])) as http:
        assert http.get(f"{place}/import").status_code == 200
        assert_error(http.put(f"{place}/import", json=DECLARED), 403, "accessDenied")


def test_the_audit_has_counts_and_no_names_of_columns(administrator: httpx.Client, catalog: str, place: str) -> None:
    administrator.put(f"{place}/import", json=DECLARED)
    administrator.delete(f"{place}/import")

    condition = f"catalogId eq {catalog} and resourceId eq {place.rpartition('/')[2]}"
    records = administrator.get("/v1.0/uploads/audit", params={"$filter": condition}).json()["value"]
    assert [(each["activity"], each["details"]) for each in records] == [
        ("putImport", {"columns": 3, "constants": 1, "encoding": "windows-1252", "matchBy": 2}),
        ("deleteImport", {}),
    ]


@pytest.mark.own_host("with a setting of its own")
def test_where_nothing_is_converted_nothing_is_declared(storage: Storage, place: str) -> None:
    with running_service(storage.connection_string, convert="false") as url, http_client(url) as http:
        answer = http.put(f"{place}/import", json=DECLARED)

    assert_error(answer, 400, "invalidRequest")
    assert "UPLOADS_CONVERT" in answer.json()["error"]["message"]
