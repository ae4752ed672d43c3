"""What every table shares: how calls are made, transactions, and what storage says of a lost race."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableErrorCode
from azure.data.tables.aio import TableServiceClient

from shared.core.settings import Settings
from shared.storage.connections import connect

# Entities of one entity group transaction ("Performing entity group transactions", Azure Storage).
MAX_TRANSACTION = 100

# A table call is small: one that takes longer than this has been lost, and a retry is better than waiting.
_CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 5,
    "retry_total": 2,
    # Once more for a connection that storage had closed meanwhile; storage that hangs is not waited for three times.
    "retry_read": 1,
    "retry_backoff_factor": 0.3,
    "retry_backoff_max": 3,
}

# What ``submit_transaction`` takes: the kind of operation, the entity, and the options.
Operation = tuple[str, dict[str, Any], dict[str, Any]]


class ConcurrentChangeError(Exception):
    """A conditional write lost its race: read again, and decide again."""


def connect_tables(settings: Settings) -> TableServiceClient:
    """Table Storage as the settings name it; nothing is sent yet."""
    return connect(TableServiceClient, settings.storage, settings.table_service_uri, **_CALL_OPTIONS)


@contextmanager
def conflicts() -> Iterator[None]:
    """Turn what storage says of a lost race (412, 409, or 404 for a row that went) into ``ConcurrentChangeError``."""
    try:
        yield
    except HttpResponseError as error:
        reraise_missing_table(error)
        if error.status_code in (404, 409, 412):
            raise ConcurrentChangeError from error
        raise


def reraise_missing_table(error: HttpResponseError) -> None:
    """A missing row is an answer; a missing table is a fault."""
    if getattr(error, "error_code", None) == TableErrorCode.TABLE_NOT_FOUND:
        raise error
