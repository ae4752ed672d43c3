"""One table of Table Storage: bounded calls, rows with the version of their format, recreated if it is missing."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseTimeoutError
from azure.data.tables import TableErrorCode, UpdateMode
from azure.data.tables.aio import TableServiceClient

from shared.core.errors import NEWER_FORMAT, GraphError
from shared.core.settings import Settings
from shared.storage.azure.connections import connect
from shared.storage.azure.sdk_patches import plain_headers_in_transactions

# Entities and their properties as this version of the app writes them. A row without a version has version 1. Raise it
# when an older version of the app would misread a new row, and let the code that reads rows accept all older versions.
FORMAT_VERSION = 1
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

# The operation, the entity, and the options, as the SDK's ``submit_transaction`` takes them.
Operation = tuple[str, dict[str, Any], dict[str, Any]]
Row = Mapping[str, Any]
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
    """A table. If it is missing, the next call creates it and goes on: nothing is created in advance."""

    def __init__(self, service: TableServiceClient, name: str) -> None:
        self._service = service
        self._name = name
        self._client = service.get_table_client(name)

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
            AzureError: storage failed or took too long.
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
                raise ServiceResponseTimeoutError("a query took too long") from None
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
            await self.create()
            return await call()


def table_is_missing(error: HttpResponseError) -> bool:
    """Whether a call failed since its table does not exist, and not for a missing row or a conflict."""
    return getattr(error, "error_code", None) in (TableErrorCode.TABLE_NOT_FOUND, TableErrorCode.TABLE_BEING_DELETED)


def instant(value: datetime) -> datetime:
    """A plain UTC datetime from the SDK's subclass."""
    return datetime.combine(value.date(), value.time(), UTC)


def _versioned(row: dict[str, Any]) -> dict[str, Any]:
    return row | {VERSION: FORMAT_VERSION}
