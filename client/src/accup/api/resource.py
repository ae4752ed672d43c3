"""The operations on the upload sessions of one resource."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from accup.api.models import Delivery, Refusal, Review, Session, StoredFile
from accup.api.multipart import PIECE_BYTES, Progress
from accup.api.transport import Transport
from accup.api.upload import Upload, Uploader
from accup.errors import ApiError, ConflictError, HostError, InterruptedByUserError

_SESSION_TYPE = "#microsoft.graph.customDataProvidedResourceAccessReviewUploadSession"
_DATA_TYPE = "#microsoft.graph.customDataProvidedResourcePayloads.accessReviewContextData"
_WITH_FILES = {"$expand": "files"}


class Resource:
    """The upload sessions of one resource. Get it from ``Client.resource``.

    Every method raises ``ApiError`` if the service answers with an error, and another ``AccupError`` if it does not
    answer.
    """

    def __init__(self, transport: Transport, uploader: Uploader, catalog_id: str, resource_id: str) -> None:
        self._transport = transport
        self._path = transport.target.sessions(catalog_id, resource_id)
        self._uploader = uploader

    # Sessions

    def create(self, review: Review) -> Session:
        """Create a session; 409 if the review instance has one."""
        body = {
            "@odata.type": _SESSION_TYPE,
            "data": {
                "@odata.type": _DATA_TYPE,
                "reviewDefinitionId": review.definition_id,
                "reviewInstanceId": review.instance_id,
            },
        }
        return _session(self._transport.request("POST", self._path, json=body))

    def open(self, review: Review) -> Session:
        """The review instance's session with its files: a new one, or the one that exists.

        Raises:
            ConflictError: the service says that there is a session, but not which.
        """
        try:
            return self.create(review)
        except ApiError as error:
            if error.status != 409:
                raise
            known = error.inner.get("uploadSessionId")
        if isinstance(known, str):
            return self.get(known)
        found = self.find(review.instance_id)
        if found is None:
            raise ConflictError(
                f"The service says that review instance {review.instance_id} has an upload session, but lists none "
                "that is active or complete. It may have expired; its reference is free again some minutes later."
            )
        return found

    def find(self, review_instance_id: str) -> Session | None:
        """The session, active or complete, of a review instance, with its files."""
        wanted = review_instance_id.lower()
        for session in self.list(f"referenceId eq '{wanted}'"):
            if session.status in ("active", "complete") and (session.reference_id or wanted).lower() == wanted:
                return self.get(session.id)
        return None

    def list(self, filter: str | None = None) -> Iterator[Session]:  # noqa: A002  # OData's name
        """The resource's sessions, those that an OData ``$filter`` selects if there is one."""
        yield from map(Session.from_json, self._all(self._path, None if filter is None else {"$filter": filter}))

    def get(self, session_id: str) -> Session:
        """A session with its files."""
        path = self._one(session_id)
        body = self._transport.request("GET", path, params=_WITH_FILES).json()
        session = Session.from_json(body)
        if len(session.files) < session.files_uploaded:
            # Graph may expand a part of a collection only ("Customize Microsoft Graph responses").
            session = Session.from_json(body | {"files": list(self._all(f"{path}/files"))})
        return session

    def complete(self, session_id: str, *, allow_incomplete: bool = False, allow_change: bool = False) -> Session:
        """Mark a session's upload as done: nothing can be added afterwards.

        Args:
            session_id: the session.
            allow_incomplete: although it has no file, or a file was refused and not replaced.
            allow_change: although the number of rows differs from the last time by more than the service allows.
        """
        preferences = ["allow-incomplete"] * allow_incomplete + ["allow-change"] * allow_change
        headers = {"Prefer": ", ".join(preferences)} if preferences else None
        done = {"isUploadDone": True}
        return _session(self._transport.request("PATCH", self._one(session_id), json=done, headers=headers))

    def redeliver(self, session_id: str, target: str) -> Delivery:
        """Try a delivery again at once, whatever became of it (not on Graph); ``target`` is ``graph`` or ``events``."""
        path = f"{self._one(session_id)}/redeliver"
        return Delivery.from_json(self._transport.request("POST", path, json={"target": target}).json())

    def delete(self, session_id: str) -> None:
        """Delete a session that is not complete, with its files."""
        self._delete(self._one(session_id))

    # Files

    def upload(
        self,
        session_id: str,
        source: Path | Callable[[], BinaryIO],
        *,
        name: str | None = None,
        size: int | None = None,
        sha256: str | Callable[[], str | None] | None = None,
        progress: Progress | None = None,
        compress: bool | None = None,
    ) -> Session:
        """Upload a file, and give the session as it is then.

        A lost answer is no fault: before the file is sent again, the session is read to see whether it arrived. Before
        a file above 1 MiB is sent, the session is read, and the service's limits are asked once (not on Graph).

        Args:
            session_id: the session.
            source: the file's path, or a function that opens the file (each attempt reads it from its beginning).
            name: the file's name in the session; that of the path if it is not given.
            size: the file's size in bytes; needed if ``source`` is a function.
            sha256: the digest (hex) that the file must have; if it has another, nothing is stored. Or a function that
                gives it, or ``None`` as long as it is not known: it is asked before each attempt.
            progress: is called with the number of bytes sent so far; it falls back when an attempt begins anew.
            compress: whether to send it compressed; if not given, where the service accepts that and it saves time.

        Raises:
            ApiError: ``refuses_file`` tells whether the file is at fault; ``findings`` say what is wrong. A file above
                the service's limits is not sent (413).
            ConflictError: the file does not have the size or the digest that was given; or the session is over, or has
                as many files as it may.
            UsageError: a name or size is missing, or the name cannot be used.
        """
        upload = Upload.of(source, name=name, size=size, sha256=sha256)
        path = self._one(session_id)
        return self._uploader.run(path, upload, read=lambda: self.get(session_id), progress=progress, compress=compress)

    def download(self, session_id: str, file: StoredFile, to: BinaryIO, progress: Progress | None = None) -> str:
        """Write a file's bytes to ``to``, and give their SHA-256 (hex); ``to`` is truncated before a repetition.

        Raises:
            ConflictError: they are not what the session says about the file.
        """
        return _download(
            self._transport, f"{self._one(session_id)}/files/{quote(file.id, safe='')}/$value", file, to, progress
        )

    def remove(self, session_id: str, file_id: str) -> None:
        """Remove a file from a session (not on Graph)."""
        self._delete(f"{self._one(session_id)}/files/{quote(file_id, safe='')}")

    def refusals(self, session_id: str) -> tuple[Refusal, ...]:
        """The files that were refused and not replaced yet (not on Graph)."""
        body: Mapping[str, Any] = self._transport.request("GET", f"{self._one(session_id)}/refusals").json()
        return tuple(Refusal.from_json(refusal) for refusal in body["value"])

    def withdraw(self, session_id: str, refusal_id: str) -> None:
        """Withdraw a refusal, so that it no longer blocks completion (not on Graph)."""
        self._delete(f"{self._one(session_id)}/refusals/{quote(refusal_id, safe='')}")

    def _all(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """The elements of a collection, of which an answer has a page."""
        answer = self._transport.request("GET", path, params=params)
        while True:
            body: dict[str, Any] = answer.json()
            yield from body["value"]
            if "@odata.nextLink" not in body:
                return
            answer = self._transport.request("GET", body["@odata.nextLink"])

    def _one(self, session_id: str) -> str:
        return f"{self._path}/{quote(session_id, safe='')}"

    def _delete(self, path: str) -> None:
        attempts = 0

        def once() -> None:
            nonlocal attempts
            attempts += 1
            try:
                self._transport.once("DELETE", path)
            except ApiError as error:
                # An attempt before this one may have deleted it, and its answer was lost.
                if error.status != 404 or attempts == 1 or isinstance(error, HostError):
                    raise

        self._transport.retrying(once)


def _session(answer: httpx.Response) -> Session:
    return Session.from_json(answer.json())


def _download(transport: Transport, path: str, file: StoredFile, to: BinaryIO, progress: Progress | None) -> str:
    """Write the bytes at ``path`` to ``to``, and give their SHA-256 (hex).

    Raises:
        ConflictError: size or digest are not what the session says.
    """

    def once() -> str:
        to.seek(0)
        to.truncate()
        digest = hashlib.sha256()
        size = 0
        with transport.download(path) as answer:
            for piece in answer.iter_bytes(PIECE_BYTES):
                if transport.cancelled.is_set():
                    raise InterruptedByUserError("Interrupted.")
                digest.update(piece)
                size += len(piece)
                to.write(piece)
                if progress is not None:
                    progress(size)
        found = digest.hexdigest()
        if size != file.size or (file.sha256 is not None and found != file.sha256):
            raise ConflictError(
                f"'{file.name}' was downloaded with {size} bytes and SHA-256 {found}, but the session says "
                f"{file.size} bytes and SHA-256 {file.sha256 or 'unknown'}."
            )
        return found

    return transport.retrying(once)
