"""Applies the filter, the order and the page of a query to sessions and to files."""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.core.ids import GUID, utc_now
from shared.domain.lifecycle import status_at
from shared.domain.sessions import Outline, ResourceKey, Session, StoredFile
from shared.models.serializers import file_json
from shared.query.options import Query, select_properties
from shared.services.context import Context
from shared.services.sessions.reading import scan_sessions
from shared.storage.azure.table import MAX_PAGE

# A page that has read so many sessions, or has so many files, ends early, so that no request works for seconds: each
# takes about a tenth of a second of the processor.
MOST_READ = 2_000
MOST_FILES = 1_000

# Where a page begins: beyond this session, and beyond so many matches more.
_POSITION = re.compile(rf"({GUID.pattern})(?:\.(\d{{1,10}}))?", re.ASCII)


class Page(NamedTuple):
    """A page of sessions. ``next_token`` is set if there may be more; ``total`` counts all matches if requested."""

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

    The scan starts where the last page ended, and stops when the page is full, or has read as much as a page may. So a
    page can have fewer sessions than requested, or none, and more can follow ("Paging", Microsoft Graph).

    Raises:
        GraphError: 400 for a ``$skiptoken`` that is not valid.
    """
    if query.counted:
        page, total = await asyncio.gather(_page(context, resource, query), count_sessions(context, resource, query))
        return page._replace(total=total)
    return await _page(context, resource, query)


async def _page(context: Context, resource: ResourceKey, query: Query) -> Page:
    position, top = query.position(_POSITION), query.page_size
    # A nextLink repeats $skip; what is left of it is in the token.
    last, to_skip = (position[1].lower(), int(position[2] or 0)) if position else (None, query.skip)
    newest_first = bool(query.order_by) and query.order_by[0][1]
    matches = _filter(context, query)
    page_size = MAX_PAGE if query.filter else min(to_skip + top + 1, MAX_PAGE)
    found: list[_Match] = []
    read = files = skipped = 0
    async for session in scan_sessions(context, resource, newest_first=newest_first, beyond=last, page_size=page_size):
        wanted = matches(session, session.review.instance_id)
        expanded = session.files_uploaded if query.expanded else 0
        full = len(found) == top or (found and files + expanded > MOST_FILES)
        if read == MOST_READ or (wanted and not to_skip and full):
            token = f"{last}.{to_skip}" if to_skip else last
            break
        read, last = read + 1, session.key.session_id
        if wanted and not to_skip:
            found.append(_Match(session, skipped))
            files += expanded
        elif wanted:
            to_skip -= 1
        elif session.files_uploaded:
            skipped += 1
    else:
        token = None
    return Page([match.session for match in found], _file_ranges(found), token, None)


async def count_sessions(context: Context, resource: ResourceKey, query: Query) -> int:
    """The number of sessions that match the query's filter. There are at most ``UPLOADS_MAX_SESSIONS``, about."""
    stored = context.storage.sessions
    if query.filter is None:
        return await stored.count_not_deleted(resource)
    matches = _filter(context, query)
    return sum([matches(outline, outline.reference_id) async for outline in stored.outlines(resource)])


def _filter(context: Context, query: Query) -> Callable[[Session | Outline, str], bool]:
    """Whether a session, with its reference, matches the filter of a query now."""
    keeps, now, idle = query.filter, utc_now(), context.settings.idle
    if keeps is None:
        return lambda _session, _reference: True
    return lambda session, reference: keeps({"status": status_at(session, now, idle).value, "referenceId": reference})


def _file_ranges(page: Sequence[_Match]) -> list[tuple[str, str]]:
    ranges: dict[int, list[str]] = {}
    for match in page:
        if match.session.files_uploaded:
            ranges.setdefault(match.skipped, []).append(match.id)
    return [(min(ids), max(ids)) for ids in ranges.values()]


def matching_files(files: Sequence[StoredFile], query: Query) -> list[StoredFile]:
    """The files that match the query's filter, in the order that it requests."""
    matching = [file for file in files if query.filter is None or query.filter(_values(file))]
    for name, descending in reversed(query.order_by):
        matching.sort(key=lambda file: _values(file)[name], reverse=descending)
    return matching


def page_of_files(files: Sequence[StoredFile], query: Query) -> tuple[list[dict[str, Any]], str | None]:
    """The JSON of the page that the query selects from the matching files, and the ``$skip`` of the next one."""
    end = query.skip + query.page_size
    page = [select_properties(file_json(file), query.select) for file in files[query.skip : end]]
    return page, str(end) if end < len(files) else None


def _values(file: StoredFile) -> dict[str, str | int | datetime]:
    return {"name": file.name, "size": file.size, "uploadedDateTime": file.uploaded}
