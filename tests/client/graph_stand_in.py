"""A service that answers as Microsoft Graph does, in memory: its errors have codes only, and it has no extensions.

It has no row findings, no digests, no ETags, no gzip, no ``DELETE`` of a file, no id in a 409, and keeps a file that is
sent twice two times. A session that is not complete can be deleted ("Delete customDataProvidedResourceUploadSession").
It is strict about what is documented ("customDataProvidedResourceUploadSession", its methods, and "Use query
parameters"): the properties of a new session, the one update, the name of the part, files on ``$expand`` only, filters,
and that a session expires two hours after its last change.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from uuid import uuid4

from shared.core import ids

_SESSIONS = re.compile(
    r"/v1\.0/identityGovernance/entitlementManagement/catalogs/[^/]+/resources/[^/]+/uploadSessions"
    r"(?:/(?P<session>[^/]+)(?P<rest>/.*)?)?"
)
_TYPE = "#microsoft.graph.customDataProvidedResourceAccessReviewUploadSession"
_LIFETIME = timedelta(hours=2)
_FILENAME = re.compile(rb'filename="([^"]*)"')


@dataclass
class Stored:
    """A session in memory; ``files`` are (id, name, content) in order of arrival."""

    id: str
    reference: str
    status: str = "active"
    created: str = "2026-11-24T15:00:00.1234567Z"
    files: list[tuple[str, str, bytes]] = field(default_factory=list)
    changed: datetime = field(default_factory=ids.utc_now)

    def as_json(self, *, files: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "@odata.type": _TYPE,
            "id": self.id,
            "createdDateTime": self.created,
            "status": self.status,
            "isUploadDone": self.status == "complete",
            "referenceId": self.reference,
            "stats": {
                "filesUploaded": len(self.files),
                "totalBytesUploaded": sum(len(content) for _, _, content in self.files),
            },
        }
        if files:
            body["files"] = [{"id": file, "name": name, "size": len(content)} for file, name, content in self.files]
        return body


class GraphStandIn:
    """The stand-in and what it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.sessions: dict[str, Stored] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.lost_answers = 0
        self.lost_completions = 0
        self.throttled = 0
        # How it answers when a file is to be read back.
        self.value_status = 200
        self.redirect_to: str | None = None
        self.next_link: str | None = None
        self.page_size = 100
        # As a store that is eventually consistent, or a query that is not obeyed.
        self.lags = False
        # Is called with each request's method and path before it is served.
        self.before: Callable[[str, str], None] = lambda *_: None
        self.ignores_filter = False
        self.refusal = "The file is not valid."
        self.challenge: str | None = None
        self.lock = Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: GraphStandIn

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.stand_in.lock:
            for session in self.stand_in.sessions.values():
                if session.status == "active" and session.changed + _LIFETIME <= ids.utc_now():
                    session.status = "expired"
            parts = urlsplit(self.path)
            self.stand_in.before(self.command, parts.path)
            self.stand_in.requests.append((self.command, parts.path, dict(self.headers.items())))
            answer = self._answer(parts.path, parse_qs(parts.query), body)
        if answer is not None:
            self._send(*answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  # the names that the base class calls

    def _answer(  # noqa: PLR0911  # a rule each
        self, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any] | None:
        stand_in = self.stand_in
        if stand_in.redirect_to is not None:
            return 307, None
        if stand_in.challenge is not None and "Authorization" not in self.headers:
            return 401, _error("InvalidAuthenticationToken", "Access token is empty.")
        if stand_in.throttled:
            stand_in.throttled -= 1
            return 429, _error("activityLimitReached", "Too many requests.")
        if self.headers.get("Content-Encoding"):
            self.close_connection = True
            return 415, _error("notSupported", "Content-Encoding is not supported.")
        found = _SESSIONS.fullmatch(path)
        if found is None:
            return 404, _error("itemNotFound", "Resource not found for the segment.")
        if found["session"] is None:
            return self._list(query) if self.command == "GET" else self._create(json.loads(body))
        session = stand_in.sessions.get(found["session"])
        if session is None:
            return 404, _error("itemNotFound", "The upload session does not exist.")
        return self._one(session, unquote(found["rest"] or ""), body)

    def _list(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        condition = query.get("$filter", [""])[0]
        wanted = re.fullmatch(r"referenceId eq '([^']*)'", condition)
        if condition and wanted is None:
            return 400, _error("invalidRequest", "Invalid filter clause.")
        reference = None if wanted is None or self.stand_in.ignores_filter else wanted[1]
        chosen = [each for each in self.stand_in.sessions.values() if reference in (None, each.reference)]
        body = self._page([session.as_json(files=False) for session in chosen], query)
        if self.stand_in.next_link:
            body["@odata.nextLink"] = self.stand_in.next_link
        return 200, body

    def _page(self, elements: list[Any], query: dict[str, list[str]]) -> dict[str, Any]:
        """Some of a collection, and a link to the rest of it."""
        start = int(query.get("$skiptoken", ["0"])[0])
        end = start + self.stand_in.page_size
        page: dict[str, Any] = {"value": elements[start:end]}
        if elements[end:]:
            same = {name: values[0] for name, values in query.items()}
            rest = urlencode(same | {"$skiptoken": end})
            page["@odata.nextLink"] = f"http://{self.headers['Host']}{urlsplit(self.path).path}?{rest}"
        return page

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        data = body.get("data", {})
        ids_given = [data.get(name, "") for name in ("reviewDefinitionId", "reviewInstanceId")]
        if body.get("@odata.type") != _TYPE or not all(map(ids.GUID.fullmatch, ids_given)):
            return 400, _error("invalidRequest", "The upload session is not valid.")
        reference = ids_given[1]
        if any(each.reference == reference and each.status != "expired" for each in self.stand_in.sessions.values()):
            return 409, _error("nameAlreadyExists", "An upload session exists for this reference.")
        session = Stored(str(uuid4()), reference)
        self.stand_in.sessions[session.id] = session
        return 201, session.as_json(files=True)

    def _one(  # noqa: PLR0911  # a rule each
        self, session: Stored, rest: str, body: bytes
    ) -> tuple[int, Any] | None:
        if rest == "" and self.command == "GET":
            query = parse_qs(urlsplit(self.path).query)
            seen = replace(session, files=[]) if self.stand_in.lags else session
            whole = seen.as_json(files=query.get("$expand") == ["files"])
            return 200, whole | {"files": whole["files"][: self.stand_in.page_size]} if "files" in whole else whole
        if rest == "/files" and self.command == "GET":
            return 200, self._page(session.as_json(files=True)["files"], parse_qs(urlsplit(self.path).query))
        if rest == "" and self.command == "DELETE" and session.status != "complete":
            del self.stand_in.sessions[session.id]
            return 204, None
        if rest == "" and self.command == "PATCH":
            if session.status != "active":
                return 400, _error("invalidRequest", "The upload session is not active.")
            if json.loads(body) != {"isUploadDone": True}:
                return 400, _error("invalidRequest", "Only isUploadDone can be updated, to true.")
            session.status = "complete"
            if self.stand_in.lost_completions:
                self.stand_in.lost_completions -= 1
                self.close_connection = True
                return None
            return 200, session.as_json(files=True)
        if rest == "/uploadFile" and self.command == "POST":
            return self._upload(session, body)
        value = re.fullmatch(r"/files/([^/]+)/\$value", rest)
        if value and self.command == "GET" and self.stand_in.value_status != 405:
            if self.stand_in.value_status != 200:
                return self.stand_in.value_status, _error("generalException", "The file cannot be read.")
            return 200, next(content for file, _, content in session.files if file == value[1])
        return 405, _error("notAllowed", "The method is not allowed.")

    def _upload(self, session: Stored, body: bytes) -> tuple[int, Any] | None:
        name = _FILENAME.search(body)
        if name is None or b'name="file"' not in body.partition(b"\r\n\r\n")[0]:
            return 400, _error("invalidRequest", "The form has no file.")
        content = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        if session.status != "active":
            return 409, _error("notAllowed", "The upload session is not active.")
        if not content.startswith(b"principalId,"):
            return 400, _error("invalidRequest", self.stand_in.refusal)
        session.files.append((str(uuid4()), name[1].decode(), content))
        session.changed = ids.utc_now()
        if self.stand_in.lost_answers:
            self.stand_in.lost_answers -= 1
            self.close_connection = True
            return None
        return 200, session.as_json(files=True)

    def _send(self, status: int, body: Any) -> None:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.stand_in.redirect_to is not None:
            self.send_header("Location", self.stand_in.redirect_to)
        if status == 401 and self.stand_in.challenge:
            self.send_header("WWW-Authenticate", self.stand_in.challenge)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _error(code: str, message: str) -> dict[str, Any]:
    inner = {"date": "2026-11-24T15:00:00", "request-id": str(uuid4()), "client-request-id": str(uuid4())}
    return {"error": {"code": code, "message": message, "innerError": inner}}


@contextmanager
def graph_stand_in() -> Iterator[GraphStandIn]:
    """The stand-in while it runs."""
    running = GraphStandIn()

    class Handler(_Handler):
        stand_in = running

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_port}/v1.0"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
