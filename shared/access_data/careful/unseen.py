"""Characters that nobody sees: where a text has some, by their names."""

import unicodedata

from .blank import WHITE_SPACE

# Unicode gives control characters no names.
_NAMES = {
    "\t": "tab",
    "\n": "line break",
    "\r": "carriage return",
    "\x1a": "end-of-file character",
    "\xa0": "no-break space",
    "\u2011": "non-breaking hyphen",
    "\ufeff": "byte order mark",
}

_BLANKS = " \t"
_HYPHENS = "\u2010\u2011"

# Letters of which it is remembered what is seen: more than the files of one process have, but for made-up ones.
_MOST_REMEMBERED = 10_000


class _Letters(dict[int, str]):
    """What is seen of each letter, by its code point. Those that files have are remembered, as far as there is room."""

    def __missing__(self, code: int) -> str:
        if len(self) == _MOST_REMEMBERED:
            self.clear()
        seen = self[code] = _seen(chr(code))
        return seen


_LETTERS = _Letters()


def visible(text: str) -> str:
    """What is seen of a text, so that texts that look the same are the same.

    Its letters are composed (NFC), its white space is spaces, of which none are at its ends, and it has no format and
    control characters. A hyphen that a word processor has made of the keyboard's is that one.
    """
    if text.isascii() and text.isprintable():
        return text.strip(_BLANKS)
    return unicodedata.normalize("NFC", text).translate(_LETTERS).strip(_BLANKS)


def _seen(letter: str) -> str:
    if letter in _HYPHENS:
        return "-"
    if letter == "\t":
        return letter  # within a text it is seen
    if letter in WHITE_SPACE:
        return " "
    return "" if unicodedata.category(letter) in ("Cf", "Cc") else letter


def unseen(text: str) -> str | None:
    """The first character of a text that nobody sees, where it is, and what to do; ``None`` if all are seen."""
    position = next((index for index, letter in enumerate(text) if _LETTERS[ord(letter)] != letter), None)
    if position is None:
        if text == text.strip(_BLANKS):
            return None
        position = 0 if text[0] in _BLANKS else len(text) - 1
    before, after = visible(text[:position]), visible(text[position + 1 :])
    place = f"after '{before[-20:]}'" if before and after else "at its end" if before else "at its beginning"
    advice = "write the hyphen of the keyboard" if text[position] in _HYPHENS else "remove it"
    return f"{_name(text[position])} {place}; {advice}"


def _name(letter: str) -> str:
    name = _NAMES.get(letter) or unicodedata.name(letter, "control character").lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} (U+{ord(letter):04X})"
