"""The operations, each with its preparation, and with what a client can rely on after its answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.faults.service import Service
from tests.support.access_files import access_file
from tests.support.client import DATA_TYPE, SESSION_TYPE

IDLE = timedelta(hours=3)
GRACE = timedelta(hours=30)
RETENTION = timedelta(hours=50)

DECLARED = {"columns": {"principalId": "Login"}, "constants": {"principalType": "user"}}


@dataclass(slots=True)
class Case:
    """The objects of one case: ids of its own, and what was prepared."""

    catalog: str = field(default_factory=lambda: str(uuid4()))
    resource: str = field(default_factory=lambda: str(uuid4()))
    instance: str = field(default_factory=lambda: str(uuid4()))
    session: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    file_id: str = ""
    refusal_id: str = ""
    etag: str = ""
    unanswered: bool = False
    """Whether the client got no answer at first, so that it does not know what was done."""

    @property
    def collection(self) -> str:
        """The path of the resource's sessions."""
        resource = f"catalogs/{self.catalog}/resources/{self.resource}"
        return f"identityGovernance/entitlementManagement/{resource}/uploadSessions"

    @property
    def description(self) -> str:
        """The path of the resource's description."""
        return f"uploads/resources/{self.catalog}/{self.resource}"

    @property
    def grant(self) -> str:
        """The path of a grant; its principal does not matter here."""
        return f"uploads/grants/catalogs/{self.catalog}/resources/{self.resource}/principals/{self.instance}"

    @property
    def path(self) -> str:
        """The path of the session."""
        return f"{self.collection}/{self.session}"


Step = Callable[[Service, Case], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """``prepare`` runs without faults; ``perform`` runs with one; ``verify`` checks the result.

    The name of a variant has a comma: ``delete, if unchanged``.
    """

    name: str
    prepare: tuple[Step, ...]
    perform: Step
    verify: tuple[Step, ...] = ()

    @property
    def is_variant(self) -> bool:
        """Whether another operation here makes most of the same storage calls; it runs with ``--all``."""
        return "," in self.name

    @property
    def has_directory(self) -> bool:
        """Whether it touches the tenant's directory, whose rows the others need not read."""
        return "directory" in self.name or "matched" in self.name


# Requests


async def create(service: Service, case: Case) -> None:
    """A client that lost the answer gets 409 with the id of its session."""
    data = {"@odata.type": DATA_TYPE, "reviewDefinitionId": str(uuid4()), "reviewInstanceId": case.instance}
    answer = await service.until_answered("POST", case.collection, json={"@odata.type": SESSION_TYPE, "data": data})
    assert answer.status_code in (201, 409), answer.text
    case.session = (
        answer.json()["id"] if answer.status_code == 201 else answer.json()["error"]["innerError"]["uploadSessionId"]
    )


async def create_again(service: Service, case: Case) -> None:
    before = case.session
    await create(service, case)
    assert case.session == before


async def put(service: Service, case: Case, name: str, content: bytes, expected: int) -> None:
    form = {"file": (name, content, "text/csv")}
    answer = await service.until_answered("POST", f"{case.path}/uploadFile", files=form)
    assert answer.status_code == expected, answer.text


def upload(name: str, *, rows: int = 3) -> Step:
    """Upload a good file, the same bytes in every process."""
    content = access_file(rows)

    async def step(service: Service, case: Case) -> None:
        case.files[name] = content
        await put(service, case, name, content, 200)

    return step


def refused(name: str, *, rows: int = 0) -> Step:
    """Upload a file whose last row is bad."""
    content = access_file(rows) + b"nobody,user,1,one,,\n"

    async def step(service: Service, case: Case) -> None:
        await put(service, case, name, content, 400)

    return step


async def validate(service: Service, case: Case) -> None:
    form = {"file": ("a.csv", access_file(), "text/csv")}
    answer = await service.until_answered("POST", f"{case.path}/validateFile", files=form)
    assert answer.status_code == 200, answer.text


async def complete(service: Service, case: Case) -> None:
    headers = {"Prefer": "allow-incomplete"}
    answer = await service.until_answered("PATCH", case.path, json={"isUploadDone": True}, headers=headers)
    assert (answer.status_code, answer.json().get("status")) == (200, "complete"), answer.text


async def delete(service: Service, case: Case) -> None:
    await removed(service, case, case.path)
    gone = await service.until_answered("GET", case.path)
    assert gone.status_code == 404


async def delete_file(service: Service, case: Case) -> None:
    case.files.pop("a.csv", None)
    await removed(service, case, f"{case.path}/files/{case.file_id}")
    gone = await service.until_answered("GET", f"{case.path}/files/{case.file_id}")
    assert gone.status_code == 404


async def withdraw(service: Service, case: Case) -> None:
    await removed(service, case, f"{case.path}/refusals/{case.refusal_id}")


async def removed(service: Service, case: Case, path: str) -> None:
    """DELETE something: 204, or 404 for a client that got no answer at first."""
    answer = await service.once("DELETE", path)
    while answer.status_code == 503:
        case.unanswered = True
        answer = await service.until_answered("DELETE", path)
    assert answer.status_code == 204 or (case.unanswered and answer.status_code == 404), answer.text


# Requests with If-Match: a client that gets an answer is never told 412 because of its own change


async def if_unchanged(service: Service, case: Case, method: str, path: str, **request: Any) -> httpx.Response:
    """A request for the session as it was read. A client that got no answer reads it again before it repeats."""
    headers = request.pop("headers", {})
    answer = await service.once(method, path, headers={**headers, "If-Match": case.etag}, **request)
    for _ in range(5):
        case.unanswered = case.unanswered or answer.status_code == 503
        if answer.status_code != 503 and not (case.unanswered and answer.status_code == 412):
            break
        session = await service.until_answered("GET", case.path)
        if session.status_code == 404:
            return session
        case.etag = session.headers["etag"]
        answer = await service.once(method, path, headers={**headers, "If-Match": case.etag}, **request)
    return answer


async def complete_if_unchanged(service: Service, case: Case) -> None:
    answer = await if_unchanged(service, case, "PATCH", case.path, json={"isUploadDone": True})
    assert (answer.status_code, answer.json().get("status")) == (200, "complete"), answer.text


async def delete_if_unchanged(service: Service, case: Case) -> None:
    answer = await if_unchanged(service, case, "DELETE", case.path)
    assert answer.status_code == 204 or (case.unanswered and answer.status_code == 404), answer.text


async def delete_converted(service: Service, case: Case) -> None:
    case.files.pop("semicolons.csv", None)
    answer = await service.until_answered("DELETE", f"{case.path}/files/{case.file_id}")
    assert answer.status_code in (204, 404), answer.text


async def delete_file_if_unchanged(service: Service, case: Case) -> None:
    case.files.pop("a.csv", None)
    answer = await if_unchanged(service, case, "DELETE", f"{case.path}/files/{case.file_id}")
    assert answer.status_code == 204 or (case.unanswered and answer.status_code == 404), answer.text


def upload_if_unchanged(name: str, content: bytes, expected: int) -> Step:
    """Upload a file, the same bytes in every process."""

    async def step(service: Service, case: Case) -> None:
        if expected == 200:
            case.files[name] = content
        form = {"file": (name, content, "text/csv")}
        answer = await if_unchanged(service, case, "POST", f"{case.path}/uploadFile", files=form)
        assert answer.status_code == expected, answer.text

    return step


async def remember_etag(service: Service, case: Case) -> None:
    case.etag = (await service.until_answered("GET", case.path)).headers["etag"]


async def put_grant(service: Service, case: Case) -> None:
    answer = await service.until_answered("PUT", case.grant, json={"role": "owner"})
    assert answer.status_code == 200, answer.text


async def delete_grant(service: Service, case: Case) -> None:
    """A client that lost the answer may get 404."""
    answer = await service.until_answered("DELETE", case.grant)
    assert answer.status_code in (204, 404), answer.text


async def put_resource(service: Service, case: Case) -> None:
    answer = await service.until_answered("PUT", case.description, json={"displayName": case.resource})
    assert answer.status_code == 200, answer.text


async def put_import(service: Service, case: Case) -> None:
    answer = await service.until_answered("PUT", f"{case.description}/import", json=DECLARED)
    assert answer.status_code == 200, answer.text


async def delete_import(service: Service, case: Case) -> None:
    """A client that lost the answer may be told that nothing is declared any more."""
    answer = await service.until_answered("DELETE", f"{case.description}/import")
    assert answer.status_code in (204, 404), answer.text


async def put_accounts(service: Service, case: Case) -> None:
    answer = await service.until_answered(
        "PUT", f"{case.description}/accounts", content=ACCOUNTS, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 200, answer.text


async def delete_accounts(service: Service, case: Case) -> None:
    """A client that lost the answer may be told that there is no list any more."""
    answer = await service.until_answered("DELETE", f"{case.description}/accounts")
    assert answer.status_code in (204, 404), answer.text


def has_accounts(present: bool) -> Step:
    """Whether the resource has its list of accounts."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", f"{case.description}/accounts")
        assert answer.status_code == (200 if present else 404)
        assert not present or answer.content == ACCOUNTS

    return step


def declared(present: bool, *, named: bool) -> Step:
    """Whether the files of the resource are declared; it has a name or has none, as before."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", f"{case.description}/import")
        assert answer.status_code == (200 if present else 404)
        answer = await service.until_answered("GET", case.description)
        assert answer.status_code == (200 if named else 404)

    return step


async def delete_resource(service: Service, case: Case) -> None:
    """A client that lost the answer may be told that there is none any more."""
    answer = await service.until_answered("DELETE", case.description)
    assert answer.status_code in (204, 404), answer.text


def named(present: bool) -> Step:
    """Whether the resource has a name, on its own and in the list of all."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", case.description)
        assert answer.status_code == (200 if present else 404)
        listed = await service.until_answered("GET", f"uploads/resources?$top=999&$skiptoken={before(case)}")
        found = [each for each in listed.json()["value"] if each["resourceId"] == case.resource]
        assert len(found) == present

    return step


DIRECTORY = "uploads/directory"
ACCOUNTS = b"account,principalId\r\nsvc-backup,-\r\n"


def put_directory(users: int) -> Step:
    async def step(service: Service, case: Case) -> None:
        rows = "".join(f"{UUID(int=number)},ann{number}@fabrikam.example\n" for number in range(users))
        answer = await service.until_answered(
            "PUT", DIRECTORY, content=f"id,mail\n{rows}".encode(), headers={"Content-Type": "text/csv"}
        )
        assert (answer.status_code, answer.json().get("users")) == (200, users), answer.text

    return step


async def delete_directory(service: Service, case: Case) -> None:
    """A client that lost the answer may be told that there is none any more."""
    answer = await service.until_answered("DELETE", DIRECTORY)
    assert answer.status_code in (204, 404), answer.text


MATCHED = {
    "columns": {"principalId": "Login", "permissionId": "Role", "permissionName": "Role"},
    "constants": {"principalType": "user"},
    "principals": {"matchBy": ["mail"]},
}


async def declare_matching(service: Service, case: Case) -> None:
    answer = await service.until_answered("PUT", f"{case.description}/import", json=MATCHED)
    assert answer.status_code == 200, answer.text


def upload_logins(*logins: str, expected: int) -> Step:
    content = "Login;Role\r\n" + "".join(f"{login};reader\r\n" for login in logins)
    name = "logins.csv" if expected == 200 else "bad.csv"

    async def step(service: Service, case: Case) -> None:
        if expected == 200:
            case.files[name] = content.encode()
        await put(service, case, name, content.encode(), expected)

    return step


async def has_unmatched(service: Service, case: Case) -> None:
    """The accounts of the refusal can be downloaded."""
    refusals = await service.until_answered("GET", f"{case.path}/refusals")
    (refusal,) = refusals.json()["value"]
    answer = await service.until_answered("GET", f"{case.path}/refusals/{refusal['id']}/accounts")
    assert answer.text == "account,principalId\r\nnobody,\r\n"


def has_directory(users: int | None) -> Step:
    """The directory has this number of users; ``None`` if there is none."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", DIRECTORY)
        assert answer.status_code == (404 if users is None else 200)
        assert users is None or answer.json()["users"] == users

    return step


def before(case: Case) -> str:
    """A page token right before a case's resource, of which storage holds those of all cases."""
    catalog = f"{int(case.catalog.replace('-', ''), 16) - 1:032x}"
    parts = [catalog[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))]
    return f"{'-'.join(parts)}_{case.resource}"


def grants(count: int) -> Step:
    """The catalog has this number of grants."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", f"uploads/grants/catalogs/{case.catalog}")
        assert len(answer.json()["value"]) == count

    return step


def read(path: str) -> Step:
    """Read from the session or its resource."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", path.format(case=case))
        assert answer.status_code == 200, answer.text

    return step


async def tick(service: Service, _case: Case) -> None:
    """A tick that fails is repeated by the next one."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    try:
        await service.tick()
    except AzureError:
        await service.tick()
    await service.tick()


# Preparation and verification


def later(ahead: timedelta) -> Step:
    """Let time pass."""

    async def step(service: Service, _case: Case) -> None:
        service.clock.ahead += ahead

    return step


async def without_manifest(_service: Service, case: Case) -> None:
    """The state after a crash that followed the session's transaction."""
    from shared.storage.account import storage  # noqa: PLC0415

    store = storage()
    await store.blobs._container.delete_blob(f"{case.catalog}/{case.resource}/{case.session}/manifest.json")


async def without_session(_service: Service, case: Case) -> None:
    """The state after a crash between the index row and the session."""
    from shared.core.ids import new_id, utc_now  # noqa: PLC0415
    from shared.domain.sessions import ResourceKey, SessionKey  # noqa: PLC0415
    from shared.storage.account import storage  # noqa: PLC0415
    from shared.storage.indexes.due_sessions import DueSession  # noqa: PLC0415

    case.session = new_id(utc_now())
    key = SessionKey(ResourceKey(case.catalog, case.resource), case.session)
    await storage().due_expiries.put(DueSession(utc_now(), key))


async def late_blob(_service: Service, case: Case) -> None:
    """What an upload leaves that was in progress when its session was deleted."""
    from shared.storage.account import storage  # noqa: PLC0415

    store = storage()
    await store.blobs._container.upload_blob(f"{case.catalog}/{case.resource}/{case.session}/{uuid4()}", b"left")


async def half_deleted(_service: Service, case: Case) -> None:
    """The state after a crash that followed the session's transaction."""
    from shared.domain.audit import SERVICE, Activity, new_record  # noqa: PLC0415
    from shared.domain.sessions import ResourceKey, SessionKey, Status  # noqa: PLC0415
    from shared.services.context import Context  # noqa: PLC0415
    from shared.services.sessions.ending import _schedule_removal, end  # noqa: PLC0415
    from shared.services.sessions.reading import get_session  # noqa: PLC0415

    key = SessionKey(ResourceKey(case.catalog, case.resource), case.session)
    context = Context.of()
    await _schedule_removal(context, key)
    session = await get_session(context, key)
    await end(context, session, Status.DELETED, new_record(Activity.DELETE_SESSION, key, SERVICE))


async def remember_file(service: Service, case: Case) -> None:
    case.file_id = (await service.until_answered("GET", f"{case.path}/files")).json()["value"][0]["id"]


async def remember_refusal(service: Service, case: Case) -> None:
    case.refusal_id = (await service.until_answered("GET", f"{case.path}/refusals")).json()["value"][0]["id"]


async def has_its_files(service: Service, case: Case) -> None:
    """Every acknowledged file exists once, with the bytes that were sent; stats agree."""
    session = (await service.until_answered("GET", f"{case.path}?$expand=files")).json()
    assert sorted(file["name"] for file in session["files"]) == sorted(case.files)
    total = sum(map(len, case.files.values()))
    assert session["stats"] == {"filesUploaded": len(case.files), "totalBytesUploaded": total}
    for file in session["files"]:
        content = await service.until_answered("GET", f"{case.path}/files/{file['id']}/$value")
        assert content.content == case.files[file["name"]]


def reads(status: str, *, sessions: int = 1) -> Step:
    """The session has this status, and its resource this number of sessions."""

    async def step(service: Service, case: Case) -> None:
        answer = await service.until_answered("GET", case.path)
        assert answer.json()["status"] == status
        found = (await service.until_answered("GET", case.collection)).json()["value"]
        assert len(found) == sessions

    return step


async def has_no_files(service: Service, case: Case) -> None:
    session = (await service.until_answered("GET", f"{case.path}?$expand=files")).json()
    assert session["files"] == []


async def has_no_manifest(service: Service, case: Case) -> None:
    """Nothing is written for a session whose files were removed."""
    from shared.storage.account import storage  # noqa: PLC0415

    await complete(service, case)
    store = storage()
    blobs = store.blobs._container.list_blobs(name_starts_with=f"{case.catalog}/{case.resource}/{case.session}/")
    assert [blob.name async for blob in blobs] == []


async def can_be_completed(service: Service, case: Case) -> None:
    """No refusal is open."""
    answer = await service.until_answered("PATCH", case.path, json={"isUploadDone": True})
    assert answer.status_code == 200, answer.text


async def cannot_be_completed(service: Service, case: Case) -> None:
    answer = await service.until_answered("PATCH", case.path, json={"isUploadDone": True})
    assert answer.status_code == 409, answer.text
    assert "bad.csv" in answer.text


def converted(rows: int = 3, expected: int = 200) -> Step:
    """Upload a file with semicolons, beside which its rows are stored. The same bytes in every process."""

    lines = (f"{UUID(int=row + 1)};user;{row};one;;\r\n".encode() for row in range(rows))
    content = access_file(0).replace(b",", b";") + b"".join(lines)

    async def step(service: Service, case: Case) -> None:
        if expected == 200:
            case.files["semicolons.csv"] = content
        form = {"file": ("semicolons.csv", content, "text/csv")}
        answer = await service.until_answered("POST", f"{case.path}/uploadFile", files=form)
        assert answer.status_code == expected, answer.text

    return step


LATE = access_file(3) + b'"8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11" ,user,1,one,,\n'


async def converted_late(service: Service, case: Case) -> None:
    """Upload a file whose last row says that its rows have to be made."""
    content = LATE
    case.files["late.csv"] = content
    form = {"file": ("late.csv", content, "text/csv")}
    answer = await service.until_answered("POST", f"{case.path}/uploadFile", files=form)
    assert answer.status_code == 200, answer.text
    (file,) = [each for each in answer.json()["files"] if each["name"] == "late.csv"]
    assert file["@uploads.rows"]["steps"] == ["separate"]


async def has_its_rows(service: Service, case: Case) -> None:
    """The rows of the file with semicolons are what is told of them, and in Graph's form."""
    files = (await service.until_answered("GET", f"{case.path}/files")).json()["value"]
    (file,) = [each for each in files if each["name"] == "semicolons.csv"]
    rows = (await service.until_answered("GET", f"{case.path}/files/{file['id']}/rows/$value")).content
    told = file["@uploads.rows"]
    assert (told["size"], told["sha256"]) == (len(rows), sha256(rows).hexdigest())
    assert rows == case.files["semicolons.csv"].replace(b";", b",").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


A, B, C, D = (upload(f"{name}.csv") for name in "abcd")
LARGE = upload("large.csv", rows=2500)  # four blocks
BAD = access_file(0) + b"nobody,user,1,one,,\n"

OPERATIONS = (
    Operation("create", (), create, (reads("active"),)),
    Operation("create, reference taken", (create,), create_again, (reads("active"),)),
    Operation("create, reference of an expired one", (create, later(IDLE)), create, (reads("active", sessions=2),)),
    Operation("get", (create, A), read("{case.path}?$expand=files")),
    Operation("list", (create, A), read("{case.collection}?$expand=files")),
    Operation("count", (create,), read("{case.collection}/$count")),
    Operation("files", (create, A), read("{case.path}/files")),
    Operation("one file", (create, A, remember_file), read("{case.path}/files/{case.file_id}")),
    Operation("a file's bytes", (create, A, remember_file), read("{case.path}/files/{case.file_id}/$value")),
    Operation("update", (create, A), complete, (reads("complete"), has_its_files)),
    Operation("update, with a refusal", (create, A, refused("bad.csv")), complete, (reads("complete"), has_its_files)),
    Operation("upload", (create, A), B, (has_its_files, reads("active"))),
    Operation("upload of several blocks", (create,), LARGE, (has_its_files,)),
    Operation("upload, the same again", (create, A), A, (has_its_files,)),
    Operation("upload, the same blocks again", (create, LARGE), LARGE, (has_its_files,)),
    Operation("upload that is refused", (create, A), refused("bad.csv"), (has_its_files, cannot_be_completed)),
    Operation(
        "upload that is refused, late", (create, A), refused("bad.csv", rows=2500), (has_its_files, cannot_be_completed)
    ),
    Operation(
        "upload, what was refused before",
        (create, refused("bad.csv")),
        upload("bad.csv"),
        (has_its_files, can_be_completed),
    ),
    Operation("upload that is converted", (create, A), converted(), (has_its_files, has_its_rows)),
    Operation("upload of several blocks that is converted", (create,), converted(2500), (has_its_files, has_its_rows)),
    Operation(
        "upload that is converted, the same again", (create, converted()), converted(), (has_its_files, has_its_rows)
    ),
    Operation("upload that is converted late", (create, A), converted_late, (has_its_files,)),
    Operation("delete, with rows", (create, converted(), converted(3)), delete),
    Operation("delete a file with rows", (create, converted(), remember_file, A), delete_converted, (has_its_files,)),
    Operation("tick: purge, with rows", (create, converted(), later(GRACE)), tick, (reads("expired"), has_no_files)),
    Operation("validateFile", (create, A), validate, (has_its_files,)),
    Operation("delete", (create, A, B, C, D, refused("bad.csv")), delete),
    Operation(
        "upload that is refused, its name is taken", (create, A), refused("a.csv"), (has_its_files, can_be_completed)
    ),
    Operation("delete a file", (create, A, remember_file, B), delete_file, (has_its_files, reads("active"))),
    Operation("list refusals", (create, refused("bad.csv")), read("{case.path}/refusals"), (cannot_be_completed,)),
    Operation(
        "withdraw a refusal",
        (create, A, refused("bad.csv"), remember_refusal),
        withdraw,
        (has_its_files, can_be_completed),
    ),
    Operation("update, if unchanged", (create, A, remember_etag), complete_if_unchanged, (has_its_files,)),
    Operation("delete, if unchanged", (create, A, remember_etag), delete_if_unchanged),
    Operation(
        "delete a file, if unchanged",
        (create, A, remember_file, B, remember_etag),
        delete_file_if_unchanged,
        (has_its_files, reads("active")),
    ),
    Operation(
        "upload, if unchanged",
        (create, A, remember_etag),
        upload_if_unchanged("b.csv", access_file(), 200),
        (has_its_files, reads("active")),
    ),
    Operation(
        "upload that is refused, if unchanged",
        (create, A, remember_etag),
        upload_if_unchanged("bad.csv", BAD, 400),
        (has_its_files, cannot_be_completed),
    ),
    Operation("delete, an expired session", (create, A, later(IDLE), tick), delete),
    Operation("name a resource", (), put_resource, (named(True),)),
    # With $top: the cases before have left resources, and each would add a call.
    Operation("list resources", (put_resource,), read("uploads/resources?$top=1"), (named(True),)),
    Operation("delete a resource's name", (put_resource,), delete_resource, (named(False),)),
    Operation("declare a resource's files", (), put_import, (declared(True, named=False),)),
    Operation(
        "declare the files of a resource with a name", (put_resource,), put_import, (declared(True, named=True),)
    ),
    Operation("delete a declaration", (put_import,), delete_import, (declared(False, named=False),)),
    Operation(
        "delete a name beside a declaration",
        (put_import, put_resource),
        delete_resource,
        (declared(True, named=False),),
    ),
    Operation("put a grant", (), put_grant, (grants(1),)),
    Operation("list grants", (put_grant,), read("uploads/grants/catalogs/{case.catalog}"), (grants(1),)),
    Operation("delete a grant", (put_grant,), delete_grant, (grants(0),)),
    Operation("put a list of accounts", (), put_accounts, (has_accounts(True),)),
    Operation("put a list of accounts, again", (put_accounts,), put_accounts, (has_accounts(True),)),
    Operation("delete a list of accounts", (put_accounts,), delete_accounts, (has_accounts(False),)),
    Operation("put the directory", (delete_directory,), put_directory(3), (has_directory(3),)),
    Operation("put the directory, another", (put_directory(3),), put_directory(4), (has_directory(4),)),
    Operation("read the directory", (put_directory(3),), read(DIRECTORY), (has_directory(3),)),
    Operation("delete the directory", (put_directory(3),), delete_directory, (has_directory(None),)),
    Operation(
        "upload, matched",
        (create, declare_matching, put_accounts, put_directory(3)),
        upload_logins("ann1@fabrikam.example", "svc-backup", expected=200),
        (has_its_files,),
    ),
    Operation(
        "upload that is refused, matched",
        (create, declare_matching, put_directory(3)),
        upload_logins("ann1@fabrikam.example", "nobody", expected=400),
        (has_unmatched, cannot_be_completed),
    ),
    Operation(
        "tick: a replaced directory",
        (put_directory(3), put_directory(4), later(IDLE)),
        tick,
        (has_directory(4),),
    ),
    Operation("tick: expire", (create, A, refused("bad.csv"), later(IDLE)), tick, (reads("expired"), has_its_files)),
    Operation("tick: purge", (create, A, B, C, D, later(GRACE)), tick, (reads("expired"), has_no_files)),
    Operation("tick: still active", (create, A, later(IDLE / 2), B, later(IDLE / 2)), tick, (has_its_files,)),
    Operation(
        "tick: seal", (create, A, complete, without_manifest, later(GRACE)), tick, (reads("complete"), has_its_files)
    ),
    Operation(
        "tick: retention", (create, A, B, complete, later(RETENTION)), tick, (reads("complete"), has_no_manifest)
    ),
    Operation(
        "update, after the retention", (create, A, complete, later(RETENTION), tick), complete, (has_no_manifest,)
    ),
    Operation("tick: no session", (without_session,), tick),
    Operation("tick: late blob of a deleted session", (create, A, delete, late_blob, later(IDLE)), tick),
    Operation("tick: half deleted", (create, A, B, C, D, half_deleted), tick),
)
