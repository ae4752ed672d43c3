"""The two halves of a request in Microsoft's worker: what ends, when one does not come, and what is kept.

With the real worker: tests/api/test_pairing.py.
"""

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from azurefunctions.extensions.http.fastapi import Request, Response, WebApp
from fastapi import HTTPException
from starlette.convertors import CONVERTOR_TYPES

from shared.web import pairing
from shared.web.pairing import LIBRARIES, NAMES, guard_pairing
from tests.support.coordinator import http_v2

RUNTIME = "azure_functions_runtime"
INSTALLED = importlib.util.find_spec(RUNTIME) is not None
Function = Callable[[Any], Awaitable[Any]]


def library(name: str) -> ModuleType:
    """A module of the worker with a coordinator that no other test uses."""
    module = http_v2(name.removeprefix("real "))
    if name.startswith("real "):
        real = importlib.import_module(module.__name__)
        # There is one for the process: its metaclass makes no second one.
        coordinator = object.__new__(real.HttpCoordinator)
        coordinator.__init__()
        vars(module).update(http_coordinator=coordinator, AsyncContextReference=real.AsyncContextReference)
    return module


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a worker is loaded, and what is replaced in Starlette is put back."""
    for name in [name for name in sys.modules if name.startswith(tuple(LIBRARIES))]:
        monkeypatch.delitem(sys.modules, name)
    for name in LIBRARIES:
        monkeypatch.delitem(sys.modules, name.partition(".")[0], raising=False)
    monkeypatch.setitem(CONVERTOR_TYPES, "path", CONVERTOR_TYPES["path"])
    monkeypatch.setattr(pairing, "WAIT_SECONDS", 0.1)


@pytest.fixture(params=[*LIBRARIES, *([f"real {RUNTIME}.http_v2"] if INSTALLED else [])])
def coordinator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The guarded coordinator of a worker."""
    module = library(request.param)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    guard_pairing({})
    return module.http_coordinator


async def ok(request: Any) -> Any:
    return f"answer to {request}"


async def invoke(coordinator: Any, function: Function = ok, invocation: str = "id") -> Any:
    """What the worker does for an invocation; gives the exception of one that has failed."""
    try:
        request = await coordinator.get_http_request_async(invocation)
        response = await function(request)
        coordinator.set_http_response(invocation, response)
    except Exception as error:  # noqa: BLE001  # as the worker does
        coordinator.set_http_response(invocation, error)
        return error
    return response


async def request(coordinator: Any, invocation: str = "id", text: str = "request") -> Any:
    """What the worker's server does for a request; gives the exception that it is answered with."""
    try:
        coordinator.set_http_request(invocation, text)
        return await coordinator.await_http_response_async(invocation)
    except Exception as error:  # noqa: BLE001  # as the worker does
        return error


def held(coordinator: Any) -> list[str]:
    """The ids of the records that the worker has."""
    return list(coordinator._context_references)


async def within_a_second(*halves: Awaitable[Any]) -> list[Any]:
    async with asyncio.timeout(1):
        return await asyncio.gather(*halves)


def status(answer: Any) -> int:
    assert isinstance(answer, HTTPException), answer
    return answer.status_code


@pytest.mark.parametrize("first", [invoke, request])
async def test_the_halves_meet_whichever_comes_first_and_no_record_stays(coordinator: Any, first: Any) -> None:
    second = request if first is invoke else invoke

    assert await within_a_second(first(coordinator), second(coordinator)) == ["answer to request"] * 2
    assert held(coordinator) == []


async def test_an_invocation_whose_request_does_not_come_ends(coordinator: Any) -> None:
    (failure,) = await within_a_second(invoke(coordinator))

    assert isinstance(failure, TimeoutError)
    assert str(failure) == "The HTTP request of this invocation did not come within 0.1 s."
    assert held(coordinator) == []


async def test_a_request_whose_invocation_does_not_come_is_answered(coordinator: Any) -> None:
    (answer,) = await within_a_second(request(coordinator))

    assert status(answer) == 500
    assert held(coordinator) == []


async def test_a_request_that_came_too_late_is_answered_and_so_is_an_invocation(coordinator: Any) -> None:
    for early, late in ((invoke, request), (request, invoke)):
        await within_a_second(early(coordinator))
        (end,) = await within_a_second(late(coordinator))
        assert isinstance(end, HTTPException | TimeoutError)
        assert held(coordinator) == []


async def test_a_function_may_take_longer_than_the_wait(coordinator: Any) -> None:
    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.3)
        return await ok(request)

    for halves in (
        (request(coordinator), invoke(coordinator, slow)),
        (invoke(coordinator, slow), request(coordinator)),
    ):
        assert await within_a_second(*halves) == ["answer to request"] * 2
    assert held(coordinator) == []


async def test_the_exception_of_a_function_reaches_its_request(coordinator: Any) -> None:
    async def fail(_: Any) -> Any:
        raise RuntimeError("failed")

    answer, failure = await within_a_second(request(coordinator), invoke(coordinator, fail))

    # The worker's server raises what it gets.
    assert answer is failure
    assert held(coordinator) == []


async def test_a_function_without_a_response_leaves_nothing(coordinator: Any) -> None:
    async def nothing(_: Any) -> Any:
        return None

    answer, _ = await within_a_second(request(coordinator), invoke(coordinator, nothing))

    assert isinstance(answer, ValueError)
    assert held(coordinator) == []


async def test_an_invocation_that_fails_before_it_asks_for_its_request_can_say_so(coordinator: Any) -> None:
    coordinator.set_http_response("id", RuntimeError("failed"))

    assert held(coordinator) == []


async def test_a_second_request_with_an_id_is_refused_and_the_first_is_answered(coordinator: Any) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await ok(request)

    first = asyncio.gather(request(coordinator, text="first"), invoke(coordinator, slow))
    await begun.wait()
    (second,) = await within_a_second(request(coordinator, text="second"))
    go_on.set()

    assert status(second) == 400
    assert (await first)[0] == "answer to first"
    assert held(coordinator) == []


async def test_two_requests_with_an_id_of_their_own_are_both_answered(coordinator: Any) -> None:
    answers = await within_a_second(request(coordinator), request(coordinator))

    assert [status(answer) for answer in answers] == [500, 400]
    assert held(coordinator) == []


async def test_an_id_can_be_used_again_when_its_pair_is_done(coordinator: Any) -> None:
    for _ in range(2):
        assert await within_a_second(request(coordinator), invoke(coordinator)) == ["answer to request"] * 2


@pytest.mark.parametrize("half", [invoke, request])
async def test_a_half_that_is_cancelled_while_it_waits_leaves_nothing(coordinator: Any, half: Any) -> None:
    waiting = asyncio.create_task(half(coordinator))
    await asyncio.sleep(0)
    assert held(coordinator) == ["id"]
    waiting.cancel()
    await asyncio.wait([waiting])

    assert held(coordinator) == []


async def test_a_request_that_is_cancelled_lets_its_invocation_end(coordinator: Any) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await ok(request)

    waiting, invocation = (asyncio.create_task(half) for half in (request(coordinator), invoke(coordinator, slow)))
    await begun.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    go_on.set()

    assert await within_a_second(invocation) == ["answer to request"]
    assert held(coordinator) == []


async def test_a_guard_takes_the_place_of_an_earlier_one(coordinator: Any) -> None:
    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.3)
        return await ok(request)

    guard_pairing({})

    assert await within_a_second(request(coordinator), invoke(coordinator, slow)) == ["answer to request"] * 2
    assert held(coordinator) == []


async def test_a_path_with_a_line_feed_reaches_the_function(coordinator: Any) -> None:
    app = WebApp()

    async def catch_all(req: Request) -> Response:
        return Response(req.scope["path"])

    app.route(catch_all)
    transport = httpx.ASGITransport(app.get_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
        for path in ("/v1.0/a%0Ab", "/%0A", "/v1.0/a%0A", "/v1.0/a"):
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (200, unquote(path))


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_with_another_name_is_left_alone_and_the_log_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, _, attribute = name.partition(".")
    for source in LIBRARIES:
        module = http_v2(source)
        setattr(module, owner, _Lacking(getattr(module, owner), attribute))
        before = vars(module.http_coordinator).copy()
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, source, module)
            guard_pairing({})

        assert vars(module.http_coordinator) == before
        assert CONVERTOR_TYPES["path"].regex == ".*"
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("Warning: ")
        assert f"no {name} in {source}" in line


class _Lacking:
    """An object as another has it, without one of its names."""

    def __init__(self, other: Any, lacks: str) -> None:
        self._other = other
        self._lacks = lacks

    def __getattr__(self, name: str) -> Any:
        if name == self._lacks:
            raise AttributeError(name)
        return getattr(self._other, name)


@pytest.mark.parametrize("source", LIBRARIES)
def test_a_worker_without_the_module_is_named_in_the_log(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = source.partition(".")[0]
    monkeypatch.setitem(sys.modules, package, ModuleType(package))

    guard_pairing({})

    assert capsys.readouterr().err.count(source) == 1


def test_an_unknown_worker_in_azure_is_named_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    guard_pairing({"WEBSITE_SITE_NAME": "uploads"})

    assert capsys.readouterr().err.startswith("Warning: this version of the Functions worker is not known")


def test_without_a_worker_nothing_is_loaded_or_said(capsys: pytest.CaptureFixture[str]) -> None:
    guard_pairing({})

    assert not sys.modules.keys() & LIBRARIES.keys()
    assert CONVERTOR_TYPES["path"].regex == ".*"
    assert capsys.readouterr().err == ""
