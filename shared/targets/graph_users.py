"""Reads the users of a tenant from Microsoft Graph, a page at a time ("List users", "Paging Microsoft Graph data")."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from shared.domain.deliveries import DeliveryError
from shared.targets.graph_answers import bounded
from shared.targets.pauses import PauseError, refusal

# User.Read.All has all of them; User.ReadBasic.All lacks the employee's id and the name on premises.
PROPERTIES = (
    "id",
    "userPrincipalName",
    "mail",
    "employeeId",
    "onPremisesSamAccountName",
    "accountEnabled",
    "displayName",
)

# The most that Graph gives on a page of users ("List users").
PAGE_SIZE = 999
_MAX_PAGES = 2_000

# What the link to a further page has.
_SKIP_TOKEN = "$skiptoken="  # noqa: S105  # no secret

_CALL_SECONDS = 60
_TRIES = 5
_FIRST_PAUSE = timedelta(seconds=2)


class ExpiredListError(DeliveryError):
    """Graph does not go on with a list that has begun: it has to be read again from its beginning."""


GetToken = Callable[[], Awaitable[str | None]]


async def users_as_csv(http: aiohttp.ClientSession, base: str, get_token: GetToken) -> AsyncIterator[bytes]:
    """The users of a tenant as a CSV file with a header, a page at a time.

    A page that is not answered is asked for again, after the pause that Graph asks for.

    Args:
        http: a client session.
        base: of Graph with its version, such as ``https://graph.microsoft.com/v1.0``.
        get_token: gets a token, or ``None``.

    Raises:
        DeliveryError: it did not work.
    """
    yield _lines([PROPERTIES])
    url = f"{base.rstrip('/')}/users?$select={','.join(PROPERTIES)}&$top={PAGE_SIZE}"
    for _ in range(_MAX_PAGES):
        page = await _patiently(http, url, get_token)
        try:
            rows = [[_cell(user.get(name)) for name in PROPERTIES] for user in page["value"]]
            following = page.get("@odata.nextLink")
        except (LookupError, TypeError, AttributeError):
            raise DeliveryError("Microsoft Graph's answer is not a list of users.") from None
        yield _lines(rows)
        if following is None:
            return
        # The token goes to Graph only.
        if not isinstance(following, str) or urlsplit(following)[:2] != urlsplit(base)[:2]:
            raise DeliveryError("Microsoft Graph's answer has a link to another host, which is not followed.")
        url = following
    raise DeliveryError("Microsoft Graph's list of users is too long.")


async def _patiently(http: aiohttp.ClientSession, url: str, get_token: GetToken) -> Any:
    pause = _FIRST_PAUSE
    for left in reversed(range(_TRIES)):
        try:
            return await _page(http, url, get_token)
        except DeliveryError as error:
            if error.final or not left:
                raise
            asked = error.retry_after if isinstance(error, PauseError) else None
            await asyncio.sleep((asked or pause).total_seconds())
            pause *= 2
    raise AssertionError  # the last try returns or raises


async def _page(http: aiohttp.ClientSession, url: str, get_token: GetToken) -> Any:
    token = await get_token()
    headers = {"Accept": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
    try:
        async with http.get(url, headers=headers, allow_redirects=False, timeout=timeout) as answer:
            content = await bounded(answer)
            if answer.status != 200:
                words, final = _MEANINGS.get(answer.status, ("Microsoft Graph failed", answer.status < 500))
                if answer.status in (400, 410) and _SKIP_TOKEN in url:
                    raise ExpiredListError(f"{words} ({answer.status}).", final=True)
                raise refusal(answer, f"{words} ({answer.status}).", final=final)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DeliveryError(f"Microsoft Graph could not be reached ({type(error).__name__}).") from error
    try:
        return json.loads(content)
    except ValueError:
        raise DeliveryError("Microsoft Graph's answer is not JSON.") from None


# By status: what it means, and whether another attempt is pointless.
_MEANINGS = {
    400: ("Microsoft Graph does not understand the request, or the list has expired", True),
    401: ("Microsoft Graph did not accept the app's token", True),
    403: ("The app's identity needs the application permission User.Read.All to read the directory", True),
    410: ("The list of Microsoft Graph has expired", True),
    429: ("Microsoft Graph is busy", False),
}


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _lines(rows: Any) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
