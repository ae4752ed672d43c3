"""Compiles patterns with possessive quantifiers, also on Python 3.10, which the client supports and which has none.

Possessive quantifiers keep ``re`` from remembering positions to return to. The patterns here never return to one with
success, so that the ordinary quantifiers match the same text.

Python 3.11.0 to 3.11.4 (Debian 12 has 3.11.2) match them wrongly: when a possessive group fails behind a quantifier
within it, matching goes on from there, and not from where the group began (CPython, gh-100061 and gh-106052, both fixed
in 3.11.5). So nothing that can fail may follow a quantifier in a possessive group: ``(?:\\n|\\r\\n)++``, not
``(?:\\r?\\n)++``. ``tests/unit/access_data/test_patterns.py`` checks this.
"""

import re
import sys
from typing import AnyStr


def compiled(pattern: AnyStr) -> re.Pattern[AnyStr]:
    """Compile a pattern that may have possessive quantifiers (``++``, ``*+`` and ``?+``)."""
    if sys.version_info < (3, 11):  # noqa: UP036  # the client runs on 3.10
        pattern = without_possessives(pattern)
    return re.compile(pattern)


def without_possessives(pattern: AnyStr) -> AnyStr:
    """The pattern with ordinary quantifiers."""
    if isinstance(pattern, bytes):
        return pattern.replace(b"++", b"+").replace(b"*+", b"*").replace(b"?+", b"?")
    return pattern.replace("++", "+").replace("*+", "*").replace("?+", "?")
