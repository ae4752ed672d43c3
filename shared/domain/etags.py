"""Conditional requests: ETags and the headers ``If-Match`` and ``If-None-Match`` (RFC 9110, section 13.1).

The ETag of a session is that of its row in Table Storage. Every change of the session or its files changes it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.core.errors import ETAG_MISMATCH, MALFORMED_ETAG, GraphError

_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAGS = re.compile(rf"\s*{_ENTITY_TAG}(?:\s*,\s*{_ENTITY_TAG})*\s*")
_ANY = frozenset({"*"})


class Conditions(NamedTuple):
    """The conditions of a request, each as a set of ETags or ``{"*"}``; ``None`` for a header that was not sent."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    @classmethod
    def parse(cls, match: Sequence[str], none_match: Sequence[str]) -> "Conditions":
        """The conditions in the lines of both headers. Several lines are one list (RFC 9110, section 5.3).

        Raises:
            GraphError: 400 ``malformedEntityTag``.
        """
        return cls(_tags("If-Match", match), _tags("If-None-Match", none_match))

    def check(self, etag: str | None) -> None:
        """Raise unless a change is allowed.

        In ``If-Match``, weak ETags are compared as text, as in OData: Table Storage has no others.

        Args:
            etag: the ETag of what the request would change; ``""`` if it exists and has no ETag, ``None`` if it does
                not exist.

        Raises:
            GraphError: 412.
        """
        if self.match is not None and not (etag in self.match or (self.match == _ANY and etag is not None)):
            raise _mismatch("If-Match", "It has changed since you read it, or it does not exist.")
        if self.excludes(etag):
            raise _mismatch("If-None-Match", "It exists already.")

    def excludes(self, etag: str | None) -> bool:
        """Whether ``If-None-Match`` names an ETag; for GET this means that the caller has what it asks for."""
        if self.none_match is None or etag is None:
            return False
        return self.none_match == _ANY or etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in self.none_match}


def _tags(name: str, lines: Sequence[str]) -> frozenset[str] | None:
    if not lines:
        return None
    header = ",".join(lines)
    if header.strip() == "*":
        return _ANY
    if not _ENTITY_TAGS.fullmatch(header):
        raise GraphError(
            MALFORMED_ETAG,
            f'The header {name} must be an ETag from an earlier answer, such as W/"...", or a comma-separated list of '
            "ETags, or *.",
            target=name,
        )
    return frozenset(re.findall(_ENTITY_TAG, header))


def _mismatch(name: str, reason: str) -> GraphError:
    return GraphError(
        ETAG_MISMATCH,
        f"The condition in the header {name} is false. {reason} Read it again. If the request still applies, repeat it "
        "with the new ETag.",
        target=name,
    )
