"""The operations on the upload sessions of one resource."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from accup.api.models import Checked, Delivery, Refusal, Review, Session, StoredFile
from accup.api.multipart import PIECE_BYTES, Progress, Upload
from accup.api.transport import Transport
from accup.api.upload import Uploader
from accup.errors import ApiError, ConflictError, HostError, UnsupportedError, UsageError
from accup.local import LocalFile

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
        """Create a session; 409 if the review instance has one.

        Raises:
            UsageError: the review has no definition.
        """
        if review.definition_id is None:
            raise UsageError(
                f"Review instance {review.instance_id} has no upload session yet. To create one, name the review's "
                "definition, too: --definition."
            )
        body = {
            "@odata.type": _SESSION_TYPE,
            "data": {
                "@odata.type": _DATA_TYPE,
                "reviewDefinitionId": review.definition_id,
                "reviewInstanceId": review.instance_id,
            },
        }
        return Session.from_json(self._transport.request("POST", self._path, json=body).json())

    def open(self, review: Review) -> Session:
        """The review instance's session with its files: a new one, or the one that exists.

        Raises:
            ConflictError: the session is for another definition; or the service says that there is one, but not which.
            UsageError: there is none, and the review has no definition.
        """
        session = self._opened(review)
        told, named = session.definition_id, review.definition_id
        if told is not None and named is not None and told != named.lower():
            raise ConflictError(
                f"The upload session {session.id} of review instance {review.instance_id} is for the review definition "
                f"{told}, not {named}. Correct --definition, or use the session's own review."
            )
        return session

    def _opened(self, review: Review) -> Session:
        if review.definition_id is None and (existing := self.find(review.instance_id)) is not None:
            return existing
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
        params = None if filter is None else {"$filter": filter}
        return map(Session.from_json, self._transport.elements(self._path, params))

    def get(self, session_id: str) -> Session:
        """A session with its files."""
        path = self._one(session_id)
        body = self._transport.request("GET", path, params=_WITH_FILES).json()
        session = Session.from_json(body)
        if len(session.files) < session.files_uploaded or "files@odata.nextLink" in body:
            # Graph may expand a part of a collection only ("Customize Microsoft Graph responses").
            session = Session.from_json(body | {"files": list(self._transport.elements(f"{path}/files"))})
        return session

    def complete(
        self,
        session_id: str,
        *,
        allow_incomplete: bool = False,
        allow_change: bool = False,
        if_match: str | None = None,
    ) -> Session:
        """Mark a session's upload as done: nothing can be added afterwards. A complete session stays as it is.

        Args:
            session_id: the session.
            allow_incomplete: although it has no file, or a file was refused and not replaced.
            allow_change: although the number of rows differs from the last time by more than the service allows.
            if_match: the ``etag`` of the session as it was read: it is completed only if nothing has changed since.

        Raises:
            ApiError: 409 if a file is missing, or the number of rows differs too much; 412 if something has changed.
        """
        preferences = ["allow-incomplete"] * allow_incomplete + ["allow-change"] * allow_change
        headers = {"Prefer": ", ".join(preferences)} if preferences else {}
        if if_match is not None:
            headers["If-Match"] = if_match
        path, attempts = self._one(session_id), 0

        def once() -> Session:
            nonlocal attempts
            attempts += 1
            try:
                answer = self._transport.once("PATCH", path, json={"isUploadDone": True}, headers=headers)
            except ApiError as error:
                # Graph accepts no second completion, and a condition does not hold after the first one: it may be the
                # one of an attempt before this, whose answer was lost.
                if error.status not in (400, 409, 412) or (if_match is not None and attempts == 1):
                    raise
                session = self.get(session_id)
                if session.status != "complete":
                    raise
                return session
            return Session.from_json(answer.json())

        return self._transport.retrying(once)

    def redeliver(self, session_id: str, target: str) -> Delivery:
        """Try a delivery again at once, even a successful one (not on Graph); ``target`` is ``graph`` or ``events``."""
        path = f"{self._one(session_id)}/redeliver"
        with _not_on_graph("deliver a session again"):
            return Delivery.from_json(self._transport.request("POST", path, json={"target": target}).json())

    def delete(self, session_id: str, *, if_match: str | None = None) -> None:
        """Delete a session that is not complete, with its files.

        Args:
            session_id: the session.
            if_match: the ``etag`` of the session as it was read: it is deleted only if nothing has changed since.
        """
        self._delete(self._one(session_id), {} if if_match is None else {"If-Match": if_match})

    # Files

    def upload(
        self,
        session_id: str,
        source: Path | Callable[[], BinaryIO],
        *,
        name: str | None = None,
        size: int | None = None,
        sha256: str | None = None,
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
            sha256: the digest (hex) that the file must have; if it has another, nothing is stored.
            progress: is called with the number of bytes sent so far; it falls back when an attempt begins anew.
            compress: whether to send it compressed; if not given, where the service accepts that and it saves time.

        Raises:
            ApiError: ``refuses_file`` tells whether the file is at fault; ``findings`` say what is wrong. A file above
                the service's limits is not sent (413).
            ConflictError: the file does not have the size or the digest that was given; or the session is over, or has
                as many files as it may.
            UsageError: a name or size is missing, or the name cannot be used, or the file cannot be read.
        """
        if isinstance(source, Path):
            name, size = name or source.name, LocalFile.of(source).size if size is None else size
        if name is None or size is None:
            raise UsageError("An upload from a stream needs its name and its size in bytes.")
        opened = (lambda: source.open("rb")) if isinstance(source, Path) else source
        return self.send(session_id, Upload(name, size, opened, sha256, progress, compress))

    def send(self, session_id: str, upload: Upload) -> Session:
        """Upload a file as ``upload`` does; its ``sha256`` is known afterwards."""
        return self._uploader.run(self._one(session_id), upload, lambda: self.get(session_id))

    def validate(self, session_id: str, upload: Upload) -> Checked:
        """Have the service check a file as ``upload`` does, and store nothing (not on Graph).

        Raises:
            ApiError: ``refuses_file`` tells whether the file is at fault; ``findings`` say what is wrong.
        """
        with _not_on_graph("check a file without storing it"):
            return self._uploader.check(self._one(session_id), upload)

    def download(
        self,
        session_id: str,
        file: StoredFile,
        to: BinaryIO | None,
        progress: Progress | None = None,
        *,
        resume: bool = False,
    ) -> str:
        """Write a file's bytes to ``to``, or keep none of them, and give their SHA-256 (hex).

        A repetition goes on where the connection was cut, and with ``resume`` after what ``to`` has at the beginning.
        Where the service knows no ranges, ``to`` is truncated first.

        Raises:
            ConflictError: they are not what the session says about the file.
        """
        path = f"{self._one(session_id)}/files/{quote(file.id, safe='')}/$value"
        accepted = {"Accept": "application/octet-stream, application/json"}

        digest, size = hashlib.sha256(), 0
        if resume and to is not None:
            to.seek(0)
            while piece := to.read(PIECE_BYTES):
                digest.update(piece)
                size += len(piece)

        def once() -> str:
            nonlocal digest, size
            headers = accepted | ({"Range": f"bytes={size}-"} if size else {})
            with self._transport.stream("GET", path, headers=headers) as answer:
                if answer.status_code != 206:
                    if to is not None:
                        to.seek(0)
                        to.truncate()
                    digest, size = hashlib.sha256(), 0
                for piece in answer.iter_bytes(PIECE_BYTES):
                    digest.update(piece)
                    size += len(piece)
                    if to is not None:
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

        return self._transport.retrying(once)

    def remove(self, session_id: str, file_id: str) -> None:
        """Remove a file from a session (not on Graph)."""
        with _not_on_graph("remove a file of a session"):
            self._delete(f"{self._one(session_id)}/files/{quote(file_id, safe='')}")

    def refusals(self, session_id: str) -> tuple[Refusal, ...]:
        """The files that were refused and not replaced yet (not on Graph)."""
        with _not_on_graph("tell which files it refused"):
            body = self._transport.request("GET", f"{self._one(session_id)}/refusals").json()
        return tuple(Refusal.from_json(refusal) for refusal in body["value"])

    def withdraw(self, session_id: str, refusal_id: str) -> None:
        """Withdraw a refusal, so that it no longer blocks completion (not on Graph)."""
        with _not_on_graph("withdraw a refusal"):
            self._delete(f"{self._one(session_id)}/refusals/{quote(refusal_id, safe='')}")

    def _one(self, session_id: str) -> str:
        if not session_id:
            raise UsageError("The id of an upload session is empty.")
        return f"{self._path}/{quote(session_id, safe='')}"

    def _delete(self, path: str, headers: Mapping[str, str] | None = None) -> None:
        attempts = 0

        def once() -> None:
            nonlocal attempts
            attempts += 1
            try:
                self._transport.once("DELETE", path, headers=headers)
            except ApiError as error:
                # An attempt before this one may have deleted it, and its answer was lost.
                if error.status != 404 or attempts == 1 or isinstance(error, HostError):
                    raise

        self._transport.retrying(once)


@contextmanager
def _not_on_graph(what: str) -> Iterator[None]:
    """Say that a service lacks an operation which Graph does not have, where it is not allowed."""
    try:
        yield
    except ApiError as error:
        if error.status != 405:
            raise
        raise UnsupportedError(f"This service cannot {what}: Microsoft Graph has no such operation.") from None
