"""The directory, and an application's own list of accounts (neither is on Graph)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from accup.api.answers import expected_shape, listed, number, optional_text, text
from accup.api.multipart import FileForm, Progress, Upload
from accup.api.transport import Transport
from accup.api.upload import CHUNKED_ABOVE_BYTES
from accup.errors import ApiError, ConflictError, UsageError
from accup.local import unreadable

_DIRECTORY = "/uploads/directory"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of the directory: how many users have it, and of how many another one has the same value."""

    name: str
    users: int
    shared: int


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """What the directory has; ``body`` is the JSON as it came."""

    users: int
    sha256: str
    uploaded: str
    uploaded_by: str | None
    attributes: tuple[Attribute, ...]
    body: Mapping[str, Any]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "DirectoryState":
        """The state in an answer."""
        with expected_shape("a directory"):
            return cls(
                users=number(body["users"]),
                sha256=text(body["sha256"]),
                uploaded=text(body["uploadedDateTime"]),
                uploaded_by=optional_text(body.get("uploadedBy")),
                attributes=tuple(
                    Attribute(text(each["name"]), number(each["users"]), number(each["shared"]))
                    for each in listed(body["attributes"])
                ),
                body=dict(body),
            )


class Directory:
    """The directory of a service. Get it from ``Client.directory``.

    Every method raises ``ApiError`` if the service answers with an error, and another ``AccupError`` if it does not
    answer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> DirectoryState:
        """What it has."""
        return DirectoryState.from_json(self._transport.request("GET", _DIRECTORY).json())

    def put(self, file: Path, progress: Progress | None = None) -> DirectoryState:
        """Upload a file as the directory, which replaces the one that is there."""
        return DirectoryState.from_json(_put(self._transport, _DIRECTORY, file, progress))

    def delete(self) -> None:
        """Remove it."""
        self._transport.request("DELETE", _DIRECTORY)


class Accounts:
    """The list of accounts of one resource. Get it from ``Client.accounts``; errors are those of ``Directory``."""

    def __init__(self, transport: Transport, catalog_id: str, resource_id: str) -> None:
        self._transport = transport
        self._path = f"/uploads/resources/{quote(catalog_id, safe='')}/{quote(resource_id, safe='')}/accounts"

    def get(self) -> bytes:
        """The list as a CSV file."""
        return self._transport.request("GET", self._path).content

    def put(self, file: Path) -> int:
        """Upload a file as the list, which replaces the one that is there; gives the number of its accounts."""
        return _account_count(_put(self._transport, self._path, file, None))

    def add(self, file: Path) -> int:
        """Add the accounts of a file to the list, in place of the same ones there; gives the number in it then.

        Raises:
            ConflictError: somebody else has changed the list at the same time.
            UsageError: the service would refuse the file, or it cannot be read.
        """
        lists = _list_code()
        try:
            added = lists.read_accounts(file.read_bytes())
        except OSError as error:
            raise unreadable(file, error) from None
        except lists.ListError as error:
            found = error.findings[0]
            raise UsageError(f"{file} cannot be added: {found.target}: {found.message}") from None
        present, condition = self._present(lists)
        replaced = {lists.comparable(account) for account in added}
        kept = {account: each for account, each in present.items() if lists.comparable(account) not in replaced}
        content = lists.write_accounts((kept | added).items())
        headers = condition | {"Content-Type": "text/csv"}
        try:
            return _account_count(self._transport.request("PUT", self._path, content=content, headers=headers).json())
        except ApiError as error:
            if error.status != 412:
                raise
            raise ConflictError("Somebody else has changed the list meanwhile. Run the same command again.") from None

    def delete(self) -> None:
        """Remove the list."""
        self._transport.request("DELETE", self._path)

    def _present(self, lists: Any) -> tuple[dict[str, str], dict[str, str]]:
        """The accounts that are there, and the condition under which they still are."""
        try:
            answer = self._transport.request("GET", self._path)
        except ApiError as error:
            if error.status != 404:
                raise
            return {}, {"If-None-Match": "*"}
        return lists.load_accounts(answer.content), {"If-Match": answer.headers["etag"]}


def _list_code() -> Any:
    """The service's own code for lists of accounts, which an installed client has as ``accup.access_data``."""
    try:
        from accup.access_data.people import exceptions  # type: ignore[import-not-found]  # noqa: PLC0415
    except ModuleNotFoundError:
        from shared.access_data.people import exceptions  # noqa: PLC0415

    return exceptions


def _account_count(body: Mapping[str, Any]) -> int:
    with expected_shape("a list of accounts"):
        return number(body["accountCount"])


def _put(transport: Transport, path: str, file: Path, progress: Progress | None) -> dict[str, Any]:
    """Send a file to a path, compressed, in place of what is there: it can be sent as often as it takes."""
    try:
        size = file.stat().st_size
        with file.open("rb"):
            pass
    except OSError as error:
        raise unreadable(file, error) from None
    upload = Upload(file.name, size, lambda: file.open("rb"), progress=progress)
    form = FileForm(upload, compressed=size > CHUNKED_ABOVE_BYTES)
    return transport.retrying(lambda: transport.once("PUT", path, body=form)).json()
