"""Finds the function of a request by the rule of Microsoft's Functions host: names in order, first fit.

The host tries the routes in the order of the functions' names (azure-functions-host, issues 3153, 6062 and 9876), and
takes the first one whose template and methods fit. A literal is not better than a parameter, nor a parameter than a
catch-all. Templates are those of ASP.NET Core, of which this knows the parts that Functions apps use: literals without
regard to case, parameters, optional ones, catch-alls, and the constraints ``int`` and ``guid``.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Handler = Callable[..., Any]

_PARAMETER = re.compile(r"\{(\*)?(\w+)(?::(\w+))?(\?)?\}")
_HEX = "[0-9a-fA-F]"
_CONSTRAINTS = {
    "int": r"[+-]?\d+",
    # The formats N, D and B of Guid.TryParse.
    "guid": rf"\{{?{_HEX}{{8}}(?:-?{_HEX}{{4}}){{3}}-?{_HEX}{{12}}\}}?",
}


class Route(NamedTuple):
    """The route of a function: its name, template and methods (``None``: every method), and what is called for it."""

    name: str
    template: str
    methods: frozenset[str] | None
    handler: Handler


class Router:
    """Finds the function of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        # In upper case, "_" sorts behind letters and digits.
        in_order = sorted(routes, key=lambda route: route.name.upper())
        self._routes = [(route, _compiled(route.template)) for route in in_order]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request and the parameters in its path, which is decoded; ``None`` if no route fits.

        A wrong method leads on to the next route that fits.
        """
        for route, pattern in self._routes:
            if route.methods is None or method in route.methods:
                match = pattern.fullmatch(path)
                if match:
                    return route, {name: value for name, value in match.groupdict().items() if value}
        return None


def _compiled(template: str) -> re.Pattern[str]:
    """The pattern of the paths that a template fits. One slash at the end of a path has no meaning."""
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
