"""A client of upload sessions at Microsoft Graph, or at another instance of this service, which has the same API.

Requests and answers are those of ``customDataProvidedResourceUploadSession`` in v1.0. Nothing follows a redirect.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aiohttp

from shared.domain.deliveries import DeliveryError
from shared.domain.plausibility import ALLOW_CHANGE
from shared.domain.sessions import ResourceKey, Review, StoredFile
from shared.models.file_names import file_disposition
from shared.models.serializers import GRAPH, SESSION_TYPE
from shared.targets.graph_answers import TargetFile, TargetSession, bounded, expected_shape, refused, session_of

_MAX_PAGES = 100
_CALL_SECONDS = 60
# An upload may take long, but ends if not one piece is taken, or no answer comes, for so long.
_STALL_SECONDS = 120
_PIECE_BYTES = 64 * 1024
# The answers of a target that does not give files back: Graph documents no such operation for them.
_NOT_GIVEN = (403, 404, 405, 501)

GetToken = Callable[[], Awaitable[str | None]]


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
            ConflictError: the review instance has one.
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
        with expected_shape():
            return session_of(answer)

    async def find(self, reference_id: str) -> list[TargetSession]:
        """The sessions of a review instance, without their files."""
        condition = quote(f"referenceId eq '{reference_id}'")
        found = await self._all(f"{self._sessions}?$filter={condition}")
        with expected_shape():
            return [session_of(each) for each in found]

    async def read(self, session_id: str) -> TargetSession:
        """A session with all of its files.

        Raises:
            NotThereError: there is none.
            DeliveryError: it did not work.
        """
        path = f"{self._sessions}/{session_id}"
        answer = await self._call("GET", f"{path}?$expand=files")
        with expected_shape():
            session = session_of(answer)
            if session.counts is not None and len(session.files) < session.counts[0]:
                # Graph may expand a part of a collection only ("Customize Microsoft Graph responses").
                session = session_of(answer | {"files": await self._all(f"{path}/files")})
            return session

    async def upload(self, session_id: str, file: StoredFile, content: AsyncIterator[bytes]) -> TargetSession:
        """Send one file, in constant memory. Returns the session as the target answers then.

        Raises:
            DeliveryError: it did not work.
            Exception: what reading ``content`` raises.
        """
        boundary = uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; {file_disposition(file.name)}\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        failures: list[Exception] = []
        # The client's own time limit for reading begins only after the body, and it has none for writing.
        stall = asyncio.timeout(_STALL_SECONDS)

        async def form() -> AsyncIterator[bytes]:
            yield head
            try:
                async for piece in one_ahead(content):
                    for start in range(0, len(piece), _PIECE_BYTES):
                        stall.reschedule(asyncio.get_running_loop().time() + _STALL_SECONDS)
                        yield piece[start : start + _PIECE_BYTES]
            except Exception as error:
                # aiohttp turns it into an error of the connection.
                failures.append(error)
                raise
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.size + len(tail)),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        path = f"{self._sessions}/{session_id}/uploadFile"
        try:
            async with stall:
                answer = await self._call("POST", path, data=form(), headers=headers, timeout=timeout)
        except TimeoutError:
            raise DeliveryError(f"The target stalled for {_STALL_SECONDS} seconds during an upload.") from None
        except DeliveryError:
            if failures:
                raise failures[0] from None
            raise
        with expected_shape():
            return session_of(answer)

    async def digest(self, session_id: str, file: TargetFile) -> str | None:
        """The SHA-256 (hex) of a file's bytes, which are read and not kept; ``None`` if the target does not give them.

        Raises:
            DeliveryError: it did not work.
        """
        url = f"{self._sessions}/{session_id}/files/{quote(file.id, safe='')}/$value"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_CALL_SECONDS)
        async with self._request("GET", url, {}, timeout=timeout) as answer:
            if answer.status in _NOT_GIVEN:
                return None
            if answer.status >= 300:
                raise refused(answer, await bounded(answer))
            found, size = hashlib.sha256(), 0
            async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                found.update(piece)
                size += len(piece)
                if size > file.size:
                    break
            return found.hexdigest()

    async def complete(self, session: TargetSession, *, allow_change: bool = False) -> None:
        """Mark a session as done, if it is still as it was read (where the target has ETags).

        Args:
            session: as it was read.
            allow_change: whatever another instance of this service thinks of the number of rows.

        Raises:
            UnexpectedChangeError: it would need ``allow_change``.
            DeliveryError: it did not work.
        """
        headers = {"If-Match": session.etag} if session.etag else {}
        if allow_change:
            headers["Prefer"] = ALLOW_CHANGE
        await self._call("PATCH", f"{self._sessions}/{session.id}", headers=headers, json={"isUploadDone": True})

    async def _all(self, url: str) -> list[Any]:
        """A collection, of which the target gives a page at a time ("Paging Microsoft Graph data")."""
        found: list[Any] = []
        for _ in range(_MAX_PAGES):
            # The token goes to the target only.
            if urlsplit(url)[:2] != urlsplit(self._sessions)[:2]:
                raise DeliveryError("The target's answer has a link to another host, which is not followed.")
            answer = await self._call("GET", url)
            with expected_shape():
                found += answer["value"]
                url = answer.get("@odata.nextLink", "")
            if not url:
                return found
        raise DeliveryError("The target's list is too long.")

    async def _call(self, method: str, url: str, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
        options.setdefault("timeout", aiohttp.ClientTimeout(total=_CALL_SECONDS))
        sent = {"Accept": "application/json", **(headers or {})}
        async with self._request(method, url, sent, **options) as answer:
            content = await bounded(answer)
            if answer.status >= 300:
                raise refused(answer, content)
        try:
            return json.loads(content) if content else {}
        except ValueError:
            raise DeliveryError("The target's answer is not JSON.") from None

    @asynccontextmanager
    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the target, whatever its status.

        Raises:
            DeliveryError: there is none, or it ends early.
        """
        token = await self._get_token()
        sent = {**headers, "Authorization": f"Bearer {token}"} if token is not None else headers
        try:
            async with self._http.request(method, url, headers=sent, allow_redirects=False, **options) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DeliveryError(f"The target could not be reached ({type(error).__name__}).") from error


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
