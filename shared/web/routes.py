"""The paths of the API, and the registry of the HTTP functions that serve them.

**The Functions host tries routes in the order of the functions' names**, in upper case and by code point ("_" comes
after letters and digits), and the first function whose template and methods fit takes the request. A literal segment
has no precedence over a parameter, nor that over a catch-all (azure-functions-host, issues 3153, 6062 and 9876). So a
function with a more exact template needs a name that comes first: ``count_files`` before ``get_file``, and
``wrong_path`` last.
``tests/api/test_routes.py`` computes for every function of the app whether its own requests reach it.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.dialects import Dialect
from shared.web.contracts import Contract

Endpoint = Callable[[Request], Awaitable[Response]]

# Path templates that several folders share. An operation adds its own segments.
SESSIONS = "uploadSessions"
SESSION = f"{SESSIONS}/{{sessionId}}"


class PathPrefix(NamedTuple):
    """The first part of a path. The names of the functions under it end with ``suffix``."""

    suffix: str
    dialect: Dialect
    template: str

    @property
    def context(self) -> str:
        """The path of the resource within ``$metadata``, with placeholders for both ids. An alias has the same."""
        words = "catalogs('{}')/resources('{}')"
        if self.dialect is Dialect.BETA:
            words = "accessPackageCatalogs('{}')/accessPackageResources('{}')"
        return f"identityGovernance/entitlementManagement/{words}"


_GOVERNANCE = "identityGovernance"
_MANAGEMENT = f"{_GOVERNANCE}/entitlementManagement"

# The four paths of a resource: each version of Graph, and an alias of each.
RESOURCE_PREFIXES = (
    PathPrefix("", Dialect.V1, f"v1.0/{_MANAGEMENT}/catalogs/{{catalogId}}/resources/{{resourceId}}"),
    PathPrefix("_alias", Dialect.V1, f"v1.0/{_GOVERNANCE}/catalogs/{{catalogId}}/resources/{{resourceId}}"),
    PathPrefix(
        "_beta",
        Dialect.BETA,
        f"beta/{_MANAGEMENT}/accessPackageCatalogs/{{catalogId}}/accessPackageResources/{{resourceId}}",
    ),
    PathPrefix(
        "_beta_alias", Dialect.BETA, f"beta/{_GOVERNANCE}/catalogs/{{catalogId}}/accessPackageResources/{{resourceId}}"
    ),
)

# The paths of this service's own operations, which do not belong to one resource.
UPLOADS_PREFIXES = tuple(
    PathPrefix("" if version is Dialect.V1 else f"_{version}", version, f"{version}/uploads") for version in Dialect
)


class HttpFunction(NamedTuple):
    """One function of the app: it serves one route with one method. Outside the versions it has no dialect."""

    name: str
    endpoint: Endpoint
    dialect: Dialect | None
    need: Need
    contract: Contract


# The functions by template and method. The catch-all routes and the OpenAPI document use them.
_functions: dict[str, dict[str, HttpFunction]] = {}

# A key in parentheses: catalogs('8f3c...') instead of catalogs/8f3c... (OData 4.01, part 2, section 4.3.1).
_PARENTHESIZED = re.compile(r"(?<=/)(\w+)\('([^'/]+)'\)(?=/|\Z)")
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)

_PARAMETER = re.compile(r"\{(\*)?(\w+)(?::(\w+))?(\?)?\}")
_HEX = "[0-9a-fA-F]"
_CONSTRAINTS = {
    "int": r"[+-]?\d+",
    # The formats N, D and B of Guid.TryParse.
    "guid": rf"\{{?{_HEX}{{8}}(?:-?{_HEX}{{4}}){{3}}-?{_HEX}{{12}}\}}?",
}


def register(template: str, method: str, function: HttpFunction) -> None:
    """Register the function that serves a template with a method."""
    _functions.setdefault(template, {})[method] = function


def registered_functions() -> Mapping[str, Mapping[str, HttpFunction]]:
    """All registered functions, by template and method."""
    return _functions


def allowed_methods(raw_path: str) -> list[str]:
    """The methods that the most specific template for a path supports; empty if no template matches."""
    template, _ = _most_specific(_with_keys_as_segments(raw_path))
    return sorted(_functions[template]) if template else []


def find_parenthesized(method: str, raw_path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """The endpoint for a path that has keys in parentheses, and the path's parameters.

    ``None`` if the path has no such keys, or if no function serves it.
    """
    path = _with_keys_as_segments(raw_path)
    template, parameters = _most_specific(path)
    if template is None or method not in _functions[template] or path == _decoded(raw_path):
        return None
    return _functions[template][method].endpoint, parameters


def _with_keys_as_segments(raw_path: str) -> str:
    """The decoded path, in which each key in parentheses is a segment of its own."""
    return _PARENTHESIZED.sub(r"\1/\2", _decoded(raw_path))


def _decoded(raw_path: str) -> str:
    """The decoded path. An encoded slash stays as it is, since it separates no segments."""
    return unquote(_ENCODED_SLASH.sub("%252F", raw_path))


def _most_specific(path: str) -> tuple[str | None, dict[str, str]]:
    """The template with the fewest parameters that a path fits, and the values of these."""
    matching = ((template, route_pattern(template).fullmatch(path)) for template in _functions)
    found = {template: match for template, match in matching if match}
    template = min(found, key=lambda template: template.count("{"), default=None)
    return template, found[template].groupdict() if template else {}


@cache
def route_pattern(template: str) -> re.Pattern[str]:
    """The pattern of the decoded paths that a template fits, as in the Functions host.

    Templates are those of ASP.NET Core, of which this knows the parts that Functions apps use: literals without regard
    to case, parameters, optional ones, catch-alls, and the constraints ``int`` and ``guid``. One slash at the end of a
    path has no meaning.
    """
    pattern = "".join(
        "/" + part if _is_mandatory(part) else f"(?:/{part})?" for part in map(_segment, template.split("/"))
    )
    return re.compile(f"{pattern}/?", re.ASCII | re.IGNORECASE | re.DOTALL)


def _is_mandatory(pattern: str) -> bool:
    return not re.fullmatch(pattern, "")


def _segment(segment: str) -> str:
    """The pattern of one segment of a template, which can have parameters between literals: ``items('{id}')``."""
    pattern, end = "", 0
    for parameter in _PARAMETER.finditer(segment):
        catch_all, name, constraint, optional = parameter.groups()
        value = _CONSTRAINTS[constraint] if constraint else ".*?" if catch_all else "[^/]*" if optional else "[^/]+"
        pattern += re.escape(segment[end : parameter.start()]) + f"(?P<{name}>{value})"
        end = parameter.end()
    return pattern + re.escape(segment[end:])
