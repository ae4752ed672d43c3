"""A client of upload sessions at Microsoft Graph, or at another instance of this service, which has the same API.

Requests and answers are those of ``customDataProvidedResourceUploadSession`` in v1.0. Nothing follows a redirect.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aiohttp

from shared.domain.deliveries import DeliveryError
from shared.domain.sessions import ResourceKey, Review, StoredFile
from shared.models.serializers import GRAPH, SESSION_TYPE

# Up to this much of an answer is read: a session with the files of a thousand names has less.
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_MAX_PAGES = 100
_CALL_SECONDS = 60
# An upload may take long; but not one byte moving for this long is the end of it.
_STALL_SECONDS = 120

# "customDataProvidedResourceUploadSession": a session without changes expires.
GRAPH_WINDOW = timedelta(hours=2)

_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")

GetToken = Callable[[], Awaitable[str | None]]


class TargetFile(NamedTuple):
    """A file that the target has. ``sha256`` in hex: another instance of this service tells it, Graph does not."""

    name: str
    size: int
    sha256: str | None


class TargetSession(NamedTuple):
    """An upload session of the target, as it is now."""

    id: str
    status: str
    files: tuple[TargetFile, ...]
    files_uploaded: int
    total_bytes: int
    expires: datetime | None
    etag: str | None


class NotThereError(DeliveryError):
    """The target has no such session, or no such resource."""


class TakenError(DeliveryError):
    """The target has a session for this review instance already; ``session_id`` if it says which."""

    def __init__(self, message: str, session_id: str | None) -> None:
        super().__init__(message)
        self.session_id = session_id


class GraphClient:
    """The upload sessions of one resource at the target."""

    def __init__(self, http: aiohttp.ClientSession, base: str, resource: ResourceKey, get_token: GetToken) -> None:
        """Take a client session, the base with its version (``https://graph.microsoft.com/v1.0``), and the resource."""
        self._http = http
        self._sessions = (
            f"{base.rstrip('/')}/identityGovernance/entitlementManagement/catalogs/{resource.catalog_id}"
            f"/resources/{resource.resource_id}/uploadSessions"
        )
        self._get_token = get_token

    async def create(self, review: Review) -> TargetSession:
        """Create a session.

        Raises:
            TakenError: the review instance has one.
            DeliveryError: it did not work.
        """
        body = {
            "@odata.type": SESSION_TYPE,
            "data": {
                "@odata.type": f"{GRAPH}customDataProvidedResourcePayloads.accessReviewContextData",
                "reviewDefinitionId": review.definition_id,
                "reviewInstanceId": review.instance_id,
            },
        }
        answer = await self._call("POST", self._sessions, json=body)
        with _expected_shape():
            return _session(answer)

    async def find(self, reference_id: str) -> list[TargetSession]:
        """The sessions of a review instance, without their files."""
        condition = quote(f"referenceId eq '{reference_id}'")
        found = await self._all(f"{self._sessions}?$filter={condition}")
        with _expected_shape():
            return [_session(each) for each in found]

    async def read(self, session_id: str) -> TargetSession:
        """A session with all of its files.

        Raises:
            NotThereError: there is none.
            DeliveryError: it did not work.
        """
        path = f"{self._sessions}/{session_id}"
        answer = await self._call("GET", f"{path}?$expand=files")
        with _expected_shape():
            session = _session(answer)
            if len(session.files) < session.files_uploaded:
                # Graph may expand a part of a collection only ("Customize Microsoft Graph responses").
                session = _session(answer | {"files": await self._all(f"{path}/files")})
            return session

    async def upload(self, session_id: str, file: StoredFile, content: AsyncIterator[bytes]) -> None:
        """Send one file, in constant memory.

        Raises:
            DeliveryError: it did not work.
            Exception: what reading ``content`` raises.
        """
        boundary = uuid4().hex
        name = file.name.replace("\\", "\\\\").replace('"', '\\"')
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        failures: list[Exception] = []

        async def form() -> AsyncIterator[bytes]:
            yield head
            try:
                async for piece in one_ahead(content):
                    yield piece
            except Exception as error:
                # aiohttp turns it into an error of the connection.
                failures.append(error)
                raise
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.size + len(tail)),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_STALL_SECONDS)
        path = f"{self._sessions}/{session_id}/uploadFile"
        try:
            await self._call("POST", path, data=form(), headers=headers, timeout=timeout)
        except DeliveryError:
            if failures:
                raise failures[0] from None
            raise

    async def complete(self, session: TargetSession) -> None:
        """Mark a session as done, if it is still as it was read (where the target has ETags).

        Raises:
            DeliveryError: it did not work.
        """
        headers = {"If-Match": session.etag} if session.etag else {}
        await self._call("PATCH", f"{self._sessions}/{session.id}", headers=headers, json={"isUploadDone": True})

    async def _all(self, url: str) -> list[Any]:
        """A collection, of which the target gives a page at a time ("Paging Microsoft Graph data")."""
        found: list[Any] = []
        for _ in range(_MAX_PAGES):
            # The token goes to the target only.
            if urlsplit(url)[:2] != urlsplit(self._sessions)[:2]:
                raise DeliveryError("The target's answer has a link to another host, which is not followed.")
            answer = await self._call("GET", url)
            with _expected_shape():
                found += answer["value"]
                url = answer.get("@odata.nextLink", "")
            if not url:
                return found
        raise DeliveryError("The target's list is too long.")

    async def _call(self, method: str, url: str, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
        token = await self._get_token()
        sent = {"Accept": "application/json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        options.setdefault("timeout", aiohttp.ClientTimeout(total=_CALL_SECONDS))
        try:
            async with self._http.request(method, url, headers=sent, allow_redirects=False, **options) as answer:
                content = await _bounded(answer)
                if answer.status >= 300:
                    raise _refused(answer, content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DeliveryError(f"The target could not be reached ({type(error).__name__}).") from error
        try:
            return json.loads(content) if content else {}
        except ValueError:
            raise DeliveryError("The target's answer is not JSON.") from None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > _MAX_ANSWER_BYTES:
            raise DeliveryError("The target's answer is too long.")
    return bytes(content)


@contextmanager
def _expected_shape() -> Iterator[None]:
    """Turn the errors of an answer that has another shape into ``DeliveryError``."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        raise DeliveryError("The target's answer is not that of an upload session.") from None


def _session(body: Mapping[str, Any]) -> TargetSession:
    stats = body.get("stats") or {}
    return TargetSession(
        id=str(body["id"]),
        status=str(body.get("status", "")),
        files=tuple(
            TargetFile(str(file["name"]), int(file["size"]), file.get("@uploads.sha256"))
            for file in body.get("files") or ()
        ),
        files_uploaded=int(stats.get("filesUploaded", 0)),
        total_bytes=int(stats.get("totalBytesUploaded", 0)),
        expires=_expires(body),
        etag=body.get("@odata.etag"),
    )


def _expires(body: Mapping[str, Any]) -> datetime | None:
    """When the target's session expires: as it says, or the earliest time where it does not, as Microsoft Graph."""
    try:
        if body.get("expirationDateTime"):
            return datetime.fromisoformat(body["expirationDateTime"])
        return datetime.fromisoformat(body["createdDateTime"]) + GRAPH_WINDOW
    except (KeyError, TypeError, ValueError):
        return None


def _refused(answer: aiohttp.ClientResponse, content: bytes) -> DeliveryError:
    """What an error response means: whether another attempt helps, when, and what a person can do."""
    try:
        error = json.loads(content)["error"]
        code, inner = str(error.get("code", "")), dict(error.get("innerError") or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        code, inner = "", {}
    # The more exact code, where there is one. Nothing else of the answer is repeated.
    exact = str(inner.get("code") or code)
    said = f"{answer.status} {exact}" if _CODE.fullmatch(exact) else str(answer.status)
    if answer.status == 409 and (inner.get("uploadSessionId") or code == "nameAlreadyExists"):
        taken = inner.get("uploadSessionId")
        return TakenError(f"The target has this already ({said}).", str(taken) if taken else None)
    if answer.status == 404:
        return NotThereError(
            f"The target does not have this resource or session ({said}). If the resource has other ids there, set "
            "them as the property upstream of its description."
        )
    words, final = _MEANINGS.get(answer.status, ("The target failed ({}).", False))
    if 300 <= answer.status < 400:
        words, final = (
            "The target answered with a redirect ({}), which is not followed. Check UPLOADS_FORWARD_URL.",
            True,
        )
    return DeliveryError(words.format(said), final=final, retry_after=_retry_after(answer))


# By status: the sentence, and whether another attempt is pointless.
_MEANINGS = {
    400: ("The target refused the upload session or a file ({}).", True),
    401: ("The target did not accept the app's token ({}). Check UPLOADS_FORWARD_SCOPE.", False),
    403: (
        (
            "The app's identity is not permitted to do this at the target ({}). It needs the application permission "
            "EntitlementManagement.ReadWrite.All, or the role Catalog owner in the catalog."
        ),
        False,
    ),
    409: ("The target's session cannot be changed now ({}).", False),
    412: ("The target's session was changed by somebody else during the attempt ({}).", False),
    413: ("The target accepts no file of this size ({}).", True),
    415: ("The target does not accept the file's type ({}).", True),
    429: ("The target is busy ({}).", False),
    503: ("The target is not available ({}).", False),
}


def _retry_after(answer: aiohttp.ClientResponse) -> timedelta | None:
    text = answer.headers.get("Retry-After", "")
    return timedelta(seconds=min(int(text), 3600)) if text.isascii() and text.isdecimal() else None


async def one_ahead(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same pieces: the next one is read while one is sent. Memory: two of them.

    An error of ``pieces`` is raised where the piece would be.
    """
    following = asyncio.ensure_future(anext(pieces, None))
    try:
        while (piece := await following) is not None:
            following = asyncio.ensure_future(anext(pieces, None))
            yield piece
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
