"""Sends access data to upload sessions of Microsoft Graph, or of a service with the same API."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from accup.version import VERSION

if TYPE_CHECKING:
    from accup.api.client import Client
    from accup.api.models import AuditRecord, Delivery, Refusal, Review, Session, StoredFile
    from accup.api.resource import Resource
    from accup.api.retries import RetryPolicy
    from accup.errors import (
        AccupError,
        ApiError,
        ConflictError,
        HostError,
        NotPermittedError,
        RefusedError,
        ServiceError,
        UsageError,
    )
    from accup.findings import Finding

_MODULES = {
    "accup.api.client": ("Client",),
    "accup.api.models": ("AuditRecord", "Delivery", "Refusal", "Review", "Session", "StoredFile"),
    "accup.api.resource": ("Resource",),
    "accup.api.retries": ("RetryPolicy",),
    "accup.errors": (
        "AccupError",
        "ApiError",
        "ConflictError",
        "HostError",
        "NotPermittedError",
        "RefusedError",
        "ServiceError",
        "UsageError",
    ),
    "accup.findings": ("Finding",),
}

__version__ = VERSION
__all__ = [
    "AccupError",
    "ApiError",
    "AuditRecord",
    "Client",
    "ConflictError",
    "Delivery",
    "Finding",
    "HostError",
    "NotPermittedError",
    "Refusal",
    "RefusedError",
    "Resource",
    "RetryPolicy",
    "Review",
    "ServiceError",
    "Session",
    "StoredFile",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is used first (PEP 562): ``accup check`` needs no HTTP, which takes 0.2 s."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'accup' has no attribute '{name}'")
