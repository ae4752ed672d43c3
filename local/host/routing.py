"""Finds the function of a request by the rule of Microsoft's Functions host: names in order, first fit.

The host tries the routes in the order of the functions' names (azure-functions-host, issues 3153, 6062 and 9876), and
takes the first one whose template and methods fit. A literal is not better than a parameter, nor a parameter than a
catch-all. Which paths a template fits, the app itself knows (``route_pattern``).
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from shared.web.routes import route_pattern

Handler = Callable[..., Any]


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
        self._routes = [(route, route_pattern(route.template)) for route in in_order]

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
