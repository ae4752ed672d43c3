"""Compares parts of the fast reader, which handle many cells at a time, with the rules for one cell or row."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access_data.careful.cells import PRINCIPAL
from shared.access_data.fast.clean_principals import are_principals
from shared.access_data.fast.quotes import BITS, enclosed_delimiters
from shared.access_data.fast.row_hashes import long_row_hash, row_hashes, short_row_hashes
from shared.access_data.fast.words import MAX_CELL, PADDING, Cells, read_cells

GUID = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"
# Names in two parts, each usually well formed; the length limits are those of the part before the at sign and of words.
LOCAL = st.sampled_from(
    [
        *(
            "ana",
            "Ana.B-c",
            "a_b#EXT#",
            "o'neil+x",
            "!^~",
            "-",
            ".",
            "",
            "a b",
            "a/b",
            "é",
            "a@b",
            "a@b.c",
            "\x7f",
            "`",
        ),
        *("a" * 63, "a" * 64, "a" * 65, GUID, GUID.upper(), GUID[:-1], GUID + "1", GUID.replace("-", "_", 1), "8" * 36),
    ]
)
DOMAIN = st.sampled_from(
    [
        *("contoso.com", "A-b.c1", "a--b.c", "a", "a.", ".a", "a..b", "-a.b", "a-.b", "a.-b", "a.b-", "a_b.c", "é.com"),
        *("a.b@c", "a.b c", "", "-", ".", "a.b.c.d.e.f", f"{'b' * 61}.example", f"{'b' * 119}.de", f"{'b' * 125}.de"),
    ]
)
NAMES = LOCAL | st.tuples(LOCAL, DOMAIN).map("@".join)
TEXTS = st.text(st.sampled_from("abAB^~é@`"), max_size=12) | st.sampled_from(["p" * MAX_CELL, "P" * MAX_CELL])
ROWS = st.tuples(NAMES, TEXTS)


def cells(texts: list[str]) -> Cells:
    raw = [text.encode() for text in texts]
    lengths = np.array([len(cell) for cell in raw], np.intp)
    begins = lengths.cumsum() - lengths + np.arange(len(raw))
    return read_cells(np.frombuffer(b",".join([*raw, bytes(PADDING)]), np.uint8), begins, lengths)


PIECES = [b"a", b",", b"\n", b"\r\n", b'"', b'""', b',"', b'",', b'","', b'"a,b"', b'"\r\n', b'"a"\r\n']
CSV = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


# Each example is read with its first byte at each bit of a word.
@settings(max_examples=settings().max_examples // 4)
@given(CSV)
def test_delimiters_inside_quotes_are_found_as_one_finds_them_byte_by_byte(csv: bytes) -> None:
    for shift in range(BITS):
        text = b"\n" + b"x" * shift + b"," + csv + b"\n"
        array = np.frombuffer(text.ljust(-(-len(text) // BITS) * BITS, b"\0"), np.uint8)
        enclosed, well_placed = enclosed_delimiters(array, np.isin(array, list(b",\n")), array == ord('"'))
        assert (enclosed.tolist(), well_placed) == _enclosed_delimiters(text)


def _enclosed_delimiters(text: bytes) -> tuple[list[int], bool]:
    enclosed, well_placed, inside = [], True, False
    for place, letter in enumerate(text):
        if letter == ord('"'):
            inside = not inside
            well_placed &= text[place - 1] in b',\n"' if inside else text[place + 1] in b',\n"\r'
        elif inside and letter in b",\n":
            enclosed.append(place)
            well_placed &= letter != ord("\n")
    return enclosed, well_placed


@given(st.lists(NAMES, max_size=8))
def test_principals_are_recognized_as_the_pattern_recognizes_them(names: list[str]) -> None:
    expected = [bool(re.fullmatch(PRINCIPAL, name)) and len(name) <= MAX_CELL for name in names]

    assert are_principals(cells(names)).tolist() == expected


@given(st.lists(ROWS, min_size=1, max_size=12))
def test_rows_have_the_same_hash_if_they_differ_in_the_case_of_ascii_letters_only(rows: list[tuple[str, str]]) -> None:
    principals, permissions = (cells(list(column)) for column in zip(*rows, strict=True))
    keys = [(principal.encode().lower(), permission.encode().lower()) for principal, permission in rows]
    single = [(principal.encode(), permission.encode()) for principal, permission in rows]
    one_by_one = [
        int(short_row_hashes([row])[0]) if max(map(len, row)) <= MAX_CELL else long_row_hash(*row) for row in single
    ]

    assert len(set(one_by_one)) == len(set(keys)) == len(set(zip(keys, one_by_one, strict=True)))
    for number, together in enumerate(row_hashes(principals.words, permissions.words).tolist()):
        if principals.fit[number] and permissions.fit[number]:
            assert together == one_by_one[number]


@pytest.mark.parametrize("length", [0, 1, 8, MAX_CELL, MAX_CELL + 1, 1000])
def test_two_long_cells_are_not_taken_for_one_another(length: int) -> None:
    """The text of both cells together is the same."""
    text = b"a" * 2 * length

    rows = [(text[:split], text[split:]) for split in (0, length // 2, length, 2 * length)]
    hashes = {long_row_hash(*row) for row in rows if max(map(len, row)) > MAX_CELL}
    hashes.update(short_row_hashes([row for row in rows if max(map(len, row)) <= MAX_CELL]).tolist())

    assert len(hashes) == len({0, length // 2, length, 2 * length})
