"""Route templates, matched as the Functions host matches them (ASP.NET Core routing, the part that Functions uses).

Literals compare without regard to case; segment by segment a literal beats a parameter, and that a catch-all. A slash
at the end has no meaning. A path is split at its slashes before it is decoded: an encoded slash stays in its segment.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A route: its template, its methods and its handler."""

    template: str
    methods: frozenset[str]
    handler: Handler

    @property
    def precedence(self) -> list[int]:
        """Sort key: the more exact template first."""
        return [2 if part.startswith("{*") else 1 if part.startswith("{") else 0 for part in self.template.split("/")]


class Router:
    """Finds the handler of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, route.template.split("/")) for route in sorted(routes, key=lambda r: r.precedence)]

    def find(self, method: str, raw_path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler of a method and an undecoded path, and the path's parameters; ``None`` if no route matches.

        A wrong method on an exact template leads on to a less exact one, as in the real host.
        """
        segments = [unquote(segment) for segment in raw_path.removeprefix("/").removesuffix("/").split("/")]
        for route, parts in self._routes:
            if method in route.methods:
                parameters = _match(parts, segments)
                if parameters is not None:
                    return route.handler, parameters
        return None


def _match(parts: list[str], segments: list[str]) -> dict[str, str] | None:
    """The parameters of a path that matches a template; ``None`` if it does not match."""
    parameters: dict[str, str] = {}
    for index, part in enumerate(parts):
        if part.startswith("{*"):
            parameters[part[2:-1]] = "/".join(segments[index:])
            return parameters
        if index >= len(segments):
            return None
        segment = segments[index]
        if part.startswith("{"):
            if not segment:
                return None
            parameters[part[1:-1]] = segment
        elif part.lower() != segment.lower():
            return None
    return parameters if len(parts) == len(segments) else None
