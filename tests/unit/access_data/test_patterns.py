"""The patterns without possessive quantifiers, as Python 3.10 gets them: they match the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access_data import cells, clean_rows, patterns, records, validator

PATTERNS = {
    "cell": records._CELL.pattern,
    "array cell": records._ARRAY_CELL.pattern,
    "principal": cells._PRINCIPAL.pattern.encode(),
    "owners": clean_rows._OWNERS.pattern,
    "blank lines": validator._BLANK_LINES.pattern,
}
TEXTS = st.lists(
    st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"a", b"7", b"-", b"@", b".", b"[", b"]", b", ", b" ", b"\\"]),
    max_size=25,
).map(b"".join)


def test_possessive_quantifiers_become_ordinary_ones() -> None:
    assert patterns.without_possessives(r"a++(?:b|c)*+") == r"a+(?:b|c)*"
    assert patterns.without_possessives(rb"[^x]*+") == rb"[^x]*"


@pytest.mark.parametrize("name", PATTERNS)
@given(text=TEXTS)
def test_they_match_the_same(name: str, text: bytes) -> None:
    possessive, ordinary = re.compile(PATTERNS[name]), re.compile(patterns.without_possessives(PATTERNS[name]))
    for match in ("match", "fullmatch"):
        first, second = getattr(possessive, match)(text), getattr(ordinary, match)(text)
        assert (first and (first.span(), first.groups())) == (second and (second.span(), second.groups()))
