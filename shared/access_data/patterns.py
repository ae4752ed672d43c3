"""Compiles patterns, also on Python 3.10, which the client supports and which has no possessive quantifiers.

Possessive quantifiers keep ``re`` from remembering positions to return to. The patterns here never return to one with
success, so that the ordinary quantifiers match the same text.
"""

import re
import sys
from typing import AnyStr


def compiled(pattern: AnyStr) -> re.Pattern[AnyStr]:
    """Compile a pattern that may have possessive quantifiers (``++`` and ``*+``)."""
    if sys.version_info < (3, 11):  # noqa: UP036  # the client runs on 3.10
        pattern = without_possessives(pattern)
    return re.compile(pattern)


def without_possessives(pattern: AnyStr) -> AnyStr:
    """The pattern with ordinary quantifiers."""
    if isinstance(pattern, bytes):
        return pattern.replace(b"++", b"+").replace(b"*+", b"*")
    return pattern.replace("++", "+").replace("*+", "*")
