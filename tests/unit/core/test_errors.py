"""The exceptions of the app."""

import importlib
import pkgutil
import re

import shared
from shared.core import errors


def test_the_tree_in_the_docstring_has_every_exception() -> None:
    modules = [importlib.import_module(each.name) for each in pkgutil.walk_packages(shared.__path__, "shared.")]
    defined = {
        (value.__base__.__name__ if value.__base__ else "", name)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__
    }

    drawn, parents = set(), {}
    for indent, name in re.findall(r"^    ([│├└─ ]*)(?:[a-z]+\.)*(\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        parents[depth] = name
        drawn.add((parents.get(depth - 1, ""), name))
    assert defined == {each for each in drawn if each[1] in {name for _, name in defined}}
