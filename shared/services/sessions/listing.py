"""Applies the filter, the order and the page of a query to sessions and to files."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.core.ids import GUID, utc_now
from shared.domain.lifecycle import status_at
from shared.domain.sessions import ResourceKey, Session, StoredFile
from shared.models.serializers import file_json
from shared.query.options import Query, select_properties
from shared.services.context import Context
from shared.services.sessions.reading import scan_sessions

# The most rows that Table Storage returns in one response.
_SCAN_PAGE = 1000


class Page(NamedTuple):
    """A page of sessions. ``next_token`` is set if there are more; ``total`` counts all matches if requested."""

    sessions: Sequence[Session]
    file_ranges: Sequence[tuple[str, str]]
    """Ranges of session ids, first and last, that contain the files of these sessions and of no others."""
    next_token: str | None
    total: int | None


class _Match(NamedTuple):
    """A session that matches a filter.

    Matches with the same number of skipped sessions before them have no files of other sessions between them.
    """

    session: Session
    skipped: int

    @property
    def id(self) -> str:
        return self.session.key.session_id


async def page_of_sessions(context: Context, resource: ResourceKey, query: Query) -> Page:
    """The page of sessions that a query selects.

    In order of creation, the scan starts where the last page ended and stops when the page is full. For descending
    order, or to count, it reads all sessions of the resource, because rows are sorted in one direction only.

    Raises:
        GraphError: 400 for a ``$skiptoken`` that is not valid.
    """
    position, top = query.position(GUID), query.page_size
    after = position and position[0].lower()
    # A nextLink repeats $skip, but the skipped sessions are before its page.
    skip = 0 if after else query.skip
    if query.counted or _descending(query):
        found = [match async for match in _matches(context, resource, query, after=None, page_size=_SCAN_PAGE)]
        total = len(found) if query.counted else None
        if _descending(query):
            found.reverse()
        if after is not None:
            found = [match for match in found if (match.id < after if _descending(query) else match.id > after)]
        found = found[skip : skip + top + 1]
    else:
        total = None
        page_size = _SCAN_PAGE if query.filter else min(skip + top + 1, _SCAN_PAGE)
        found = []
        async for match in _matches(context, resource, query, after=after, page_size=page_size):
            found.append(match)
            if len(found) > skip + top:
                break
        found = found[skip:]
    page = found[:top]
    next_token = page[-1].id if len(found) > top else None
    return Page([match.session for match in page], _file_ranges(page), next_token, total)


async def count_sessions(context: Context, resource: ResourceKey, query: Query) -> int:
    """The number of sessions that match the query's filter."""
    count = 0
    async for _ in _matches(context, resource, query, after=None, page_size=_SCAN_PAGE):
        count += 1
    return count


async def _matches(
    context: Context, resource: ResourceKey, query: Query, *, after: str | None, page_size: int
) -> AsyncIterator[_Match]:
    now, idle = utc_now(), context.settings.idle
    skipped = 0
    async for session in scan_sessions(context, resource, after=after, page_size=page_size):
        values = {"status": status_at(session, now, idle).value, "referenceId": session.review.instance_id}
        if query.filter is None or query.filter(values):
            yield _Match(session, skipped)
        elif session.files_uploaded:
            skipped += 1


def _file_ranges(page: Sequence[_Match]) -> list[tuple[str, str]]:
    ranges: dict[int, list[str]] = {}
    for match in page:
        if match.session.files_uploaded:
            ranges.setdefault(match.skipped, []).append(match.id)
    return [(min(ids), max(ids)) for ids in ranges.values()]


def _descending(query: Query) -> bool:
    return bool(query.order_by) and query.order_by[0][1]


def matching_files(files: Sequence[StoredFile], query: Query) -> list[StoredFile]:
    """The files that match the query's filter, in the order that it requests."""
    matching = [file for file in files if query.filter is None or query.filter(_values(file))]
    for name, descending in reversed(query.order_by):
        matching.sort(key=lambda file: _values(file)[name], reverse=descending)
    return matching


def page_of_files(files: Sequence[StoredFile], query: Query) -> list[dict[str, Any]]:
    """The JSON of the page that the query selects from the matching files."""
    page = files[query.skip : query.skip + query.page_size]
    return [select_properties(file_json(file), query.select) for file in page]


def _values(file: StoredFile) -> dict[str, str | int | datetime]:
    return {"name": file.name, "size": file.size, "uploadedDateTime": file.uploaded}
