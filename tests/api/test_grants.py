"""Grants: access to one catalog or one resource without a permission for the whole tenant."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from uuid import uuid4

import httpx
import pytest

from tests.api.test_auth import READS_FINE, WRITES_FINE, statuses
from tests.support.authority import READ_ALL, READ_WRITE_ALL, Authority
from tests.support.client import ALL_PATHS, V1, Paths, Resource, Session, assert_error, every_path, http_client

VERSIONS = ("v1.0", "beta")


class Administrator:
    """A client with permission to write in the whole tenant, which can manage grants."""

    def __init__(self, http: httpx.Client, version: str = "v1.0") -> None:
        self.http = http
        self._grants = f"/{version}/uploads/grants"

    def put(self, principal: str, catalog: str, resource: str | None = None, role: object = "reader") -> httpx.Response:
        return self.http.put(self.path(principal, catalog, resource), json={"role": role})

    def delete(self, principal: str, catalog: str, resource: str | None = None) -> httpx.Response:
        return self.http.delete(self.path(principal, catalog, resource))

    def list(self, catalog: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        return self.http.get(f"{self._grants}/catalogs/{catalog}", params=params)

    def path(self, principal: str, catalog: str, resource: str | None = None) -> str:
        place = f"catalogs/{catalog}" if resource is None else f"catalogs/{catalog}/resources/{resource}"
        return f"{self._grants}/{place}/principals/{principal}"


@pytest.fixture
def administrator(guarded: str, authority: Authority) -> Iterator[Administrator]:
    with http_client(guarded, authority.token()) as http:
        yield Administrator(http)


@pytest.fixture
def theirs(administrator: Administrator) -> Session:
    """A session with a file, which the administrator has made."""
    session = Resource(administrator.http).new_session()
    session.uploaded("access.csv")
    return session


def as_seen_by(guarded: str, token: str, session: Session, paths: Paths) -> list[int]:
    """What each operation answers to the bearer of a token."""
    file_id = session.files().json()["value"][0]["id"]
    with http_client(guarded, token) as http:
        return list(statuses(http, session.through(paths).path, file_id).values())


NOTHING = [404] * 13
READER = READS_FINE + [403] * 6
OWNER = READS_FINE + WRITES_FINE


@pytest.mark.parametrize("paths", every_path(V1))
@pytest.mark.parametrize("to", ["oid", "group"])
@pytest.mark.parametrize("whole_catalog", [False, True], ids=["resource", "catalog"])
@pytest.mark.parametrize(("role", "expected"), [("reader", READER), ("owner", OWNER)])
def test_a_grant_gives_access_to_its_scope_only(
    guarded: str,
    authority: Authority,
    administrator: Administrator,
    theirs: Session,
    paths: Paths,
    to: str,
    whole_catalog: bool,
    role: str,
    expected: list[int],
) -> None:
    oid, group = str(uuid4()), str(uuid4())
    token = authority.token(roles=None, oid=oid, groups=[str(uuid4()), group.upper()])
    resource = theirs.resource
    beside = Resource(administrator.http, catalog_id=resource.catalog_id).new_session()
    elsewhere = Resource(administrator.http, resource_id=resource.resource_id).new_session()
    for other in (beside, elsewhere):
        other.uploaded("access.csv")
    assert as_seen_by(guarded, token, theirs, paths) == NOTHING

    principal = oid if to == "oid" else group
    place = (resource.catalog_id, None if whole_catalog else resource.resource_id)
    assert administrator.put(principal, *place, role=role).status_code == 200

    assert as_seen_by(guarded, token, theirs, paths) == expected
    assert as_seen_by(guarded, token, beside, paths) == (expected if whole_catalog else NOTHING)
    assert as_seen_by(guarded, token, elsewhere, paths) == NOTHING
    assert as_seen_by(guarded, authority.token(roles=None), theirs, paths) == NOTHING

    assert administrator.delete(principal, *place).status_code == 204
    assert as_seen_by(guarded, token, theirs, paths) == NOTHING


def test_the_strongest_of_several_grants_applies(
    guarded: str, authority: Authority, administrator: Administrator, theirs: Session
) -> None:
    oid, group = str(uuid4()), str(uuid4())
    token = authority.token(roles=None, oid=oid, groups=[group])
    resource = theirs.resource
    administrator.put(oid, resource.catalog_id, role="reader")
    administrator.put(oid, resource.catalog_id, resource.resource_id, role="reader")
    assert as_seen_by(guarded, token, theirs, ALL_PATHS[0]) == READER

    administrator.put(group, resource.catalog_id, resource.resource_id, role="owner")
    assert as_seen_by(guarded, token, theirs, ALL_PATHS[0]) == OWNER


def test_a_grant_adds_to_the_permission_to_read_everything(
    guarded: str, authority: Authority, administrator: Administrator, theirs: Session
) -> None:
    oid = str(uuid4())
    token = authority.token(roles=[READ_ALL], oid=oid)
    assert as_seen_by(guarded, token, theirs, ALL_PATHS[0]) == READER

    administrator.put(oid, theirs.resource.catalog_id, role="owner")
    assert as_seen_by(guarded, token, theirs, ALL_PATHS[0]) == OWNER


def test_an_owner_can_use_every_operation_on_sessions(
    guarded: str, authority: Authority, administrator: Administrator
) -> None:
    oid = str(uuid4())
    resource = Resource(administrator.http)
    administrator.put(oid, resource.catalog_id, resource.resource_id, role="owner")

    with http_client(guarded, authority.token(roles=None, scp="access_as_user", oid=oid)) as http:
        session = Resource(http, catalog_id=resource.catalog_id, resource_id=resource.resource_id).new_session()
        session.uploaded("access.csv")
        assert session.completed()["status"] == "complete"
        assert session.file_names() == ["access.csv"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_grant_is_returned_listed_and_replaced(administrator: Administrator, version: str) -> None:
    there = Administrator(administrator.http, version)
    catalog, resource, principal = str(uuid4()), str(uuid4()), str(uuid4())
    service = str(administrator.http.base_url).rstrip("/")

    answer = there.put(principal.upper(), catalog.upper(), resource.upper(), role="owner")
    there.put(principal, catalog)
    there.put(principal, catalog, role="owner")
    whole = there.put(principal, catalog, role="reader")

    place = {"catalogId": catalog, "resourceId": resource, "principalId": principal}
    granted = {**place, "role": "owner", "mayDeclare": False, "displayName": None}
    granted["@odata.etag"] = answer.headers["ETag"]
    context = f"{service}/{version}/$metadata#uploads/grants"
    assert answer.json() == {"@odata.context": f"{context}/$entity"} | granted
    assert there.list(catalog).json() == {
        "@odata.context": context,
        "value": [granted | {"resourceId": None, "role": "reader", "@odata.etag": whole.headers["ETag"]}, granted],
    }


def test_a_grant_can_say_what_people_call_its_principal(administrator: Administrator) -> None:
    catalog, principal = str(uuid4()), str(uuid4())
    place = f"/v1.0/uploads/grants/catalogs/{catalog}/principals/{principal}"

    answer = administrator.http.put(place, json={"role": "owner", "displayName": "Oscar Owner"})

    assert answer.json()["displayName"] == "Oscar Owner"
    (listed,) = administrator.list(catalog).json()["value"]
    assert listed["displayName"] == "Oscar Owner"
    too_long = administrator.http.put(place, json={"role": "owner", "displayName": "x" * 257})
    assert_error(too_long, 400, "invalidRequest", target="displayName")


def test_a_list_of_grants_has_pages(administrator: Administrator) -> None:
    catalog, resource = str(uuid4()), str(uuid4())
    for number in range(7):
        administrator.put(str(uuid4()), catalog, resource if number % 2 else None)
    administrator.put(str(uuid4()), str(uuid4()))

    pages = [administrator.list(catalog, {"$top": "3", "mine": "1"}).json()]
    while link := pages[-1].get("@odata.nextLink"):
        assert link.startswith(str(administrator.http.base_url))
        assert "mine=1" in link
        pages.append(administrator.http.get(link).json())

    assert [len(page["value"]) for page in pages] == [3, 3, 1]
    found = [grant["principalId"] for page in pages for grant in page["value"]]
    assert len(set(found)) == 7
    assert {grant["catalogId"] for page in pages for grant in page["value"]} == {catalog}
    assert all("@odata.nextLink" in page for page, _ in pairwise(pages))


def test_a_catalog_without_grants_has_an_empty_list(administrator: Administrator) -> None:
    assert administrator.list(str(uuid4())).json()["value"] == []


@pytest.mark.parametrize("option", ["$skiptoken=x", "$skiptoken=catalog:' or 1 eq 1", "$filter=role eq 'x'", "$top=0"])
def test_a_list_of_grants_supports_paging_options_only(administrator: Administrator, option: str) -> None:
    name, _, value = option.partition("=")

    assert_error(administrator.list(str(uuid4()), {name: value}), 400, "invalidRequest", "invalidQueryOption", name)


@pytest.mark.parametrize("whole_catalog", [False, True])
def test_a_grant_that_does_not_exist_cannot_be_revoked(administrator: Administrator, whole_catalog: bool) -> None:
    catalog, resource, principal = str(uuid4()), str(uuid4()), str(uuid4())
    administrator.put(principal, catalog, resource if whole_catalog else None)

    answer = administrator.delete(principal, catalog, None if whole_catalog else resource)

    assert_error(answer, 404, "itemNotFound")
    assert len(administrator.list(catalog).json()["value"]) == 1


@pytest.mark.parametrize("role", ["", "Owner", "admin", None, 1, ["owner"]])
def test_there_are_two_roles(administrator: Administrator, role: object) -> None:
    assert_error(administrator.put(str(uuid4()), str(uuid4()), role=role), 400, "invalidRequest", target="role")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"role": "owner", "until": "2027"}', b"{" * 10_000])
def test_a_grant_has_a_role_and_nothing_else(administrator: Administrator, body: bytes) -> None:
    path = administrator.path(str(uuid4()), str(uuid4()))

    answer = administrator.http.put(path, content=body, headers={"Content-Type": "application/json"})

    assert_error(answer, 400, "invalidRequest")


@pytest.mark.parametrize(
    ("catalog", "resource", "principal", "target"),
    [
        ("x", None, str(uuid4()), "catalogId"),
        (str(uuid4()), None, "ada@contoso.com", "principalId"),
        (str(uuid4()), "x", str(uuid4()), "resourceId"),
        (str(uuid4()), str(uuid4()), "x", "principalId"),
    ],
)
def test_ids_are_guids(
    administrator: Administrator, catalog: str, resource: str | None, principal: str, target: str
) -> None:
    path = administrator.path(principal, catalog, resource)

    for answer in (administrator.http.put(path, json={"role": "reader"}), administrator.http.delete(path)):
        assert_error(answer, 400, "invalidRequest", "invalidParameterFormat", target)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_405_lists_the_supported_methods(administrator: Administrator, version: str) -> None:
    there = Administrator(administrator.http, version)
    catalog, resource, principal = str(uuid4()), str(uuid4()), str(uuid4())

    for path, allowed in (
        (f"/{version}/uploads/grants/catalogs/{catalog}", "GET, HEAD"),
        (there.path(principal, catalog), "DELETE, PUT"),
        (there.path(principal, catalog, resource), "DELETE, PUT"),
    ):
        answer = administrator.http.patch(path, json={})
        assert_error(answer, 405, "notAllowed")
        assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("claims", "status"),
    [
        (None, 401),
        ({"roles": None}, 403),
        ({"roles": [READ_ALL]}, 403),
        ({"roles": [READ_WRITE_ALL], "scp": READ_ALL}, 403),
        ({"roles": None, "scp": READ_WRITE_ALL}, 403),
        ({"roles": [READ_WRITE_ALL], "scp": READ_WRITE_ALL}, 200),
    ],
    ids=["no token", "nothing", "read role", "read scope", "write scope without a role", "write scope and role"],
)
@pytest.mark.parametrize("owner", [False, True], ids=["", "owner"])
def test_managing_grants_requires_permission_for_the_whole_tenant(
    guarded: str,
    authority: Authority,
    administrator: Administrator,
    version: str,
    claims: dict[str, object] | None,
    status: int,
    owner: bool,
) -> None:
    oid, catalog = str(uuid4()), str(uuid4())
    if owner:
        administrator.put(oid, catalog, role="owner")

    with http_client(guarded, None if claims is None else authority.token(oid=oid, **claims)) as http:
        there = Administrator(http, version)
        answers = [
            there.put(str(uuid4()), catalog),
            there.put(str(uuid4()), catalog, str(uuid4())),
            there.list(catalog),
            there.delete(str(uuid4()), catalog),
            there.delete(str(uuid4()), catalog, str(uuid4())),
        ]

    assert [answer.status_code for answer in answers] == [status] * 3 + [404 if status == 200 else status] * 2
    assert len(administrator.list(catalog).json()["value"]) == owner + (2 if status == 200 else 0)


def test_a_grant_is_found_among_many_in_one_catalog(
    guarded: str, authority: Authority, administrator: Administrator, theirs: Session
) -> None:
    catalog, resource = theirs.resource.catalog_id, theirs.resource.resource_id
    for number in range(60):
        administrator.put(str(uuid4()), catalog, resource if number % 3 else None, role="owner")
    oid = str(uuid4())
    token = authority.token(roles=None, oid=oid)

    assert as_seen_by(guarded, token, theirs, ALL_PATHS[0]) == NOTHING
    administrator.put(oid, catalog, resource)
    assert as_seen_by(guarded, token, theirs, ALL_PATHS[0]) == READER


def test_a_caller_without_grants_learns_nothing_about_malformed_ids(guarded: str, authority: Authority) -> None:
    with http_client(guarded, authority.token(roles=None)) as http:
        path = Resource(http, resource_id="x").path
        assert_error(http.get(path), 400, "invalidRequest", "invalidParameterFormat", "resourceId")


def test_a_grant_path_without_the_resource_id_does_not_exist(administrator: Administrator) -> None:
    """Whoever leaves a part of the path out does not grant more than they meant to."""
    catalog, principal = str(uuid4()), str(uuid4())
    for place in (
        f"{catalog}/{principal}",
        f"catalogs/{catalog}/{principal}",
        f"catalogs/{catalog}/resources/{principal}",
    ):
        answer = administrator.http.put(f"/v1.0/uploads/grants/{place}", json={"role": "owner"})
        assert_error(answer, 404, "itemNotFound")
    assert administrator.list(catalog).json()["value"] == []
