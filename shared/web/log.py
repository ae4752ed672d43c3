"""What the log gets: ids, counts and kinds, and nothing else that a caller sent: no token, no name, no cell."""

import logging
import traceback

from azure.core.exceptions import AzureError, HttpResponseError
from fastapi import Request

from shared.core.ids import parse_guid
from shared.domain.audit import Actor
from shared.storage.connections import StorageNotConfiguredError

_log = logging.getLogger("uploads")


def quiet_libraries() -> None:
    """Keep the SDKs from logging every call, and the form's parser from quoting what it cannot read.

    The Functions worker passes on whatever is logged as information.
    """
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def log_request(req: Request, operation: str, status: int, seconds: float) -> None:
    """One line for a request: the operation, how it went, the bytes of its body that were read, and ids."""
    by: Actor = req.state.actor
    ids = {name.removesuffix("Id"): parse_guid(text) for name, text in req.path_params.items()}
    facts = {
        "operation": operation,
        "status": status,
        "ms": f"{seconds * 1000:.1f}",
        "bytes": req.state.received,
        "request": by.request_id,
        "caller": by.object_id or "-",
        **{name: guid for name, guid in ids.items() if guid},
    }
    _log.info("%s", " ".join(f"{name}={value}" for name, value in facts.items()))


def log_storage_fault(error: AzureError, request_id: str) -> None:
    """A fault of storage: its kind and code, never an address."""
    _log.error("storage failed: %s request=%s", _told(error), request_id)


def _told(error: AzureError) -> str:
    if isinstance(error, StorageNotConfiguredError):
        return error.message
    if not isinstance(error, HttpResponseError):
        return type(error).__name__
    if error.status_code == 400 and "API version" in str(error.message):
        return (
            "this Azurite is older than the SDK and refuses its API version. "
            "Start it with --skipApiVersionCheck, or take a newer one."
        )
    return f"{error.status_code} {getattr(error, 'error_code', None)}"


def log_defect(exception: BaseException, request_id: str) -> None:
    """An exception that nobody expected: its kind and where it was, without its message, which may quote a caller."""
    frames = "".join(traceback.format_tb(exception.__traceback__))
    _log.error("a defect: %s request=%s\n%s", type(exception).__name__, request_id, frames)
