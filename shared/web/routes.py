"""The paths of the API: each operation under both versions of Graph, and under the alias of each.

All templates are literal up to the ids, since in Azure Functions a literal segment is what takes a request away from
the catch-alls that give unknown paths our own error shape.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.dialects import Dialect
from shared.web.contracts import Contract

Endpoint = Callable[[Request], Awaitable[Response]]

SESSIONS = "uploadSessions"
SESSION_COUNT = f"{SESSIONS}/$count"
SESSION = f"{SESSIONS}/{{sessionId}}"
UPLOAD_FILE = f"{SESSION}/uploadFile"
# OData-qualified, as generated clients may send it.
UPLOAD_FILE_QUALIFIED = f"{SESSION}/microsoft.graph.uploadFile"
# Ours: a dry run of uploadFile.
VALIDATE_FILE = f"{SESSION}/validateFile"
FILES = f"{SESSION}/files"
FILE_COUNT = f"{FILES}/$count"
FILE = f"{FILES}/{{fileId}}"
FILE_VALUE = f"{FILE}/$value"

# Ours, under a version's own ``uploads``: who may reach a catalog or a resource, and who did what.
# With words between the ids: who forgot the resource would have granted the whole catalog.
GRANTS = "grants/catalogs/{catalogId}"
CATALOG_GRANT = f"{GRANTS}/principals/{{principalId}}"
RESOURCE_GRANT = f"{GRANTS}/resources/{{resourceId}}/principals/{{principalId}}"
AUDIT = "audit"
OPENAPI = "openapi"
# Outside the versions: for load balancers and availability tests.
HEALTH = "uploads/health"


@dataclass(frozen=True, slots=True)
class PathFamily:
    """What stands before the paths of operations. ``suffix`` ends the names of its functions."""

    suffix: str
    dialect: Dialect
    root: str

    @property
    def context(self) -> str:
        """The path of the resource within ``$metadata``, the same for an alias, with places for both ids."""
        words = "catalogs('{}')/resources('{}')"
        if self.dialect is Dialect.BETA:
            words = "accessPackageCatalogs('{}')/accessPackageResources('{}')"
        return f"identityGovernance/entitlementManagement/{words}"


_GOVERNANCE = "identityGovernance"
_MANAGEMENT = f"{_GOVERNANCE}/entitlementManagement"

# The four ways to name a resource.
FAMILIES = (
    PathFamily("", Dialect.V1, f"v1.0/{_MANAGEMENT}/catalogs/{{catalogId}}/resources/{{resourceId}}"),
    PathFamily("_alias", Dialect.V1, f"v1.0/{_GOVERNANCE}/catalogs/{{catalogId}}/resources/{{resourceId}}"),
    PathFamily(
        "_beta",
        Dialect.BETA,
        f"beta/{_MANAGEMENT}/accessPackageCatalogs/{{catalogId}}/accessPackageResources/{{resourceId}}",
    ),
    PathFamily(
        "_beta_alias", Dialect.BETA, f"beta/{_GOVERNANCE}/catalogs/{{catalogId}}/accessPackageResources/{{resourceId}}"
    ),
)

# What is ours and of no single resource.
UPLOADS_FAMILIES = tuple(
    PathFamily("" if version is Dialect.V1 else f"_{version}", version, f"{version}/uploads") for version in Dialect
)


@dataclass(frozen=True, slots=True)
class RegisteredRoute:
    """How one route is served with one method, by the function of that name."""

    name: str
    endpoint: Endpoint
    dialect: Dialect
    need: Need
    contract: Contract


# Who serves each template with which method: for the catch-alls, which get what the host does not match, and for the
# OpenAPI document.
_served: dict[str, dict[str, RegisteredRoute]] = {}

# A key as OData writes it: catalogs('8f3c...') for catalogs/8f3c... (OData 4.01, part 2, section 4.3.1).
_KEYED = re.compile(r"(\w+)\('([^'/]*)'\)")


def register(template: str, method: str, served: RegisteredRoute) -> None:
    """Note how a template is served with a method."""
    _served.setdefault(template, {})[method] = served


def served() -> Mapping[str, Mapping[str, RegisteredRoute]]:
    """All that is served, by template and method."""
    return _served


def allowed_methods(raw_path: str) -> list[str]:
    """The methods that a path takes by the most exact of the templates that it fits; none if there is no such path."""
    template = _template(_segments(raw_path))
    return sorted(_served[template]) if template else []


def find_keyed(method: str, raw_path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """Who serves a path that has keys in brackets, and its parameters; ``None`` if it has none, or nobody does."""
    segments = _segments(raw_path)
    template = _template(segments)
    if template is None or method not in _served[template] or len(segments) == len(_parted(raw_path)):
        return None
    parts = zip(template.split("/"), segments, strict=True)
    return _served[template][method].endpoint, {part[1:-1]: segment for part, segment in parts if part.startswith("{")}


def _segments(raw_path: str) -> list[str]:
    """A path's segments, parted before they are decoded, with keys in brackets as segments of their own."""
    segments: list[str] = []
    for segment in map(unquote, _parted(raw_path)):
        keyed = _KEYED.fullmatch(segment)
        segments += keyed.groups() if keyed else [segment]
    return segments


def _parted(raw_path: str) -> list[str]:
    """A path parted at its slashes, of which one at the end means nothing, as for the Functions host."""
    return raw_path.removeprefix("/").removesuffix("/").split("/")


def _template(segments: list[str]) -> str | None:
    fitting = [template for template in _served if _fits(template, segments)]
    return min(fitting, key=lambda template: template.count("{")) if fitting else None


def _fits(template: str, segments: list[str]) -> bool:
    """Whether a path fits a template as the Functions host matches it: literals without regard to case."""
    parts = template.split("/")
    return len(parts) == len(segments) and all(
        bool(segment) if part.startswith("{") else part.lower() == segment.lower()
        for part, segment in zip(parts, segments, strict=True)
    )
