"""The paths of the API: each operation under both versions of Graph, and under the alias of each.

All templates are literal up to the ids, since in Azure Functions a literal segment is what takes a request away from
the catch-alls that give unknown paths our own error shape.
"""

from dataclasses import dataclass

from shared.models import Dialect

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

# Ours, under a version's own ``uploads``: who may reach a catalog or a resource.
GRANTS = "grants/{catalogId}"
CATALOG_GRANT = f"{GRANTS}/{{principalId}}"
RESOURCE_GRANT = f"{GRANTS}/{{resourceId}}/{{principalId}}"


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

# Which methods each template takes: what a catch-all needs to tell a wrong method from an unknown path.
_methods: dict[str, set[str]] = {}


def register(template: str, method: str) -> None:
    """Note that a template is served with a method."""
    _methods.setdefault(template, set()).add(method)


def allowed_methods(path: str) -> list[str]:
    """The methods that a path takes by the most exact of the templates that it fits; none if there is no such path."""
    segments = path.strip("/").split("/")
    fitting = [template for template in _methods if _fits(template, segments)]
    return sorted(_methods[min(fitting, key=lambda template: template.count("{"))]) if fitting else []


def _fits(template: str, segments: list[str]) -> bool:
    """Whether a path fits a template as the Functions host matches it: literals without regard to case."""
    parts = template.split("/")
    return len(parts) == len(segments) and all(
        bool(segment) if part.startswith("{") else part.lower() == segment.lower()
        for part, segment in zip(parts, segments, strict=True)
    )
