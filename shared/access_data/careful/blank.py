"""The rule for an empty cell: one that shows nothing."""

import unicodedata

# The characters with the property White_Space (Unicode, PropList.txt). Python's isspace() has four more.
WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def is_blank(text: str) -> bool:
    """Whether a text is empty, or has only white space and invisible format characters."""
    if text and "!" <= text[0] <= "~":
        return False
    return all(map(is_invisible, text))


def is_invisible(letter: str) -> bool:
    """Whether a character is white space, or an invisible format character (the category Cf)."""
    return letter in WHITE_SPACE or unicodedata.category(letter) == "Cf"
