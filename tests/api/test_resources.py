"""Applications by name: who may describe a resource, and who sees which."""

from uuid import uuid4

import httpx
import pytest

from tests.support.access_files import access_file
from tests.support.authority import READ_ALL, Authority
from tests.support.client import Resource, assert_error, http_client

DESCRIPTION = {
    "displayName": "Building access",
    "description": "Doors and badges",
    "contact": "facilities@fabrikam.example",
    "expectedLayout": "graph",
    "expectedRows": 4800,
}


def path(catalog: str, resource: str, version: str = "v1.0") -> str:
    return f"/{version}/uploads/resources/{catalog}/{resource}"


def seen(http: httpx.Client, top: int = 999) -> dict[str, dict[str, object]]:
    """All that a caller sees, page by page, by the resource's id."""
    found: dict[str, dict[str, object]] = {}
    url = f"/v1.0/uploads/resources?$top={top}"
    while url:
        answer = http.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["value"]) <= top
        assert not found.keys() & {each["resourceId"] for each in page["value"]}
        found |= {each["resourceId"]: each for each in page["value"]}
        url = page.get("@odata.nextLink", "")
    return found


@pytest.mark.parametrize("version", ["v1.0", "beta"])
def test_a_description_is_put_read_replaced_and_deleted(
    administrator: httpx.Client, catalog: str, version: str
) -> None:
    resource = str(uuid4())
    place = path(catalog.upper(), resource, version)
    assert_error(administrator.get(place), 404, "itemNotFound")
    put = administrator.put(place, json=DESCRIPTION)
    assert put.status_code == 200, put.text
    expected = {"catalogId": catalog, "resourceId": resource, **DESCRIPTION}
    assert {name: put.json()[name] for name in expected} == expected
    assert administrator.get(place).json() == put.json()
    replaced = administrator.put(place, json={"displayName": "Doors"})
    assert (replaced.json()["displayName"], replaced.json()["contact"]) == ("Doors", None)
    assert seen(administrator)[resource]["displayName"] == "Doors"
    assert administrator.delete(place).status_code == 204
    assert_error(administrator.delete(place), 404, "itemNotFound")
    assert_error(administrator.get(place), 404, "itemNotFound")
    assert resource not in seen(administrator)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "displayName"),
        ({"displayName": ""}, "displayName"),
        ({"displayName": "x" * 257}, "displayName"),
        ({"displayName": "x", "expectedRows": 0}, "expectedRows"),
        ({"displayName": "x", "expectedRows": "10"}, "expectedRows"),
        ({"displayName": "x", "expectedLayout": "other"}, "expectedLayout"),
        ({"displayName": "x", "color": "red"}, "color"),
    ],
)
def test_a_bad_description_is_refused_by_property(
    administrator: httpx.Client, catalog: str, body: object, target: str
) -> None:
    assert_error(administrator.put(path(catalog, str(uuid4())), json=body), 400, "invalidRequest", target=target)


def test_only_those_who_may_write_in_the_whole_tenant_describe(
    guarded: str, authority: Authority, administrator: httpx.Client, catalog: str
) -> None:
    resource, oid = str(uuid4()), str(uuid4())
    administrator.put(f"/v1.0/uploads/grants/catalogs/{catalog}/principals/{oid}", json={"role": "owner"})
    for token in (authority.token(roles=[READ_ALL]), authority.token(roles=None, oid=oid)):
        with http_client(guarded, token) as http:
            assert_error(http.put(path(catalog, resource), json=DESCRIPTION), 403, "accessDenied")
            assert_error(http.delete(path(catalog, resource)), 403, "accessDenied")


def test_who_reads_the_tenant_and_owns_a_resource_sees_both(
    guarded: str, authority: Authority, administrator: httpx.Client, catalog: str
) -> None:
    oid = str(uuid4())
    owned, unnamed, other = (str(uuid4()) for _ in range(3))
    for resource in (owned, other):
        administrator.put(path(catalog, resource), json={"displayName": resource})
    for resource in (owned, unnamed):
        grant = f"/v1.0/uploads/grants/catalogs/{catalog}/resources/{resource}/principals/{oid}"
        administrator.put(grant, json={"role": "owner"})

    with http_client(guarded, authority.token(roles=[READ_ALL], oid=oid)) as http:
        for top in (999, 40):
            roles = {resource: each["@uploads.role"] for resource, each in seen(http, top).items()}
            assert {each: roles.get(each, "") for each in (owned, unnamed, other)} == {
                owned: "owner",
                unnamed: "owner",
                other: None,
            }


def test_a_list_holds_what_grants_give_and_nothing_else(
    guarded: str, authority: Authority, administrator: httpx.Client, catalog: str
) -> None:
    oid, group = str(uuid4()), str(uuid4())
    granted, of_group, unnamed, other = (str(uuid4()) for _ in range(4))
    for resource in (granted, of_group, other):
        administrator.put(path(catalog, resource), json={"displayName": resource})
    grants = f"/v1.0/uploads/grants/catalogs/{catalog}"
    administrator.put(f"{grants}/resources/{granted}/principals/{oid}", json={"role": "owner"})
    administrator.put(f"{grants}/resources/{unnamed}/principals/{oid}", json={"role": "reader"})
    administrator.put(f"{grants}/resources/{of_group}/principals/{group}", json={"role": "reader"})
    with http_client(guarded, authority.token(roles=None, oid=oid, groups=[group])) as http:
        roles = {resource: (each["displayName"], each["@uploads.role"]) for resource, each in seen(http).items()}
        assert roles == {
            granted: (granted, "owner"),
            unnamed: (None, "reader"),
            of_group: (of_group, "reader"),
        }
        assert seen(http, top=1).keys() == roles.keys()
        assert http.get("/v1.0/uploads/resources").json()["@uploads.permission"] is None
        assert http.get(path(catalog, granted)).status_code == 200
        assert_error(http.get(path(catalog, other)), 404, "itemNotFound")

        administrator.delete(f"{grants}/resources/{granted}/principals/{oid}")
        assert seen(http).keys() == {unnamed, of_group}
        administrator.put(f"{grants}/principals/{oid}", json={"role": "reader"})
        everything = {granted, unnamed, of_group, other}
        for top in (999, 1, 2):
            assert seen(http, top).keys() == everything
        administrator.put(f"{grants}/resources/{of_group}/principals/{oid}", json={"role": "owner"})
        assert {resource: each["@uploads.role"] for resource, each in seen(http).items()} == {
            resource: "owner" if resource == of_group else "reader" for resource in everything
        }
        administrator.delete(f"{grants}/principals/{oid}")
        assert seen(http).keys() == {unnamed, of_group}, "the row that the index keeps gives nothing"


@pytest.mark.parametrize(("roles", "permission"), [([READ_ALL], "read"), (None, "readWrite")])
def test_tenant_wide_callers_see_all_that_is_named_in_pages(
    guarded: str,
    authority: Authority,
    administrator: httpx.Client,
    catalog: str,
    roles: list[str] | None,
    permission: str,
) -> None:
    named = [str(uuid4()) for _ in range(5)]
    for resource in named:
        administrator.put(path(catalog, resource), json={"displayName": resource})
    token = authority.token() if roles is None else authority.token(roles=roles)
    with http_client(guarded, token) as http:
        assert set(named) <= seen(http, top=2).keys()
        assert http.get("/v1.0/uploads/resources").json()["@uploads.permission"] == permission
        assert_error(http.get("/v1.0/uploads/resources?$skiptoken=made-up"), 400, "invalidRequest", target="$skiptoken")


def test_a_list_has_the_sessions_that_are_asked_for(administrator: httpx.Client, catalog: str) -> None:
    named = [str(uuid4()) for _ in range(3)]
    for resource in named:
        administrator.put(path(catalog, resource), json={"displayName": resource})
    done = Resource(administrator, catalog_id=catalog, resource_id=named[1]).new_session()
    done.uploaded("access.csv")
    sealed = done.completed()
    waiting = done.resource.new_session()

    listed: dict[str, list[dict[str, object]]] = {}
    url = "/v1.0/uploads/resources?$expand=uploadSessions&$top=2"
    while url:
        page = administrator.get(url).json()
        listed |= {each["resourceId"]: each["uploadSessions"] for each in page["value"]}
        url = page.get("@odata.nextLink", "")

    assert [listed[resource] for resource in (named[0], named[2])] == [[], []]
    assert [each["id"] for each in listed[named[1]]] == [waiting.id, done.id]
    assert listed[named[1]][0]["expirationDateTime"] == waiting.read()["expirationDateTime"]
    assert listed[named[1]][1]["@uploads.receipt"] == sealed["@uploads.receipt"]
    assert "uploadSessions" not in seen(administrator)[named[1]]


@pytest.mark.parametrize("expand", ["files", "uploadSessions($top=5)", "uploadSessions,uploadSessions"])
def test_a_list_expands_nothing_else(administrator: httpx.Client, expand: str) -> None:
    answer = administrator.get("/v1.0/uploads/resources", params={"$expand": expand})
    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", target="$expand")


def test_a_description_says_what_the_caller_may_do(
    guarded: str, authority: Authority, administrator: httpx.Client, catalog: str
) -> None:
    resource, group = str(uuid4()), str(uuid4())
    assert administrator.put(path(catalog, resource), json=DESCRIPTION).json()["@uploads.right"] == "declare"
    grants = f"/v1.0/uploads/grants/catalogs/{catalog}"
    for grant, of_group, roles, right in [
        ({"role": "reader"}, None, None, "read"),
        ({"role": "owner"}, None, None, "write"),
        ({"role": "owner", "mayDeclare": True}, None, None, "declare"),
        ({"role": "reader"}, {"role": "owner"}, None, "write"),
        ({"role": "owner"}, None, [READ_ALL], "write"),
        (None, None, [READ_ALL], "read"),
    ]:
        oid = str(uuid4())
        for principal, given in ((oid, grant), (group, of_group)):
            if given:
                administrator.put(f"{grants}/resources/{resource}/principals/{principal}", json=given)
        with http_client(guarded, authority.token(roles=roles or [], oid=oid, groups=[group])) as http:
            assert http.get(path(catalog, resource)).json()["@uploads.right"] == right, (grant, of_group, roles)
        administrator.delete(f"{grants}/resources/{resource}/principals/{group}")


def test_a_change_of_a_description_leaves_an_audit_record(administrator: httpx.Client, catalog: str) -> None:
    resource = str(uuid4())
    administrator.put(path(catalog, resource), json=DESCRIPTION)
    administrator.delete(path(catalog, resource))
    condition = f"catalogId eq {catalog} and resourceId eq {resource}"
    records = administrator.get("/v1.0/uploads/audit", params={"$filter": condition}).json()["value"]
    assert [record["activity"] for record in records] == ["putResource", "deleteResource"]
    assert records[0]["details"] == {"displayName": "Building access"}


def test_a_whole_number_may_have_a_decimal_point(administrator: httpx.Client, catalog: str) -> None:
    """In JSON, and in the schema of the OpenAPI document, 100.0 is an integer."""
    place = path(catalog, str(uuid4()))

    json = {"Content-Type": "application/json"}

    answer = administrator.put(place, content=b'{"displayName": "Doors", "expectedRows": 100.0}', headers=json)

    assert (answer.status_code, answer.text.count('"expectedRows":100,')) == (200, 1)
    for refused in (b"100.5", b"true", b'"100"', b"1e400"):
        content = b'{"displayName": "Doors", "expectedRows": %b}' % refused
        assert_error(administrator.put(place, content=content, headers=json), 400, "invalidRequest")


def test_a_file_that_is_not_what_is_expected_gets_warnings(administrator: httpx.Client) -> None:
    resource = Resource(administrator)
    session = resource.new_session()
    place = path(resource.catalog_id, resource.resource_id)
    administrator.put(place, json={"displayName": "Doors", "expectedLayout": "early", "expectedRows": 100})
    answer = session.upload("small.csv", access_file(49)).json()
    codes = [warning["code"] for warning in answer["@uploads.warnings"]]
    assert codes == ["unexpectedLayout", "unexpectedRowCount"]
    assert answer["files"][0]["@uploads.warningCount"] == 2
    administrator.put(place, json={"displayName": "Doors", "expectedLayout": "graph", "expectedRows": 100})
    for rows, expected in ((50, 0), (200, 0), (201, 1)):
        answer = session.upload(f"{rows}.csv", access_file(rows)).json()
        assert answer.get("@uploads.warningCount", 0) == expected
