"""The messages that docs/troubleshooting.md quotes are those of the code.

A quote is code with a space in the first column of a table; ``...`` stands for what varies.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.documents import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
SOURCES = ("dev.py", "shared/**/*.py", "local/**/*.py", "infra/*.py", "client/src/**/*.py")

VARIES = "\0"


def quotes() -> list[str]:
    """The messages in the tables of the page, without those of Microsoft's host, which are generated."""
    cells = re.findall(r"^\| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    return [quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell) if " " in quote]


@cache
def messages() -> frozenset[str]:
    """Every text in the code; what is formatted into it is ``VARIES``."""
    paths = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    return frozenset(text for path in paths for text in _texts(ast.parse(path.read_text())))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else VARIES for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"%[sdr]|%\.\d+f|\{\w*\}", VARIES, node.value)


@pytest.mark.parametrize("quote", quotes())
def test_a_quoted_message_is_one_of_the_code(quote: str) -> None:
    pattern = ".*".join(map(re.escape, quote.split("...")))

    assert any(re.search(pattern, message, re.DOTALL) for message in messages())


def test_the_page_quotes_messages() -> None:
    assert len(quotes()) > 10
