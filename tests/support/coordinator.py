"""The coordinator of Microsoft's worker for Python 3.11 and 3.12, which is not published as a package.

It has the names of ``shared.web.pairing.NAMES``, and does what ``azure_functions_worker/http_v2.py`` of
Azure/azure-functions-python-worker does in version 4.34.0. ``azure_functions_runtime/http_v2.py`` of
azure-functions-runtime 1.3.0 does the same; where that is installed, the tests of the guard run with it, too.
"""

import asyncio
from types import ModuleType
from typing import Any


class AsyncContextReference:
    """The record of a request and its invocation: setting a half wakes what waits for it."""

    def __init__(self) -> None:
        self._http_request: Any = None
        self._http_response: Any = None
        self._http_request_available_event = asyncio.Event()
        self._http_response_available_event = asyncio.Event()

    @property
    def http_request(self) -> Any:
        return self._http_request

    @http_request.setter
    def http_request(self, value: Any) -> None:
        self._http_request = value
        self._http_request_available_event.set()

    @property
    def http_response(self) -> Any:
        return self._http_response

    @http_response.setter
    def http_response(self, value: Any) -> None:
        self._http_response = value
        self._http_response_available_event.set()

    @property
    def http_request_available_event(self) -> asyncio.Event:
        return self._http_request_available_event

    @property
    def http_response_available_event(self) -> asyncio.Event:
        return self._http_response_available_event


class HttpCoordinator:
    """Waits without a limit, and keeps every record."""

    def __init__(self) -> None:
        self._context_references: dict[str, AsyncContextReference] = {}

    def set_http_request(self, invoc_id: str, http_request: Any) -> None:
        self._context_references.setdefault(invoc_id, AsyncContextReference()).http_request = http_request

    def set_http_response(self, invoc_id: str, http_response: Any) -> None:
        self._context_references[invoc_id].http_response = http_response

    async def get_http_request_async(self, invoc_id: str) -> Any:
        await self._context_references.setdefault(invoc_id, AsyncContextReference()).http_request_available_event.wait()
        record = self._context_references[invoc_id]
        request, record.http_request = record.http_request, None
        if request is None:
            raise ValueError(f"No http request found for invocation {invoc_id}")
        return request

    async def await_http_response_async(self, invoc_id: str) -> Any:
        await self._context_references[invoc_id].http_response_available_event.wait()
        record = self._context_references[invoc_id]
        response, record.http_response = record.http_response, None
        if response is None:
            raise ValueError(f"No http response found for invocation {invoc_id}")
        return response


def http_v2(name: str) -> ModuleType:
    """A module with these names, as the worker has it."""
    module = ModuleType(name)
    vars(module).update(http_coordinator=HttpCoordinator(), AsyncContextReference=AsyncContextReference)
    return module
