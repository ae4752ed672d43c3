"""One table of Table Storage: bounded calls, rows with the version of their format, recreated if it is missing."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseTimeoutError
from azure.data.tables import TableErrorCode, UpdateMode
from azure.data.tables.aio import TableServiceClient

from shared.core.errors import NEWER_FORMAT, GraphError
from shared.core.settings import Settings
from shared.storage.azure.connections import connect
from shared.storage.azure.sdk_patches import plain_headers_in_transactions

# The newest format of rows that this version of the app reads. A row without a version has version 1, and rows are
# written with it, except for those that an older version of the app would misread: these name a newer one. Raise it for
# a new kind of such rows, and let the code that reads rows accept all older versions.
FORMAT_VERSION = 2
VERSION = "FormatVersion"

# Maximum number of entities in an entity group transaction ("Performing entity group transactions", Azure Storage).
MAX_TRANSACTION = 100

# A point call is small: if it takes longer than this it is lost, and a retry is better than waiting. Queries have
# their own timeout.
_CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 5,
    "retry_total": 2,
    # One retry for a connection that storage has closed. If storage hangs, more would only make the client wait.
    "retry_read": 1,
    "retry_backoff_factor": 0.3,
    "retry_backoff_max": 3,
}

# A query may run for five seconds before Table Storage returns part of a page and a continuation token ("Query timeout
# and pagination"), so that a shorter timeout would discard that result each time.
PAGE_READ_SECONDS = 15

# Limits for one page with its retries, and for waiting for all pages of a query.
PAGE_SECONDS = 20
QUERY_SECONDS = 60

# The most rows that Table Storage returns in one response.
MAX_PAGE = 1000

# The operation, the entity, and the options, as the SDK's ``submit_transaction`` takes them.
Operation = tuple[str, dict[str, Any], dict[str, Any]]
Row = Mapping[str, Any]
Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger("uploads.storage")


class NewerFormatError(GraphError):
    """A row was written by a newer version of the app, which this version might misread."""

    def __init__(self) -> None:
        super().__init__(
            NEWER_FORMAT,
            "This data was stored by a newer version of the service than the one that handles this request. "
            "Repeat the request later. The operator has to update this instance.",
            headers={"Retry-After": "60"},
        )


class QueryTooLongError(ServiceResponseTimeoutError):
    """Storage answered, but all pages of a query together took longer than ``QUERY_SECONDS``."""


def check_format(row: Row) -> None:
    """Check that this version of the app can read a row.

    Raises:
        NewerFormatError: it cannot.
    """
    if row.get(VERSION, 1) > FORMAT_VERSION:
        raise NewerFormatError


def connect_tables(settings: Settings) -> TableServiceClient:
    """The Table Storage account of the settings. No request is sent yet."""
    plain_headers_in_transactions()
    return connect(TableServiceClient, settings, settings.table_endpoint, **_CALL_OPTIONS)


class Table:
    """A table. If it is missing, the next call creates it and goes on: nothing is created in advance.

    ``times_missing``: how often a call found it missing. What was written before is lost then.
    """

    def __init__(self, service: TableServiceClient, name: str) -> None:
        self._service = service
        self._name = name
        self._client = service.get_table_client(name)
        self.times_missing = 0

    async def create(self) -> None:
        """Create the table if it is missing."""
        await self._service.create_table_if_not_exists(self._name)

    async def get(self, partition: str, row_key: str) -> Row | None:
        """One row by a point read; ``None`` if it does not exist.

        Raises:
            AzureError: storage failed.
            NewerFormatError: the row cannot be read.
        """
        try:
            row = await self._in_table(lambda: self._client.get_entity(partition, row_key))
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return None
        check_format(row)
        return row

    async def query(
        self,
        condition: str,
        parameters: Mapping[str, Any],
        *,
        select: Sequence[str] | None = None,
        page_size: int | None = None,
        any_format: bool = False,
    ) -> AsyncIterator[Row]:
        """The rows that meet a condition. Waiting for storage is limited to ``QUERY_SECONDS`` in total.

        Args:
            condition: an OData filter, with parameters as ``@name``.
            parameters: their values.
            select: the properties to read; all if ``None``.
            page_size: how many rows to read at a time.
            any_format: let newer formats pass; the caller checks each row.

        Raises:
            AzureError: storage failed.
            QueryTooLongError: it takes too long.
            NewerFormatError: a row cannot be read.
        """
        rows = self._client.query_entities(
            condition,
            parameters=dict(parameters),
            select=None if select is None else [*select, VERSION],
            results_per_page=page_size,
            read_timeout=PAGE_READ_SECONDS,
        )
        pages = rows.by_page()
        left = float(QUERY_SECONDS)
        while True:
            started = time.monotonic()
            try:
                async with asyncio.timeout(min(left, PAGE_SECONDS)):
                    page = [row async for row in await self._in_table(lambda: anext(pages))]
            except StopAsyncIteration:
                return
            except TimeoutError:
                if left < PAGE_SECONDS:
                    raise QueryTooLongError("a query read too much") from None
                raise ServiceResponseTimeoutError("storage did not answer a query") from None
            left -= time.monotonic() - started
            for row in page:
                if not any_format:
                    check_format(row)
                yield row

    async def upsert(self, row: dict[str, Any]) -> None:
        """Insert or replace a row."""
        await self._in_table(lambda: self._client.upsert_entity(_versioned(row), mode=UpdateMode.REPLACE))

    async def delete(self, partition: str, row_key: str) -> None:
        """Delete a row. A missing row is no error."""
        await self._client.delete_entity(partition, row_key)

    async def submit(self, operations: Sequence[Operation]) -> list[Mapping[str, Any]]:
        """Make changes in one entity group transaction. Returns the metadata of each."""
        versioned = [
            (kind, entity if kind == "delete" else _versioned(entity), options) for kind, entity, options in operations
        ]
        return await self._in_table(lambda: self._client.submit_transaction(versioned))

    async def _in_table(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Make a call; if the table is missing, create it and make the call once more."""
        try:
            return await call()
        except HttpResponseError as error:
            if not table_is_missing(error):
                raise
            _log.warning("table %s was missing and is created", self._name)
            self.times_missing += 1
            await self.create()
            return await call()


async def first_rows(rows: AsyncIterator[Item], number: int) -> list[Item]:
    """The next rows of a query, up to a number; the query goes on where this ends, and reads no further."""
    taken: list[Item] = []
    async for row in rows:
        taken.append(row)
        if len(taken) == number:
            break
    return taken


def replace_row(row: dict[str, Any], etag: str | None) -> Operation:
    """The operation that replaces the row with an ETag, or creates it if there was none when it was read."""
    if etag is None:
        return "create", row, {}
    return "update", row, {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}


def delete_unchanged_row(row: dict[str, Any], etag: str) -> Operation:
    """The operation that deletes the row with an ETag; ``row`` needs its keys only."""
    return "delete", row, {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def etag_of(row: Row) -> str:
    """The ETag with which a row was read."""
    etag: str = row.metadata["etag"]  # type: ignore[attr-defined]  # rows are TableEntity, which has it
    return etag


def table_is_missing(error: HttpResponseError) -> bool:
    """Whether a call failed since its table does not exist, and not for a missing row or a conflict."""
    return getattr(error, "error_code", None) in (TableErrorCode.TABLE_NOT_FOUND, TableErrorCode.TABLE_BEING_DELETED)


def instant(value: datetime) -> datetime:
    """A plain UTC datetime from the SDK's subclass."""
    return datetime.combine(value.date(), value.time(), UTC)


def _versioned(row: dict[str, Any]) -> dict[str, Any]:
    return {VERSION: 1} | row
