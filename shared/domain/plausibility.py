"""Whether a session is plausible beside the last complete one of its resource: an export that lost half of its rows."""

from typing import NamedTuple

from shared.core.errors import UNEXPECTED_CHANGE, GraphError

ALLOW_CHANGE = "allow-change"
"""The preference of a caller who has looked and means it (RFC 7240)."""


class LastComplete(NamedTuple):
    """What is known of the last complete session of a resource. ``etag`` is that of the row that was read."""

    session_id: str
    rows: int
    etag: str = ""


def unexpected_change(
    rows: int, last: LastComplete, *, max_shrink: int | None, max_growth: int | None
) -> GraphError | None:
    """The error, 409 ``unexpectedChange``, if a number of rows differs too much from the last one; else ``None``.

    A last one without rows has nothing to compare with: any number is infinitely more.

    Args:
        rows: of the session that is to be completed, without headers.
        last: the last complete session.
        max_shrink: how much fewer, in percent; ``None`` for no limit.
        max_growth: how many more, in percent; ``None`` for no limit.
    """
    if last.rows == 0:
        return None
    fewer = max_shrink is not None and rows * 100 < last.rows * (100 - max_shrink)
    more = max_growth is not None and rows * 100 > last.rows * (100 + max_growth)
    if not fewer and not more:
        return None
    limit = (
        f"at most {max_shrink} percent fewer (UPLOADS_MAX_SHRINK_PERCENT)"
        if fewer
        else f"at most {max_growth} percent more (UPLOADS_MAX_GROWTH_PERCENT)"
    )
    return GraphError(
        UNEXPECTED_CHANGE,
        f"This upload session has {rows} rows, and the last complete one of this resource had {last.rows}: {limit} are "
        f"expected. Check that the data is complete. If it is, send the header 'Prefer: {ALLOW_CHANGE}'.",
        extra={"rowCount": rows, "lastRowCount": last.rows, "uploadSessionId": last.session_id},
    )
