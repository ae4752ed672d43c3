"""Each function gets its own requests from the Functions host, which tries routes in the order of the names."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.host.app import Route, Router, route_of
from tests.support.registered import functions

ROOT = Path(__file__).parent.parent.parent
PREFIX = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"]
GUID = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"


def _routes() -> list[Route]:
    return [route_of(function, PREFIX) for function in functions() if function.is_http_function()]


def _requests() -> list[Any]:
    """A method and a path for each function and each method of it."""
    return [
        pytest.param(route, method, id=f"{method} {route.name}")
        for route in _routes()
        for method in sorted(route.methods or ())
    ]


@pytest.mark.parametrize(("route", "method"), _requests())
def test_a_request_of_its_template_reaches_each_function(route: Route, method: str) -> None:
    segments = (
        "nothing/here" if part.startswith("{*") else GUID if part.startswith("{") else part
        for part in route.template.split("/")
    )
    path = "/" + "/".join(segments)

    found = Router(_routes()).find(method, path)

    assert found is not None
    assert found[0].name == route.name, f"{found[0].name} takes it: rename one of them (shared/web/routes.py)"


@pytest.mark.parametrize("route", _routes(), ids=lambda route: route.name)
def test_each_function_names_its_methods(route: Route) -> None:
    """The host calls a function without methods for every one, and a PURGE to it is never answered."""
    assert route.methods
