"""Bicep files as far as the tests need them: their declarations, by Checkov's parser, and the names that they use.

The compiler would do this; it cannot be installed from a package registry. The parser refuses syntax errors, but lets
undeclared names pass, and does not tell a name from a string: the names come from the text, without its strings.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pycep import BicepParser

from local.service import ROOT

INFRA = ROOT / "infra"

KEYWORDS = {"for", "in", "if", "existing", "true", "false", "null"}
TYPES = {"string", "int", "bool", "object", "array"}
# The functions that the files use; a new one is added here after a look at its documentation.
FUNCTIONS = {
    "concat",
    "empty",
    "environment",
    "guid",
    "join",
    "loadJsonContent",
    "loadTextContent",
    "map",
    "string",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "toLower",
    "union",
    "uniqueString",
}
DECORATORS = {"allowed", "description", "metadata", "minLength", "maxLength", "minValue", "maxValue", "secure"}


@dataclass(frozen=True)
class BicepFile:
    """One file: its text, and its declarations by kind (``parameters``, ``resources``, ...) and name."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The whole text."""
        return self.path.read_text()

    @cached_property
    def parsed(self) -> Mapping[str, Mapping[str, Any]]:
        """The parser's tree.

        Raises:
            Exception: a syntax error.
        """
        return _parsed(self.text)

    def declared(self, kind: str) -> Mapping[str, Any]:
        """The declarations of one kind by name; none if there are none."""
        return self.parsed.get(kind, {})

    @property
    def required(self) -> set[str]:
        """The parameters without a default."""
        return {name for name, parameter in self.declared("parameters").items() if parameter.get("default") is None}

    @cached_property
    def code(self) -> str:
        """The text without comments, and without strings but for what is interpolated into them."""
        return "".join(_code(self.text))

    @property
    def names(self) -> set[str]:
        """Everything that is declared and can be used by name."""
        return {name for kind in ("parameters", "variables", "resources", "modules") for name in self.declared(kind)}

    def used(self) -> Iterator[str]:
        """Each use of a name in an expression; not keys (``name:``), properties, functions and declarations."""
        local = set(re.findall(r"\bfor (\w+) in\b|\b(\w+) =>", self.code))
        known = KEYWORDS | {name for pair in local for name in pair}
        declaration = r"^(?:targetScope|extension\b.*|(?:param|output) (\w+) \w+|(?:var|resource|module) (\w+))"
        body = re.sub(declaration, lambda found: " " * len(found[0]), self.code, flags=re.MULTILINE)
        body = re.sub(r"\bin (\w+):", r"in \1 :", body)
        for found in re.finditer(r"(?<![\w.@])([A-Za-z_]\w*)\b(?!:|\()", body):
            if found[1] not in known:
                yield found[1]

    @property
    def called(self) -> set[str]:
        """The functions that are called."""
        return set(re.findall(r"(?<![\w.@])([A-Za-z_]\w*)\(", self.code)) - {"if"}

    @property
    def outputs_read(self) -> set[tuple[str, str]]:
        """The outputs of modules that are read: the module's name here, and the output's."""
        return set(re.findall(r"\b(\w+)!?\.outputs\.(\w+)", self.code))


# The parser takes 0.1 s for a file, and as long to start.
_parser = cache(BicepParser)


@cache
def _parsed(text: str) -> Mapping[str, Mapping[str, Any]]:
    parsed: Any = _parser().parse(text=text)
    return dict(parsed)


def bicep_files() -> list[BicepFile]:
    """All files."""
    return [BicepFile(path) for path in sorted(INFRA.glob("**/*.bicep"))]


def _code(text: str) -> Iterator[str]:
    """The text piece by piece, without comments and string literals; nested interpolations are code again."""
    position = 0
    depth: list[int] = []
    braces = 0
    in_string = False
    while position < len(text):
        two = text[position : position + 2]
        if in_string:
            if two == "${":
                depth.append(braces)
                braces, in_string = 0, False
                yield " ("
                position += 2
            elif text[position] == "\\":
                position += 2
            else:
                in_string = text[position] != "'"
                if text[position] == "\n":
                    yield "\n"
                position += 1
        elif two == "//" or (text[position] == "#" and not text[:position].rpartition("\n")[2].strip()):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif text[position] == "'":
            # A literal stands for itself.
            yield " 0 "
            in_string = True
            position += 1
        elif text[position] == "}" and depth and braces == 0:
            braces, in_string = depth.pop(), True
            yield ") "
            position += 1
        else:
            braces += {"{": 1, "}": -1}.get(text[position], 0)
            yield text[position]
            position += 1
