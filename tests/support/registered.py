"""The functions that the app declares, for every test that asks: it tells them only once."""

from functools import cache
from typing import Any


@cache
def functions() -> tuple[Any, ...]:
    """All of them."""
    import function_app  # noqa: PLC0415  # it reads the settings

    return tuple(function_app.app.get_functions())
