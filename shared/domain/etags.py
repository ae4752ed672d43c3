"""Conditional requests: a session's ETag and the header ``If-Match`` (RFC 9110, section 13.1.1).

The ETag is that of the session's row in Table Storage. Every change of the session or its files changes it.
"""

import re
from typing import NamedTuple

from shared.core.errors import ETAG_MISMATCH, MALFORMED_ETAG, GraphError

_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAGS = re.compile(rf"\s*{_ENTITY_TAG}(?:\s*,\s*{_ENTITY_TAG})*\s*")


class IfMatch(NamedTuple):
    """The ETags for which a change is allowed; ``None`` allows any."""

    tags: frozenset[str] | None = None

    @classmethod
    def parse(cls, header: str | None) -> "IfMatch":
        """Parse the header ``If-Match``; a missing header matches everything.

        Raises:
            GraphError: 400 ``malformedEntityTag``.
        """
        if header is None or header.strip() == "*":
            return cls()
        if not _ENTITY_TAGS.fullmatch(header):
            raise GraphError(
                MALFORMED_ETAG,
                'The header If-Match must be an ETag from an earlier answer, such as W/"...", or a comma-separated '
                "list of ETags, or *.",
                target="If-Match",
            )
        return cls(frozenset(re.findall(_ENTITY_TAG, header)))

    def check(self, etag: str) -> None:
        """Raise unless ``etag`` is allowed. Weak ETags are compared as text, as in OData.

        Raises:
            GraphError: 412.
        """
        if self.tags is not None and etag not in self.tags:
            raise GraphError(
                ETAG_MISMATCH,
                "The upload session has changed since you read it. Read it again. If the request still applies, repeat "
                "it with the new ETag.",
                target="If-Match",
            )
