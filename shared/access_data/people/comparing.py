"""When two texts are the same account: the one rule for the directory, for lists of accounts, and for files.

Compared is the text in NFC, without white space and format characters around it, case-folded. Case folding can undo
NFC, so that it is applied once more (Unicode, section 3.13, D145).
"""

from itertools import takewhile
from unicodedata import normalize

from ..careful.blank import WHITE_SPACE, is_invisible

_ASCII_WHITE_SPACE = "".join(filter(str.isascii, WHITE_SPACE))


def comparable(text: str) -> str:
    """What is compared instead of a text; empty if nothing of it is visible."""
    if text.isascii():
        # Which has no format characters, and is in NFC.
        return text.strip(_ASCII_WHITE_SPACE).lower()
    composed = normalize("NFC", text)
    return normalize("NFC", stripped(composed).casefold())


def stripped(text: str) -> str:
    """A text without the white space and the format characters around it."""
    begin = sum(1 for _ in takewhile(is_invisible, text))
    end = len(text) - sum(1 for _ in takewhile(is_invisible, reversed(text[begin:])))
    return text[begin:end]
