"""The audit: every change leaves one record of who, what, when and how, and those who may can find it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from shared.core.ids import new_id
from shared.core.settings import Settings
from shared.domain.audit import SERVICE, Activity, AuditRecord, new_record
from shared.domain.sessions import ResourceKey, SessionKey
from shared.query.audit_scope import Scope
from shared.storage import audit_log, newest_records
from shared.storage.account import Storage as OwnStorage
from tests.api.test_grants import Administrator
from tests.support.access_files import access_file
from tests.support.authority import READ_ALL, Authority
from tests.support.client import Json, Resource, Session, assert_error, create_body, http_client
from tests.support.costs import Costs
from tests.support.in_process import own_context
from tests.support.invariants import Storage
from tests.support.service import fire_timer, running_service

BAD_FILE = b"principalId,principalType,permissionId,permissionName\nnobody,user,1,one\n"


@pytest.fixture
def oid() -> str:
    return str(uuid4())


@pytest.fixture
def app_id() -> str:
    return str(uuid4())


@pytest.fixture
def theirs(guarded: str, authority: Authority, oid: str, app_id: str) -> Iterator[httpx.Client]:
    """A client whose caller is known by ``oid`` and ``app_id``."""
    with http_client(guarded, authority.token(oid=oid, azp=app_id)) as http:
        yield http


def audit(http: httpx.Client, filtered: str | None, **options: str) -> httpx.Response:
    params = options if filtered is None else {"$filter": filtered} | options
    return http.get("/v1.0/uploads/audit", params=params)


def records(http: httpx.Client, filtered: str, **options: str) -> list[Json]:
    """All records that a filter keeps, page by page."""
    answer = audit(http, filtered, **options)
    found: list[Json] = []
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()["value"]
        if "@odata.nextLink" not in answer.json():
            return found
        answer = http.get(answer.json()["@odata.nextLink"])


def of_resource(resource: Resource, more: str = "") -> str:
    return f"catalogId eq {resource.catalog_id} and resourceId eq {resource.resource_id}{more}"


def of_session(session: Session) -> str:
    return of_resource(session.resource, f" and sessionId eq {session.id}")


def activities(found: list[Json]) -> list[tuple[str, str]]:
    return [(record["activity"], record["result"]) for record in found]


def test_every_change_of_a_session_is_recorded(
    theirs: httpx.Client, authority: Authority, oid: str, app_id: str
) -> None:
    resource = Resource(theirs)
    before = datetime.now(UTC) - timedelta(seconds=1)
    created = resource.create()
    session = resource.session(created.json()["id"])
    refused = session.upload("access.csv", BAD_FILE)
    accepted = session.upload("access.csv", content := access_file())
    session.upload("access.csv", content)  # changes nothing
    completed = session.complete()
    session.complete()  # changes nothing either
    assert [refused.status_code, accepted.status_code, completed.status_code] == [400, 200, 200]

    found = records(theirs, of_session(session))

    assert activities(found) == [
        ("createSession", "success"),
        ("uploadFile", "refused"),
        ("uploadFile", "success"),
        ("completeSession", "success"),
    ]
    answers = [created, refused, accepted, completed]
    assert [record["requestId"] for record in found] == [answer.headers["request-id"] for answer in answers]
    for record in found:
        assert (record["tenantId"], record["objectId"], record["appId"]) == (authority.tenant_id, oid, app_id)
        assert (record["catalogId"], record["resourceId"]) == (resource.catalog_id, resource.resource_id)
        assert record["sessionId"] == session.id
        assert before < datetime.fromisoformat(record["activityDateTime"]) < datetime.now(UTC)
    create, refusal, upload, complete = (record["details"] for record in found)
    assert create == {"reviewInstanceId": created.json()["referenceId"]}
    assert refusal["sha256"] == sha256(BAD_FILE).hexdigest()
    assert (refusal["name"], refusal["size"], refusal["findings"]) == ("access.csv", len(BAD_FILE), 2)
    (file,) = session.read({"$expand": "files"})["files"]
    assert upload == {
        "name": "access.csv",
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
        "fileId": file["id"],
        "rows": content.count(b"\n") - 1,
    }
    assert complete == {"files": 1, "bytes": len(content), "rows": content.count(b"\n") - 1}


def test_a_request_without_effect_is_not_recorded(theirs: httpx.Client) -> None:
    resource = Resource(theirs)
    session = resource.new_session(instance := str(uuid4()))
    before = records(theirs, of_resource(resource))

    statuses = [
        resource.create(create_body(instance)).status_code,
        resource.create({"data": {}}).status_code,
        session.complete().status_code,
        session.complete({"If-Match": '"other"'}).status_code,
        session.post_multipart(b"no form").status_code,
        session.get().status_code,
        resource.session(str(uuid4())).upload("access.csv").status_code,
        theirs.post(f"{session.path}/validateFile", files={"file": ("a.csv", BAD_FILE)}).status_code,
    ]

    assert statuses == [409, 400, 409, 412, 400, 200, 404, 400]
    assert records(theirs, of_resource(resource)) == before


def test_a_deletion_is_recorded_and_outlives_the_session(theirs: httpx.Client, oid: str) -> None:
    session = Resource(theirs).new_session()
    session.uploaded("access.csv")
    assert session.delete().status_code == 204
    assert session.delete().status_code == 404

    found = records(theirs, of_session(session))

    assert activities(found)[2:] == [("deleteSession", "success")]
    assert found[2]["objectId"] == oid


def test_changes_by_the_service_are_recorded_without_a_caller(storage: Storage, authority: Authority, oid: str) -> None:
    with (
        running_service(
            storage.connection_string, None, idle_seconds=1, name_prefix="hasty", **authority.settings
        ) as url,
        http_client(url, authority.token(oid=oid)) as http,
    ):
        resource = Resource(http)
        by_timer = resource.new_session()
        by_successor = resource.new_session(instance := str(uuid4()))
        time.sleep(1.1)
        resource.new_session(instance)
        fire_timer(url)

        deadline = time.monotonic() + 10
        while len(found := records(http, of_resource(resource))) < 5 and time.monotonic() < deadline:
            time.sleep(0.1)

    expired = {record["sessionId"]: record for record in found if record["activity"] == "expireSession"}
    assert expired.keys() == {by_timer.id, by_successor.id}
    assert {(record["objectId"], record["requestId"]) for record in expired.values()} == {(None, None)}
    assert [record["objectId"] for record in found if record["activity"] == "createSession"] == [oid] * 3
    assert storage.violations(resource) == []


def test_grants_are_recorded_with_their_catalog(guarded: str, theirs: httpx.Client, oid: str) -> None:
    administrator, principal = Administrator(theirs), str(uuid4())
    resource = Resource(theirs)
    place = (resource.catalog_id, resource.resource_id)
    given = administrator.put(principal, *place, role="owner")
    assert administrator.put(principal, resource.catalog_id).status_code == 200
    assert administrator.delete(principal, *place).status_code == 204
    assert administrator.delete(principal, *place).status_code == 404

    found = records(theirs, f"catalogId eq {resource.catalog_id} and activityDateTime ge {_ago(minutes=5)}")

    assert activities(found) == [("putGrant", "success"), ("putGrant", "success"), ("deleteGrant", "success")]
    assert found[0]["requestId"] == given.headers["request-id"]
    assert [record["resourceId"] for record in found] == [resource.resource_id, None, resource.resource_id]
    assert [record["details"] for record in found] == [
        {"principalId": principal, "role": "owner", "mayDeclare": False},
        {"principalId": principal, "role": "reader", "mayDeclare": False},
        {"principalId": principal},
    ]
    assert {record["objectId"] for record in found} == {oid}
    assert records(theirs, of_resource(resource)) == [found[0], found[2]]
    # Nor do its records get into the list of a catalog's grants.
    assert len(administrator.list(resource.catalog_id).json()["value"]) == 1


def _ago(**time_span: int) -> str:
    return f"{datetime.now(UTC) - timedelta(**time_span):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("top", ["1", "2", "999"])
def test_a_time_span_is_searched_across_all_resources_in_pages(theirs: httpx.Client, oid: str, top: str) -> None:
    made = [Resource(theirs).new_session() for _ in range(3)]
    for session in made:
        session.uploaded("access.csv")

    everything = f"activityDateTime ge {_ago(minutes=5)} and objectId eq {oid}"
    found = records(theirs, everything, **{"$top": top})

    assert sorted((record["sessionId"], record["activity"]) for record in found) == sorted(
        (session.id, activity) for session in made for activity in ("createSession", "uploadFile")
    )
    uploads = records(theirs, f"{everything} and activity eq 'uploadFile'", **{"$top": top})
    assert [record["id"] for record in uploads] == [r["id"] for r in found if r["activity"] == "uploadFile"]
    assert records(theirs, f"{everything} and activityDateTime lt {_ago(minutes=4)}") == []
    in_catalog = f"{everything} and catalogId eq {made[1].resource.catalog_id}"
    assert {record["sessionId"] for record in records(theirs, in_catalog, **{"$top": top})} == {made[1].id}


def test_a_time_span_respects_its_bounds(theirs: httpx.Client) -> None:
    resource = Resource(theirs)
    for _ in range(3):
        resource.new_session()
        time.sleep(0.002)
    first, second, third = records(theirs, of_resource(resource))

    def between(low: str, since: str, high: str, until: str) -> list[Json]:
        span = f" and activityDateTime {low} {since} and activityDateTime {high} {until}"
        return records(theirs, of_resource(resource, span))

    start, middle, end = (record["activityDateTime"] for record in (first, second, third))
    assert between("ge", start, "le", end) == [first, second, third]
    assert between("gt", start, "lt", end) == [second]
    assert between("ge", middle, "le", middle) == [second]
    assert between("ge", end, "le", start) == []


@pytest.mark.parametrize(
    "filtered",
    [
        None,
        "activity eq 'createSession'",
        "sessionId eq 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11",
        "catalogId eq 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11",
        "activityDateTime lt 2026-01-01T00:00:00Z",
        "not (activityDateTime ge 2026-01-01T00:00:00Z)",
        "activityDateTime ge 2026-01-01T00:00:00Z or result eq 'refused'",
    ],
)
def test_a_search_without_a_range_is_refused(http: httpx.Client, filtered: str | None) -> None:
    error = assert_error(audit(http, filtered), 400, "invalidRequest", "invalidQueryOption", target="$filter")
    assert "activityDateTime ge" in error["message"]


@pytest.mark.parametrize("instant", ["1000-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "9999-12-31"])
@pytest.mark.parametrize("word", ["ge", "lt"])
def test_extreme_dates_are_supported(http: httpx.Client, instant: str, word: str) -> None:
    other = "ge 2026-11-01" if word == "lt" else "lt 2026-01-02"
    query = f"activityDateTime {other} and activityDateTime {word} {instant}".replace(" ", "%20")
    answer = http.get(f"/v1.0/uploads/audit?$filter={query}&$top=1")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("token", ["", "x", "2026112321.a.b", "..", "2026112321.../../grants.~", "~"])
def test_an_invalid_skiptoken_is_refused(http: httpx.Client, token: str) -> None:
    answer = audit(http, f"activityDateTime ge {_ago(minutes=1)}", **{"$skiptoken": token})
    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", target="$skiptoken")


def test_a_skiptoken_gives_no_access_outside_the_filter(theirs: httpx.Client, http: httpx.Client) -> None:
    mine, other = Resource(theirs), Resource(theirs)
    mine.new_session()
    other.new_session()
    (elsewhere,) = records(theirs, of_resource(other))
    place = f"{other.catalog_id}_{other.resource_id}"
    for token in (f".{place}.{elsewhere['id']}", f".{place}.~", f".{other.catalog_id}.~"):
        found = records(theirs, of_resource(mine), **{"$skiptoken": token})
        assert {record["resourceId"] for record in found} <= {mine.resource_id}


def test_the_audit_requires_permission_to_read_everything(
    guarded: str, authority: Authority, theirs: httpx.Client, oid: str
) -> None:
    resource = Resource(theirs)
    resource.new_session()
    owner = str(uuid4())
    Administrator(theirs).put(owner, resource.catalog_id, role="owner")

    with http_client(guarded, authority.token(roles=[READ_ALL])) as reader:
        assert len(records(reader, of_resource(resource))) == 1
    with http_client(guarded, authority.token(roles=None, oid=owner)) as http:
        error = assert_error(audit(http, of_resource(resource)), 403, "accessDenied")
    assert READ_ALL in error["message"]


def test_links_and_contexts_have_the_version_of_the_request(http: httpx.Client, resource: Resource) -> None:
    for _ in range(2):
        resource.new_session()
    for version in ("v1.0", "beta"):
        params = {"$filter": of_resource(resource), "$top": "1"}
        body = http.get(f"/{version}/uploads/audit", params=params).json()
        assert urlsplit(body["@odata.context"]).path == f"/{version}/$metadata"
        assert urlsplit(body["@odata.nextLink"]).path == f"/{version}/uploads/audit"


@pytest.mark.parametrize(("records_read", "places_read"), [(1, 200), (3, 200), (5000, 1), (5000, 2)])
async def test_the_number_of_records_read_for_a_page_is_limited(
    storage: Storage, theirs: httpx.Client, records_read: int, places_read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few records match, a page ends, and the next one goes on where it stopped."""
    catalog = str(uuid4())
    for _ in range(3):
        resource = Resource(theirs, catalog_id=catalog)
        resource.new_session()
        resource.new_session()
    monkeypatch.setattr(audit_log, "MAX_RECORDS_READ", records_read)
    monkeypatch.setattr(audit_log, "MAX_PLACES_READ", places_read)
    own = OwnStorage.connect(Settings().model_copy(update={"storage": storage.connection_string}))
    scope = Scope(since=datetime.now(UTC) - timedelta(minutes=5), catalog_id=catalog)
    found: list[AuditRecord] = []
    pages, after = 0, None
    try:
        while pages < 20:
            page = await own.audit.page(scope, lambda _: True, after=after, size=100)
            assert len(page.records) <= min(records_read, 2 * places_read)
            found += page.records
            pages += 1
            after = page.end
            if after is None:
                break
    finally:
        await own.close()

    assert len(found) == len({record.id for record in found}) == 6
    assert pages >= 6 // min(records_read, 2 * places_read)


@pytest.mark.parametrize("top", ["1", "2", "999"])
def test_the_newest_records_of_a_resource_come_first(theirs: httpx.Client, top: str) -> None:
    resource = Resource(theirs)
    Administrator(theirs).put(str(uuid4()), resource.catalog_id, resource.resource_id, role="owner")
    session = resource.new_session()
    session.upload("access.csv", BAD_FILE)
    session.uploaded("access.csv")
    Administrator(theirs).put(str(uuid4()), resource.catalog_id, resource.resource_id, role="reader")
    options = {"$orderby": "activityDateTime desc", "$top": top}

    found = records(theirs, of_resource(resource), **options)

    assert [each["activity"] for each in found] == ["putGrant", "uploadFile", "uploadFile", "createSession", "putGrant"]
    assert [each["id"] for each in found] == sorted((each["id"] for each in found), reverse=True)
    assert records(theirs, of_resource(resource, " and result eq 'refused'"), **options) == [found[2]]
    since = of_resource(resource, f" and activityDateTime ge {found[2]['activityDateTime']}")
    assert records(theirs, since, **options)[:3] == found[:3]


@pytest.mark.parametrize("order", ["activityDateTime", "activityDateTime asc"])
def test_records_have_no_other_order(http: httpx.Client, resource: Resource, order: str) -> None:
    answer = audit(http, of_resource(resource), **{"$orderby": order})
    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", target="$orderby")


def test_only_the_records_of_a_resource_can_be_read_backwards(http: httpx.Client) -> None:
    answer = audit(http, f"activityDateTime ge {_ago(minutes=1)}", **{"$orderby": "activityDateTime desc"})
    error = assert_error(answer, 400, "invalidRequest", "invalidQueryOption", target="$orderby")
    assert "catalogId eq" in error["message"]


@pytest.mark.parametrize("most_read", [5_000, 40, 7])
async def test_reading_backwards_costs_what_is_read(
    storage: Storage, costs: Costs, most_read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred records of the last minutes and a hundred of 200 days: all are found, however little a page reads."""
    key = ResourceKey(str(uuid4()), str(uuid4()))
    now = datetime.now(UTC)
    ages = [*(timedelta(seconds=each) for each in range(100)), *(timedelta(days=2 * each) for each in range(1, 101))]
    made = [
        new_record(Activity.CREATE_SESSION, SessionKey(key, str(uuid4())), SERVICE)._replace(id=new_id(now - age))
        for age in ages
    ]
    for record in made:
        storage.sessions.create_entity(audit_log._entity(record))
    monkeypatch.setattr(newest_records, "MAX_RECORDS_READ", most_read)
    monkeypatch.setattr(newest_records, "EARLIEST", now - timedelta(days=365))
    found: list[AuditRecord] = []
    end = None
    async with own_context(storage) as context:
        costs.clear()
        log = context.storage.audit
        for _ in range(100):
            page = await newest_records.newest_records(log, key, lambda _: True, since=None, before=end, size=50)
            if end is None and most_read == 5_000:
                assert (len(page.records), len(costs.calls)) == (50, 2), "one span, in two partitions"
            found += page.records
            end = page.end
            if end is None:
                break

    assert [record.id for record in found] == [record.id for record in made]
