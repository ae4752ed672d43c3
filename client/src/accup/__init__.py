"""Sends access data to upload sessions of Microsoft Graph, or of a service with the same API."""

from accup.api.client import Client
from accup.api.models import AuditRecord, Refusal, Review, Session, StoredFile
from accup.api.resource import Resource
from accup.api.retries import RetryPolicy
from accup.errors import (
    AccupError,
    ApiError,
    ConflictError,
    NotPermittedError,
    RefusedError,
    ServiceError,
    UsageError,
)
from accup.findings import Finding
from accup.version import VERSION as __version__

__all__ = [
    "AccupError",
    "ApiError",
    "AuditRecord",
    "Client",
    "ConflictError",
    "Finding",
    "NotPermittedError",
    "RefusedError",
    "Refusal",
    "Resource",
    "RetryPolicy",
    "ServiceError",
    "Session",
    "StoredFile",
    "UsageError",
    "__version__",
]
