"""Compares the fast reader, which handles many cells at a time, with the rules for one cell or row."""

import json
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access_data.careful.blank import is_blank
from shared.access_data.careful.cells import PRINCIPAL, is_object_id
from shared.access_data.fast.clean_principals import principals
from shared.access_data.fast.clean_rows import BLANK_STARTS
from shared.access_data.fast.quotes import BITS, enclosed_delimiters
from shared.access_data.fast.row_hashes import long_row_hash, row_hashes, short_row_hashes
from shared.access_data.fast.words import MAX_CELL, PADDING, Cells, read_cells
from shared.access_data.findings import Finding, Report
from shared.access_data.layouts import LAYOUTS, Content
from shared.access_data.validator import Validator

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
# Control characters, separators, escapes, letters that are another one in lower case, and what JSON knows besides
# strings: in any cell, since each rule has its own reasons to refuse them.
HOSTILE = [
    *(
        chr(code)
        for code in (*range(0x20), 0x7F, 0x80, 0x85, 0xA0, 0xAD, 0x2028, 0xFEFF, 0x130, 0x17F, 0x212A, 0x1F600)
    ),
    *(
        " ",
        ",",
        ";",
        '"',
        '""',
        "'",
        "\\",
        "\\u0000",
        "\\x",
        "/",
        "[",
        "]",
        "{",
        "}",
        "=",
        "@",
        "+",
        "null",
        "1",
        "\n",
        "\r\n",
    ),
]


def spoiled(cells: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Cells as they are, or with something hostile put in at any place."""
    places = st.integers(0, 40)
    return cells | st.builds(
        lambda cell, place, text: f"{cell[:place]}{text}{cell[place:]}", cells, places, st.sampled_from(HOSTILE)
    )


NAMES = spoiled(LOCAL | st.tuples(LOCAL, DOMAIN).map("@".join))

# White space and invisible characters of one to four bytes, and letters that begin with the same bytes.
BLANKS = "\t\n\v\f\r \x85\xa0\xad\u061c\u06dd\u070f\u0890\u1680\u180e\u2003\u200b\u2028\u2060\u3000\ufeff\U000e0041"
SOLID = "x\x1c\x1f\u2800\u00c0\u0627\u06de\u0710\u0915\u1681\u2010\u3042\uff01\U0001f600\U000f0000"
TEXTS = st.text(st.sampled_from("abAB^~é@`"), max_size=12) | st.sampled_from(["p" * MAX_CELL, "P" * MAX_CELL])
ROWS = st.tuples(NAMES, TEXTS)


def cells(texts: list[str]) -> Cells:
    raw = [text.encode() for text in texts]
    lengths = np.array([len(cell) for cell in raw], np.intp)
    begins = lengths.cumsum() - lengths + np.arange(len(raw))
    return read_cells(np.frombuffer(b",".join([*raw, bytes(PADDING)]), np.uint8), begins, lengths)


OWNERS = st.lists(st.lists(st.sampled_from(["a", "@b.c", *HOSTILE]), max_size=4).map("".join), max_size=3)
VALID = dict.fromkeys(Content, "") | {Content.TEXT: "x", Content.PRINCIPAL: GUID, Content.PRINCIPAL_TYPE: "user"}
OWNER_IDS = st.sampled_from([GUID, GUID.upper(), GUID[1:], ",", ", ", " ,", ",,", " "])
CELLS = {
    Content.TEXT: st.sampled_from(["", "door", "Lager Köln", "p" * MAX_CELL]),
    Content.PRINCIPAL: NAMES,
    Content.PRINCIPAL_TYPE: st.sampled_from(["user", "EntraIdUser"]),
    # With what JSON escapes, and without.
    Content.OWNERS: OWNERS.map(json.dumps)
    | OWNERS.map(lambda owners: "[{}]".format(",".join(f'"{owner}"' for owner in owners))),
    Content.OWNER_IDS: st.lists(OWNER_IDS, max_size=6).map("".join),
}


@pytest.mark.parametrize("content", Content)
@given(data=st.data())
def test_a_cell_gets_the_same_verdict_from_both_readers(content: Content, data: st.DataObject) -> None:
    """A row with a cell that begins with a space is for the careful reader."""
    layout = next(layout for layout in LAYOUTS if content in {column.content for column in layout.columns})
    columns = layout.columns
    row = {column.name: VALID[column.content] for column in columns}
    name = data.draw(st.sampled_from([column.name for column in columns if column.content is content]))
    # A space before an id is a warning.
    others = [column.name for column in columns if column.content is Content.TEXT and column.name not in layout.key]
    other = next(each for each in others if each != name)
    cell = data.draw(spoiled(CELLS[content]))
    quoted = '"{}"'.format(cell.replace('"', '""'))
    row[name] = data.draw(st.sampled_from([quoted, cell]))

    # In front, so that it is not in the value of a cell that a quote opens and none closes.
    row = {other: row[other]} | row

    fast = _report(row)

    assert _report(row | {other: " x"}) == fast


def _report(row: dict[str, str]) -> Report:
    validator = Validator(principal_types={"user", "EntraIdUser"})
    validator.feed(f"{','.join(row)}\n{','.join(row.values())}\n".encode())
    report = validator.finish()
    return report._replace(findings=tuple(map(_without_row, report.findings)))


def _without_row(finding: Finding) -> Finding:
    """A finding about a row shows the row, which differs here."""
    message, shown, _ = finding.message.partition(" The row: ")
    return finding._replace(message=message, value=None) if shown else finding


@pytest.mark.parametrize("quote", ["", '"'])
@given(st.text(st.sampled_from(BLANKS + SOLID), max_size=3))
def test_a_required_cell_that_shows_nothing_is_empty_for_both_readers(quote: str, text: str) -> None:
    """What is blank is known here from Unicode's own table, and not from the rule of the validator."""
    text = text if quote else text.translate(dict.fromkeys(map(ord, "\r\n")))
    columns = next(layout.columns for layout in LAYOUTS if layout.name == "graph")
    row = {column.name: VALID[column.content] for column in columns} | {"permissionName": f"{quote}{text}{quote}"}

    fast = _report(row)

    assert _report(row | {"permissionType": " x"}) == fast
    missing = not text.strip(BLANKS)
    assert [finding.code for finding in fast.findings] == (["missingValue"] if missing else [])


def test_every_blank_character_has_a_start_that_the_fast_reader_doubts() -> None:
    letters = (chr(code) for code in range(0x80, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    starts = {letter.encode()[0] for letter in letters if is_blank(letter)}

    assert starts == set(np.flatnonzero(np.frombuffer(BLANK_STARTS, np.uint8)).tolist())


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
    names = [name.replace("\0", "") for name in names]  # the grid lets no such row through
    expected = [bool(re.fullmatch(PRINCIPAL, name)) and len(name) <= MAX_CELL for name in names]

    matches, named = principals(cells(names))

    assert matches.tolist() == expected
    others = [match and not is_object_id(name) for match, name in zip(expected, names, strict=True)]
    assert (named.tolist() if named is not None else [False] * len(names)) == others


@given(st.lists(ROWS, min_size=1, max_size=12))
def test_rows_have_the_same_hash_if_they_differ_in_the_case_of_ascii_letters_only(rows: list[tuple[str, str]]) -> None:
    # NUL pads; the grid lets no row with one through, and what is compared of others has none.
    rows = [(principal.replace("\0", ""), permission) for principal, permission in rows]
    first, second = (cells(list(column)) for column in zip(*rows, strict=True))
    keys = [(principal.encode().lower(), permission.encode().lower()) for principal, permission in rows]
    single = [(principal.encode(), permission.encode()) for principal, permission in rows]
    one_by_one = [
        int(short_row_hashes([row])[0]) if max(map(len, row)) <= MAX_CELL else long_row_hash(row) for row in single
    ]

    assert len(set(one_by_one)) == len(set(keys)) == len(set(zip(keys, one_by_one, strict=True)))
    for number, together in enumerate(row_hashes([first.words, second.words]).tolist()):
        if first.fit[number] and second.fit[number]:
            assert together == one_by_one[number]


@pytest.mark.parametrize("length", [0, 1, 8, MAX_CELL, MAX_CELL + 1, 1000])
def test_two_long_cells_are_not_taken_for_one_another(length: int) -> None:
    """The text of both cells together is the same."""
    text = b"a" * 2 * length

    rows = [(text[:split], text[split:]) for split in (0, length // 2, length, 2 * length)]
    hashes = {long_row_hash(row) for row in rows if max(map(len, row)) > MAX_CELL}
    if short := [row for row in rows if max(map(len, row)) <= MAX_CELL]:
        hashes.update(short_row_hashes(short).tolist())

    assert len(hashes) == len({0, length // 2, length, 2 * length})
