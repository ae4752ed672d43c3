"""Logging: ids, counts and kinds of errors only. No other request data is logged: no tokens, file names or cells."""

import logging
import traceback

from azure.core.exceptions import AzureError, HttpResponseError
from fastapi import Request

from shared.core.ids import parse_guid
from shared.domain.audit import Actor
from shared.storage.azure.connections import StorageNotConfiguredError

_log = logging.getLogger("uploads")


def quiet_libraries() -> None:
    """Keep the SDKs from logging every call, the multipart parser from quoting request data, and the server from both.

    The Functions worker forwards everything that is logged at level information or above.
    """
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    # The worker's server sets the level of this logger, and its handlers, when it starts, which is later.
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)


def log_request(req: Request, operation: str, status: int, seconds: float, *, sent: int, cut: str | None) -> None:
    """Log one line for a request: operation, status, duration, bytes of both bodies, what cut a download, and ids."""
    by: Actor = req.state.actor
    ids = {name.removesuffix("Id"): parse_guid(text) for name, text in req.path_params.items()}
    facts = {
        "operation": operation,
        "status": status,
        "ms": f"{seconds * 1000:.1f}",
        "bytes": req.state.received,
        "sent": sent,
        **({} if cut is None else {"cut": cut}),
        "request": by.request_id,
        "caller": by.object_id or "-",
        **{name: guid for name, guid in ids.items() if guid},
    }
    _log.info("%s", " ".join(f"{name}={value}" for name, value in facts.items()))


def log_storage_fault(error: AzureError, request_id: str) -> None:
    """Log a storage error: its type and code, never an address."""
    _log.error("storage failed: %s request=%s", _description(error), request_id)


def _description(error: AzureError) -> str:
    if isinstance(error, StorageNotConfiguredError):
        return error.message
    if not isinstance(error, HttpResponseError):
        return type(error).__name__
    if error.status_code == 400 and "API version" in str(error.message):
        return (
            "this version of Azurite is older than the SDK and rejects its API version. "
            "Start it with --skipApiVersionCheck, or use a newer version."
        )
    return f"{error.status_code} {getattr(error, 'error_code', None)}"


def log_defect(exception: BaseException, request_id: str) -> None:
    """Log an unexpected exception: its type and stack trace, but not its message, which can contain request data."""
    frames = "".join(traceback.format_tb(exception.__traceback__))
    _log.error("unexpected exception: %s request=%s\n%s", type(exception).__name__, request_id, frames)
