"""The directory that comes from Microsoft Graph: fetched once a day, as a whole or not at all."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from pydantic import HttpUrl

from local.azurite import azurite
from shared.core.ids import utc_now
from shared.core.settings import Settings
from shared.services.context import Context
from shared.services.directory.fetching import fetch_directory
from shared.storage.account import Storage
from shared.targets import graph_users
from tests.support.clock import Clock

# "List users" (Microsoft Graph v1.0): $select and $top up to 999; @odata.nextLink has a $skiptoken, and is used as it
# is ("Paging Microsoft Graph data in your app"); 429 has Retry-After in seconds ("Microsoft Graph throttling
# guidance"); a token that has expired is 400 or 410 ("Microsoft Graph error responses and resource types").
_ERROR = json.dumps({"error": {"code": "Directory_ExpiredPageToken", "message": "..."}})


class GraphOfUsers:
    """A stand-in for the users of Graph, which fails as a test says: by the number of a request, from 0 on."""

    def __init__(self, users: int) -> None:
        self.users = [
            {
                "id": str(UUID(int=number, version=4)),
                "userPrincipalName": f"ann{number}@x.example",
                "mail": None if number % 2 else f"a{number}@y.example",
                "employeeId": None,
                "onPremisesSamAccountName": None,
                "accountEnabled": number != 1,
                "displayName": 'Ann "A", the first',
            }
            for number in range(users)
        ]
        self.url = ""
        self.requests: list[str] = []
        self.failures: dict[int, tuple[int, str]] = {}
        self.headers: dict[str, str] = {}
        self.page_size = 2
        self.next_host: str | None = None

    async def answer(self, request: web.Request) -> web.Response:
        number = len(self.requests)
        self.requests.append(request.path_qs)
        assert request.headers["Accept"] == "application/json"
        if number in self.failures:
            status, text = self.failures[number]
            return web.Response(status=status, text=text, headers=self.headers if status == 429 else None)
        if request.query["$select"].split(",") != list(graph_users.PROPERTIES) or request.query["$top"] != "999":
            return web.Response(text=_ERROR, status=400)
        begin = int(request.query.get("$skiptoken", "0"))
        body: dict[str, Any] = {"value": self.users[begin : begin + self.page_size]}
        if begin + self.page_size < len(self.users):
            host = self.next_host or request.host
            select = request.query["$select"]
            following = f"http://{host}/v1.0/users?$select={select}&$top=999&$skiptoken={begin + self.page_size}"
            body["@odata.nextLink"] = following
        return web.json_response(body)


@pytest.fixture(scope="module")
def connection_string(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite(tmp_path_factory.mktemp("azurite")) as account:
        yield account.connection_string


@pytest.fixture
async def graph() -> AsyncIterator[GraphOfUsers]:
    stand_in = GraphOfUsers(5)
    app = web.Application()
    app.router.add_get("/v1.0/users", stand_in.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1.0"
    yield stand_in
    await runner.cleanup()


@pytest.fixture
async def context(connection_string: str, graph: GraphOfUsers) -> AsyncIterator[Context]:
    update = {"storage": connection_string, "directory_source": "graph", "directory_graph_url": HttpUrl(graph.url)}
    settings = Settings().model_copy(update=update)
    storage = Storage.connect(settings)
    present = await storage.directory.current()
    with Clock().installed() as clock:
        clock.ahead = timedelta() if present is None else present.uploaded - utc_now() + timedelta(days=2)
        yield Context(storage, settings)
    await storage.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time."""
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await real(0)

    monkeypatch.setattr("asyncio.sleep", sleep)
    return pauses


async def test_it_is_fetched_in_pages_once_a_day(context: Context, graph: GraphOfUsers) -> None:
    assert await fetch_directory(context) == "fetched"
    assert len(graph.requests) == 3
    current = await context.storage.directory.current()
    assert current is not None
    assert (current.users, current.uploaded_by) == (5, None)
    assert [(each.name, each.users) for each in current.attributes] == [
        ("userPrincipalName", 5),
        ("mail", 3),
        ("employeeId", 0),
        ("onPremisesSamAccountName", 0),
        ("displayName", 5),
    ]
    assert await fetch_directory(context) == "fresh"
    assert len(graph.requests) == 3
    with Clock().installed() as clock:
        clock.move(hours=23.6)
        assert await fetch_directory(context) == "fetched"


async def test_pages_are_asked_for_again_after_the_pause_that_graph_asks_for(
    context: Context, graph: GraphOfUsers, impatient: list[float]
) -> None:
    graph.failures = {
        0: (503, _ERROR),
        2: (429, _ERROR),
        3: (200, "not JSON"),
    }
    graph.headers = {"Retry-After": "17"}
    assert await fetch_directory(context) == "fetched"
    assert impatient == [2, 17, 4]
    assert len(graph.requests) == 6


async def test_a_list_that_expires_is_read_again_from_its_beginning(context: Context, graph: GraphOfUsers) -> None:
    graph.failures = {1: (410, _ERROR)}
    assert await fetch_directory(context) == "fetched"
    assert ["skiptoken" in each for each in graph.requests] == [False, True, False, True, True]


async def test_a_user_who_comes_twice_makes_it_read_again(context: Context, graph: GraphOfUsers) -> None:
    twice = {"value": [graph.users[0], graph.users[0]]}
    graph.failures = {0: (200, json.dumps(twice))}
    assert await fetch_directory(context) == "fetched"


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "User.Read.All"), (401, "did not accept the app's token"), (302, "failed (302)"), (500, "failed (500)")],
)
async def test_a_failure_is_logged_and_changes_nothing(
    context: Context, graph: GraphOfUsers, caplog: pytest.LogCaptureFixture, status: int, words: str
) -> None:
    assert await fetch_directory(context) == "fetched"
    before = await context.storage.directory.current()
    graph.failures = dict.fromkeys(range(4, 20), (status, _ERROR))
    with Clock().installed() as clock, caplog.at_level(logging.INFO):
        clock.move(days=1)
        assert await fetch_directory(context) == "failed"
    assert words in caplog.text
    assert "x.example" not in caplog.text
    assert await context.storage.directory.current() == before


async def test_a_link_to_another_host_is_not_followed(
    context: Context, graph: GraphOfUsers, caplog: pytest.LogCaptureFixture
) -> None:
    graph.next_host = "graph.example"
    assert await fetch_directory(context) == "failed"
    assert "another host" in caplog.text


@pytest.mark.parametrize("body", ['{"value": [1]}', "[]", json.dumps({"value": [{"id": "nobody"}]})])
async def test_what_is_no_list_of_users_is_refused(context: Context, graph: GraphOfUsers, body: str) -> None:
    graph.failures = dict.fromkeys(range(20), (200, body))
    assert await fetch_directory(context) == "failed"
    assert len(graph.requests) == 1, "it would be the same again"


async def test_a_fetch_takes_no_longer_than_an_upload_may(
    context: Context, graph: GraphOfUsers, caplog: pytest.LogCaptureFixture
) -> None:
    hurried = context.settings.model_copy(update={"max_upload_seconds": 0})
    assert await fetch_directory(replace(context, settings=hurried)) == "failed"
    assert "UPLOADS_MAX_UPLOAD_SECONDS" in caplog.text
