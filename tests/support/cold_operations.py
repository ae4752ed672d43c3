"""Every operation on its cold path: a resource, a session and a caller that the measured process has not seen.

What an operation needs is prepared through another process of the service on the same storage. A process that serves
one request an hour remembers nothing of what was done before, so that this is the ordinary case in Azure.

The benchmark measures these operations, and ``tests/api/test_round_trips.py`` holds the table in ``docs/design.md``,
which has their names, equal to the calls to storage that they make.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bench.access_file import read, slices
from bench.wire import NO_HEADERS, Connection, Headers, bearer, form_request, request
from shared.domain.callers import READ_WRITE_ALL
from tests.support.round_trips import new_trace

MIB = 2**20

LARGE_BLOCKS = 3

_SESSIONS = "/v1.0/identityGovernance/entitlementManagement/catalogs/{catalog}/resources/{resource}/uploadSessions"
_SESSION = f"{_SESSIONS}/{{session}}"
_FILES = f"{_SESSION}/files"
_REFUSALS = f"{_SESSION}/refusals"
_RESOURCES = "/v1.0/uploads/resources"
_RESOURCE = f"{_RESOURCES}/{{catalog}}/{{resource}}"
_IMPORT = f"{_RESOURCE}/import"
_ACCOUNTS = f"{_RESOURCE}/accounts"
_GRANTS = "/v1.0/uploads/grants/catalogs/{catalog}"
_GRANT = f"{_GRANTS}/resources/{{resource}}/principals/{{caller}}"
_DIRECTORY = "/v1.0/uploads/directory"
_SCOPE = quote("catalogId eq '{catalog}' and resourceId eq '{resource}' and sessionId eq '{session}'", safe="{}'")


@dataclass(frozen=True, slots=True)
class Contents:
    """The files that are uploaded."""

    small: bytes
    large: bytes
    faulty: bytes
    semicolons: bytes
    logins: bytes = b"Login,Role\r\nann@fabrikam.example,reader\r\n"

    @classmethod
    def read(cls, rows: Path, *, small_bytes: int = 150_000, large_bytes: int = 10 * MIB) -> "Contents":
        """Out of a file of rows (``bench.access_file``): one that fits in a block, and one of ``LARGE_BLOCKS``."""
        small, large = (read(rows, slices(rows, size)[0]) for size in (small_bytes, large_bytes))
        semicolons = small.replace(b'"', b"").replace(b", ", b" ").replace(b",", b";")
        return cls(small, large, small + b"nobody,Robot,1,one,,\r\n", semicolons)


def _new_id() -> str:
    return str(uuid4())


@dataclass(slots=True)
class Place:
    """A caller and a resource of one sample only, and the ids of what was prepared for it."""

    contents: Contents
    caller: str = field(default_factory=_new_id)
    catalog: str = field(default_factory=_new_id)
    resource: str = field(default_factory=_new_id)
    review: str = field(default_factory=_new_id)
    session: str = ""
    file: str = ""
    refusal: str = ""

    def path(self, template: str) -> str:
        """A path with the ids of this place."""
        return template.format(**asdict(self))


Request = Callable[[str, Place, Headers], bytes]
"""The bytes of a request to a host, for a place, with headers."""

Step = Callable[[Connection, Place], Awaitable[None]]
"""A part of the preparation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Args:
        name: as in the table of ``docs/design.md``.
        request: what is measured.
        prepare: what is done before, by another process.
        status: of the answer.
        by_grant: whether a caller may do it who has a grant for the resource and no permission for the tenant.
        sizes: what the letters in the table stand for.
    """

    name: str
    request: Request
    prepare: tuple[Step, ...] = ()
    status: int = 200
    by_grant: bool = True
    sizes: Mapping[str, int] = field(default_factory=dict)


class Access(StrEnum):
    """Why a caller may do what it asks for."""

    ROLE = "role"
    """A permission for the whole tenant, in its token."""
    GRANT = "grant"
    """A grant for the resource, and nothing else."""


@dataclass(frozen=True, slots=True)
class ColdRequest:
    """A request that is ready to be sent; in the service's telemetry it is a trace of its own."""

    operation: Operation
    access: Access
    trace: str
    request: bytes


Mint = Callable[[str, Sequence[str]], str]
"""Makes a token for a caller's object id, with permissions."""


async def cold_requests(host: str, preparing: Connection, contents: Contents, mint: Mint) -> AsyncIterator[ColdRequest]:
    """A request to ``host`` of each operation and kind of access, each prepared just before it is needed."""
    for operation in OPERATIONS:
        for access in Access if operation.by_grant else (Access.ROLE,):
            place = Place(contents)
            for step in (*operation.prepare, *((_granted,) if access is Access.GRANT else ())):
                await step(preparing, place)
            token = mint(place.caller, [READ_WRITE_ALL] if access is Access.ROLE else [])
            trace, headers = new_trace()
            request = operation.request(host, place, {**headers, **bearer(token)})
            yield ColdRequest(operation, access, trace, request)


# Requests


def _plain(method: str, path: str) -> Request:
    return lambda host, place, headers: request(method, host, place.path(path), headers)


def _json(method: str, path: str, body: Mapping[str, Any]) -> Request:
    return lambda host, place, headers: request(method, host, place.path(path), headers, json.dumps(body).encode())


def _create(host: str, place: Place, headers: Headers) -> bytes:
    data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": place.review}
    return request("POST", host, place.path(_SESSIONS), headers, json.dumps({"data": data}).encode())


def _form(action: str, content: str, name: str = "access.csv") -> Request:
    """A form with one of ``Contents``."""

    def build(host: str, place: Place, headers: Headers) -> bytes:
        data: bytes = getattr(place.contents, content)
        head, tail = form_request(host, f"{place.path(_SESSION)}/{action}", len(data), name, headers)
        return head + data + tail

    return build


def _list_resources(more: str = "") -> Request:
    """A list that begins at this catalog, since all samples have theirs in the same list."""

    def build(host: str, place: Place, headers: Headers) -> bytes:
        before = f"{place.catalog}_{'0' * 8}-0000-0000-0000-{'0' * 12}"
        return request("GET", host, f"{_RESOURCES}?$top=1&$skiptoken={before}{more}", headers)

    return build


def _put_accounts(host: str, place: Place, headers: Headers) -> bytes:
    content = b"account,principalId\nsvc-backup,-\n"
    return request("PUT", host, place.path(_ACCOUNTS), {**headers, "Content-Type": "text/csv"}, content)


def _put_directory(host: str, place: Place, headers: Headers) -> bytes:
    """A directory with one attribute, so that its index has two parts."""
    content = f"id,mail\n{place.resource},ann@fabrikam.example\n".encode()
    return request("PUT", host, _DIRECTORY, {**headers, "Content-Type": "text/csv"}, content)


# Preparation


async def _session(connection: Connection, place: Place) -> None:
    answer = await connection.send(_create(connection.host, place, NO_HEADERS), status=201)
    place.session = json.loads(answer)["id"]


async def _file(connection: Connection, place: Place) -> None:
    answer = await connection.send(_form("uploadFile", "small")(connection.host, place, NO_HEADERS), status=200)
    place.file = json.loads(answer)["files"][0]["id"]


async def _converted(connection: Connection, place: Place) -> None:
    answer = await connection.send(_form("uploadFile", "semicolons")(connection.host, place, NO_HEADERS), status=200)
    place.file = json.loads(answer)["files"][0]["id"]


async def _refusal(connection: Connection, place: Place) -> None:
    await connection.send(_form("uploadFile", "faulty")(connection.host, place, NO_HEADERS), status=400)
    listed = await connection.send(_plain("GET", _REFUSALS)(connection.host, place, NO_HEADERS), status=200)
    place.refusal = json.loads(listed)["value"][0]["id"]


async def _granted(connection: Connection, place: Place) -> None:
    await connection.send(_PUT_GRANT(connection.host, place, NO_HEADERS), status=200)


async def _described(connection: Connection, place: Place) -> None:
    await connection.send(_PUT_RESOURCE(connection.host, place, NO_HEADERS), status=200)


async def _declared(connection: Connection, place: Place) -> None:
    await connection.send(_PUT_IMPORT(connection.host, place, NO_HEADERS), status=200)


async def _listed(connection: Connection, place: Place) -> None:
    await connection.send(_put_accounts(connection.host, place, NO_HEADERS), status=200)


async def _matched(connection: Connection, place: Place) -> None:
    """What matches accounts: a declaration, a list of accounts, and a directory that no process has loaded."""
    await connection.send(_PUT_MATCHING(connection.host, place, NO_HEADERS), status=200)
    await _listed(connection, place)
    await _directory(connection, place)


async def _directory(connection: Connection, place: Place) -> None:
    await connection.send(_put_directory(connection.host, place, NO_HEADERS), status=200)


async def _another_described(connection: Connection, place: Place) -> None:
    """A list reads one row more than it shows: with a second one of the same catalog, no other catalog is read."""
    path = f"{_RESOURCES}/{place.catalog}/ffffffff-ffff-4fff-bfff-ffffffffffff"
    await connection.send(_json("PUT", path, {"displayName": "Last"})(connection.host, place, NO_HEADERS), status=200)


_PUT_GRANT = _json("PUT", _GRANT, {"role": "owner", "mayDeclare": True})
_PUT_RESOURCE = _json("PUT", _RESOURCE, {"displayName": "Doors"})
_PUT_IMPORT = _json("PUT", _IMPORT, {"columns": {"principalId": "Login"}})
_PUT_MATCHING = _json(
    "PUT",
    _IMPORT,
    {
        "columns": {"principalId": "Login", "permissionId": "Role", "permissionName": "Role"},
        "constants": {"principalType": "user"},
        "principals": {"matchBy": ["mail"]},
    },
)
_COMPLETE = _json("PATCH", _SESSION, {"isUploadDone": True})

OPERATIONS = (
    Operation("create", _create, status=201),
    Operation("create, the reference is taken", _create, (_session,), 409),
    Operation("get", _plain("GET", _SESSION), (_session,)),
    Operation("get, `$expand=files`", _plain("GET", f"{_SESSION}?$expand=files"), (_session, _file)),
    Operation("list", _plain("GET", _SESSIONS), (_session,)),
    Operation("list, the newest first", _plain("GET", f"{_SESSIONS}?$orderby=createdDateTime%20desc"), (_session,)),
    Operation("list, `$expand=files`", _plain("GET", f"{_SESSIONS}?$expand=files"), (_session, _file)),
    Operation("update", _COMPLETE, (_session, _file)),
    Operation("uploadFile, up to one block", _form("uploadFile", "small"), (_session,)),
    Operation("uploadFile, n blocks", _form("uploadFile", "large"), (_session,), sizes={"n": LARGE_BLOCKS}),
    Operation("uploadFile, converted", _form("uploadFile", "semicolons"), (_session,)),
    Operation("uploadFile, matched, n parts", _form("uploadFile", "logins"), (_session, _matched), sizes={"n": 2}),
    Operation("uploadFile, a second file", _form("uploadFile", "small", "second.csv"), (_session, _file)),
    Operation("uploadFile, the same file again", _form("uploadFile", "small"), (_session, _file)),
    Operation("uploadFile, refused", _form("uploadFile", "faulty"), (_session,), 400),
    Operation("validateFile", _form("validateFile", "small"), (_session,)),
    Operation("files", _plain("GET", _FILES), (_session, _file)),
    Operation("one file", _plain("GET", f"{_FILES}/{{file}}"), (_session, _file)),
    Operation("`$value`, n times 1 MiB", _plain("GET", f"{_FILES}/{{file}}/$value"), (_session, _file), sizes={"n": 1}),
    Operation(
        "`rows/$value`, n times 1 MiB",
        _plain("GET", f"{_FILES}/{{file}}/rows/$value"),
        (_session, _converted),
        sizes={"n": 1},
    ),
    Operation("delete a file", _plain("DELETE", f"{_FILES}/{{file}}"), (_session, _file), 204),
    Operation("refusals", _plain("GET", _REFUSALS), (_session, _refusal)),
    Operation("accounts of a refusal", _plain("GET", f"{_REFUSALS}/{{refusal}}/accounts"), (_session, _refusal)),
    Operation("withdraw a refusal", _plain("DELETE", f"{_REFUSALS}/{{refusal}}"), (_session, _refusal), 204),
    Operation("delete, n files", _plain("DELETE", _SESSION), (_session, _file), 204, sizes={"n": 1}),
    Operation("a grant: put", _PUT_GRANT, by_grant=False),
    Operation("a grant: list", _plain("GET", _GRANTS), (_granted,), by_grant=False),
    Operation("a grant: delete", _plain("DELETE", _GRANT), (_granted,), 204, by_grant=False),
    Operation("a resource: get", _plain("GET", _RESOURCE), (_described,)),
    Operation("a resource: put", _PUT_RESOURCE, by_grant=False),
    Operation("a resource: delete", _plain("DELETE", _RESOURCE), (_described,), 204, by_grant=False),
    Operation("a declaration: get", _plain("GET", _IMPORT), (_declared,)),
    Operation("a declaration: put", _PUT_IMPORT),
    Operation("a declaration: delete", _plain("DELETE", _IMPORT), (_declared,), 204),
    Operation("a list of accounts: get", _plain("GET", _ACCOUNTS), (_listed,)),
    Operation("a list of accounts: put", _put_accounts),
    Operation("a list of accounts: delete", _plain("DELETE", _ACCOUNTS), (_listed,), 204),
    Operation("resources", _list_resources(), (_described, _another_described), sizes={"n": 1, "p": 1}),
    Operation(
        "resources, `$expand=uploadSessions`",
        _list_resources("&$expand=uploadSessions"),
        (_described, _another_described, _session),
        sizes={"n": 1, "p": 1},
    ),
    Operation("the directory: get", _plain("GET", _DIRECTORY), (_directory,), by_grant=False),
    Operation("the directory: put, n parts", _put_directory, (_directory,), by_grant=False, sizes={"n": 2}),
    Operation(
        "the directory: delete, n parts",
        _plain("DELETE", _DIRECTORY),
        (_directory,),
        204,
        by_grant=False,
        sizes={"n": 2},
    ),
    Operation(
        "audit of a session", _plain("GET", f"/v1.0/uploads/audit?$filter={_SCOPE}"), (_session,), by_grant=False
    ),
)
