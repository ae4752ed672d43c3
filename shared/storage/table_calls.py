"""Connects to Table Storage, and defines its timeouts, transactions and conflicts."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.policy import HTTP
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.data.tables.aio import TableServiceClient

from shared.core.settings import Settings
from shared.storage.connections import connect
from shared.storage.table import table_is_missing

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

# azure-core writes a transaction as an e-mail message, whose policy parses a header each time it is read: a third of a
# transaction's processor time. Its own headers can stay text. Where azure-core has renamed the module or the policy,
# everything works as it did before.
with suppress(ImportError):
    from azure.core.utils import _pipeline_transport_rest_shared as sdk_multipart

    sdk_multipart.HTTP = HTTP.clone(header_factory=lambda _name, value: value)  # type: ignore[attr-defined]


class ConcurrentChangeError(Exception):
    """Another request changed the same rows first: read again and decide again."""


def connect_tables(settings: Settings) -> TableServiceClient:
    """The Table Storage account of the settings. No request is sent yet."""
    return connect(TableServiceClient, settings, settings.table_endpoint, **_CALL_OPTIONS)


@contextmanager
def conflicts() -> Iterator[None]:
    """Turn 412, 409, and 404 for a deleted row into ``ConcurrentChangeError``."""
    try:
        yield
    except HttpResponseError as error:
        if not table_is_missing(error) and error.status_code in (404, 409, 412):
            raise ConcurrentChangeError from error
        raise
