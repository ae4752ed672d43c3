"""The patterns match the same with and without possessive quantifiers, also on Python 3.11.0 to 3.11.4.

Possessive quantifiers only keep ``re`` from remembering positions to return to. Those versions (Debian 12 has 3.11.2)
match some possessive groups wrongly: when one fails behind a quantifier within it, matching goes on from there, and not
from where the group began (CPython, gh-100061 and gh-106052, fixed in 3.11.5). So nothing that can fail may follow a
quantifier in a possessive group: ``(?:\\n|\\r\\n)++``, not ``(?:\\r?\\n)++``. Where one is installed, it is
tried; the rule is tested everywhere.
"""

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared
from shared.access_data.careful import cells, records
from shared.access_data.separating import blanks, file_end, line_ends

# ``re``'s own parser has no public name.
PARSER: Any = importlib.import_module("re._parser")

PATTERNS = {
    **{f"cell, {name}": records._PATTERNS[each].cell.pattern for each, name in records.SEPARATORS.items()},
    **{f"array cell, {name}": records._PATTERNS[each].array.pattern for each, name in records.SEPARATORS.items()},
    "principal": cells._PRINCIPAL.pattern.encode(),
    "lines without a value": file_end._PATTERNS[b","].lines.pattern,
    "lines without a value, tab": file_end._PATTERNS[b"\t"].lines.pattern,
    "records with blanks": blanks._PATTERNS[b","].whole_records.pattern,
    "a record with blanks": blanks._PATTERNS[b","].last.pattern,
    "a record with blanks, tab": blanks._PATTERNS[b"\t"].last.pattern,
    "CR alone": line_ends._CR_ALONE.pattern,
}
PIECES = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r\n",
    b"a",
    b"7",
    b"-",
    b"@",
    b".",
    b"[",
    b"]",
    b", ",
    b" ",
    b"\\",
    b"\r",
    b"\x1a",
    b"\0",
    b"\t",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join)


def _without_possessives(pattern: bytes) -> bytes:
    """The pattern with ordinary quantifiers."""
    return pattern.replace(b"++", b"+").replace(b"*+", b"*").replace(b"?+", b"?")


@pytest.mark.parametrize("name", PATTERNS)
@given(text=TEXTS)
def test_they_match_the_same(name: str, text: bytes) -> None:
    possessive, ordinary = re.compile(PATTERNS[name]), re.compile(_without_possessives(PATTERNS[name]))
    for match in ("match", "fullmatch"):
        first, second = getattr(possessive, match)(text), getattr(ordinary, match)(text)
        assert (first and (first.span(), first.groups())) == (second and (second.span(), second.groups()))


def all_patterns() -> dict[str, re.Pattern[Any]]:
    """Every pattern that is a global name of a module of the app."""
    modules = [importlib.import_module(each.name) for each in pkgutil.walk_packages(shared.__path__, "shared.")]
    found = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }
    for module in (records, blanks, file_end):
        for separator, patterns in module._PATTERNS.items():
            found |= {
                f"{module.__name__}.{kind} {separator!r}": each
                for kind, each in patterns._asdict().items()
                if isinstance(each, re.Pattern)
            }
    return found


def possessive_bodies(parsed: Any) -> Iterator[Any]:
    """What is repeated possessively in a parsed pattern, at any depth."""
    if isinstance(parsed, tuple) and parsed and parsed[0] is PARSER.POSSESSIVE_REPEAT:
        yield parsed[1][2]
    if isinstance(parsed, tuple | list | PARSER.SubPattern):
        for part in parsed:
            yield from possessive_bodies(part)


def can_fail_behind_a_quantifier(body: Iterable[Any]) -> bool:
    """Whether a group can fail when a quantifier within it has matched; also for what is too complicated to tell."""
    items = list(body)
    if len(items) == 1 and items[0][0] is PARSER.BRANCH:
        return any(can_fail_behind_a_quantifier(branch) for branch in items[0][1][1])
    behind = False
    for place, (kind, argument) in enumerate(items):
        if kind in (PARSER.MAX_REPEAT, PARSER.POSSESSIVE_REPEAT):
            least, _, repeated = argument
            # One that must match, and stands behind a character, moves the position before it fails.
            if (least and place) or can_fail_behind_a_quantifier(repeated):
                return True
            behind = True
        elif behind or kind not in (PARSER.LITERAL, PARSER.NOT_LITERAL, PARSER.IN, PARSER.ANY):
            return True
    return False


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        (r"(?:a++\.)++", True),
        (r"(?:\r?\n)++", True),
        (r"(?:-++a)*+", True),
        (r"(?:-a++)*+", True),
        (r"(?:(?:ab++)*+)*+", True),
        (r"(?:\n|\r\n)++", False),
        (r'(?:[^"]++|"")*+', False),
        (r"(?:\\.[^x]*+)*+", False),
    ],
)
def test_the_rule_tells_which_groups_go_wrong(pattern: str, wrong: bool) -> None:
    assert any(map(can_fail_behind_a_quantifier, possessive_bodies(PARSER.parse(pattern)))) is wrong


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no possessive quantifiers")
def test_no_possessive_group_can_fail_behind_a_quantifier() -> None:
    found = all_patterns()

    assert {id(pattern) for pattern in found.values()} >= {id(records._PATTERNS[b","].cell), id(cells._PRINCIPAL)}
    for name, pattern in found.items():
        for body in possessive_bodies(PARSER.parse(pattern.pattern, pattern.flags)):
            assert not can_fail_behind_a_quantifier(body), name


def wrong_python() -> str | None:
    """A Python from 3.11.0 to 3.11.4 on this machine."""
    for name in ("python3.11", "python3", "/usr/bin/python3.11", "/usr/bin/python3"):
        program = shutil.which(name)
        if program is not None:
            asked = [program, "-c", "import sys; print((3, 11) <= sys.version_info < (3, 11, 5))"]
            if subprocess.run(asked, capture_output=True, text=True, check=False).stdout == "True\n":
                return program
    return None


MATCH = """
import json, re, sys
for pattern, texts in json.load(sys.stdin):
    pattern = re.compile(pattern)
    for text in texts:
        for found in pattern.match(text), pattern.fullmatch(text):
            print(found and (found.span(), found.groups()))
"""


def test_the_versions_that_go_wrong_match_the_same() -> None:
    wrong = wrong_python()
    if wrong is None:
        pytest.skip("no Python 3.11.0 to 3.11.4, such as Debian 12's, is installed")
    random = Random(1)
    domains, owners = ["a", "b7", "-", ".", "contoso"], ['""', "a", '""a""', ",", ", ", "]"]
    pieces = [piece.decode() for piece in PIECES]

    def texts(start: str, some: list[str]) -> list[str]:
        return [start + "".join(random.choices(some, k=random.randint(0, 14))) for _ in range(2000)]

    cases = [
        (pattern.decode(), [*texts("", pieces), *texts("[", owners), *texts("alice@", domains)])
        for pattern in PATTERNS.values()
    ]

    programs = wrong, sys.executable
    theirs, ours = (
        subprocess.run(
            [program, "-c", MATCH], input=json.dumps(cases), capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for program in programs
    )

    assert len(ours) == 2 * sum(len(texts) for _, texts in cases)
    assert [(mine, other) for mine, other in zip(ours, theirs, strict=True) if mine != other] == []
