"""The rules for text that people read: the names of files and applications, contacts."""

import re
import unicodedata

# Control characters, the separators of lines and paragraphs, and what changes the direction of the text after it, so
# that a name looks like another one (Unicode Technical Report 36, section 2.10).
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def is_readable(text: str) -> bool:
    """Whether people can read a text of one line: something in it is visible, and no character changes how it looks."""
    visible = any(unicodedata.category(character)[0] not in "CZ" for character in text)
    return visible and not _FORBIDDEN.search(text)


def normalized(text: str) -> str:
    """A name in the one form in which names are stored and compared.

    A letter with a mark has two forms in Unicode, which look alike: macOS gives names of files in one, everything else
    in the other (NFC, Unicode Standard Annex 15).
    """
    return unicodedata.normalize("NFC", text)
