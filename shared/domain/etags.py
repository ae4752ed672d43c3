"""Conditional requests: a session's ETag, and the ``If-Match`` that comes with a change (RFC 9110, section 13.1.1).

The ETag is the one of the session's row in Table Storage, which every change of the session or its files renews.
"""

import re
from dataclasses import dataclass

from shared.core.errors import ETAG_MISMATCH, MALFORMED_ETAG, GraphError

_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAGS = re.compile(rf"\s*{_ENTITY_TAG}(?:\s*,\s*{_ENTITY_TAG})*\s*")


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The ETags that a change is allowed for; ``None`` for any."""

    tags: frozenset[str] | None = None

    @classmethod
    def parse(cls, header: str | None) -> "IfMatch":
        """Read the header ``If-Match``; a missing one matches everything.

        Raises:
            GraphError: 400 ``malformedEntityTag``.
        """
        if header is None or header.strip() == "*":
            return cls()
        if not _ENTITY_TAGS.fullmatch(header):
            raise GraphError(
                MALFORMED_ETAG,
                'The header If-Match must be an ETag as an answer gave it, such as W/"...", several of them parted by '
                "commas, or *.",
                target="If-Match",
            )
        return cls(frozenset(re.findall(_ENTITY_TAG, header)))

    def check(self, etag: str) -> None:
        """Raise unless ``etag`` is allowed. Weak ETags compare as they stand, as OData has it.

        Raises:
            GraphError: 412.
        """
        if self.tags is not None and etag not in self.tags:
            raise GraphError(
                ETAG_MISMATCH,
                "The upload session was changed since you read it. Read it again, and repeat the request with its new "
                "ETag if it still applies.",
                target="If-Match",
            )
