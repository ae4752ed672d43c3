"""Sends access data to upload sessions of Microsoft Graph, or of a service with the same API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from accup.api.models import AuditRecord, Delivery, Refusal, Review, Session, StoredFile
from accup.api.retries import RetryPolicy, Wait
from accup.errors import (
    AccupError,
    ApiError,
    ConflictError,
    ExitCode,
    HostError,
    InterruptedByUserError,
    NotPermittedError,
    OutputError,
    ServiceError,
    UnsupportedError,
    UsageError,
)
from accup.findings import Finding

if TYPE_CHECKING:
    from accup.api.client import Client
    from accup.api.resource import Resource
    from accup.api.targets import Target
    from accup.folders import Choice, Chosen, Skipped
    from accup.local import LocalFile
    from accup.outcome import Action, FileOutcome, SendOutcome
    from accup.progress import Reporter
    from accup.sending import send_files
    from accup.signin.tokens import Tokens

__version__ = "0.1.0"
__all__ = [
    "AccupError",
    "Action",
    "ApiError",
    "AuditRecord",
    "Choice",
    "Chosen",
    "Client",
    "ConflictError",
    "Delivery",
    "ExitCode",
    "FileOutcome",
    "Finding",
    "HostError",
    "InterruptedByUserError",
    "LocalFile",
    "NotPermittedError",
    "OutputError",
    "Refusal",
    "Reporter",
    "Resource",
    "RetryPolicy",
    "Review",
    "SendOutcome",
    "ServiceError",
    "Session",
    "Skipped",
    "StoredFile",
    "Target",
    "Tokens",
    "UnsupportedError",
    "UsageError",
    "Wait",
    "__version__",
    "send_files",
]

# What is imported when it is used first (PEP 562): ``accup check`` needs no HTTP, which takes 0.2 s.
_LATER = {
    "Client": "api.client",
    "Resource": "api.resource",
    "Target": "api.targets",
    "Choice": "folders",
    "Chosen": "folders",
    "Skipped": "folders",
    "LocalFile": "local",
    "Action": "outcome",
    "FileOutcome": "outcome",
    "SendOutcome": "outcome",
    "Reporter": "progress",
    "send_files": "sending",
    "Tokens": "signin.tokens",
}


def __getattr__(name: str) -> Any:
    """A name whose module is imported now."""
    if name not in _LATER:
        raise AttributeError(f"module 'accup' has no attribute '{name}'")
    return getattr(import_module(f"accup.{_LATER[name]}"), name)
