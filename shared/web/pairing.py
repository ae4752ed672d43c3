"""Ends the worker's wait for half of a request that does not come, and frees its record of each request.

For each request the worker gets two halves: the invocation from the Functions host (gRPC), and the request itself at
its own HTTP server, with the invocation's id in ``x-ms-invocation-id``. The worker's coordinator brings them together.
It waits for the other half without a limit, and keeps a record of each pair as long as the process lives. Four kinds of
requests, which need no token, have only one half:

- with ``%0A`` in the path: the server's only route does not match a line feed, so that it answers 404 by itself;
- with a control character in a header's value: the server answers 400 before it looks for a route;
- with a header in UTF-8, which the host cannot send on;
- with an ``x-ms-invocation-id`` of the caller's own, which the host does not replace: both halves wait.

Each of these invocations holds a place in the host until ``functionTimeout``, and then the host restarts the worker:
120 such requests end an instance. So the methods of the coordinator are replaced by ones that call them, wait for five
seconds, and remove the record; and the server's route matches every path. What that relies on is in ``LIBRARIES`` and
``NAMES``. Where the worker has other names, nothing is replaced, and standard error says so, which the host logs.
"""

import asyncio
import sys
from collections.abc import Mapping
from operator import attrgetter
from types import ModuleType
from typing import Any

from fastapi import HTTPException
from starlette.convertors import PathConvertor, register_url_convertor

from shared.identity.authentication import runs_in_azure

# Both halves leave the host at the same time and arrive within milliseconds.
WAIT_SECONDS = 5.0

# The modules that have the coordinator, and where their source was read. It is the same in both.
LIBRARIES = {
    "azure_functions_runtime.http_v2": "Python 3.13: package azure-functions-runtime 1.3.0",
    "azure_functions_worker.http_v2": "Python 3.11 and 3.12: Azure/azure-functions-python-worker, tag 4.34.0",
}

# The names in such a module, and what the guard relies on.
NAMES = {
    "http_coordinator.set_http_request": "the server calls it when a request has come",
    "http_coordinator.await_http_response_async": "the server calls it next, and answers with its result",
    "http_coordinator.get_http_request_async": "an invocation calls it, and fails with what it raises",
    "http_coordinator.set_http_response": "an invocation calls it when it ends, with the response or an exception",
    "http_coordinator._context_references": "a record for each id; the half that comes first adds it",
    "AsyncContextReference.http_request": "of a record: the request until its invocation takes it, then None",
    "AsyncContextReference.http_request_available_event": "of a record: an event, set from when the request has come",
}


class AnyPathConvertor(PathConvertor):
    """Matches every path; that of Starlette, which the server's route uses, stops at a line feed."""

    regex = "(?s:.*)"


class PairingGuard:
    """Stands in front of the worker's coordinator, under the same names."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        # The methods of the class, so that a second guard of the same coordinator takes the place of the first.
        self._worker = type(coordinator)
        self._records: dict[str, Any] = coordinator._context_references

    def install(self) -> None:
        """Have the worker call the guard; it looks up these methods for each call."""
        self._coordinator.set_http_request = self.set_http_request
        self._coordinator.await_http_response_async = self.await_http_response_async
        self._coordinator.get_http_request_async = self.get_http_request_async
        self._coordinator.set_http_response = self.set_http_response

    def set_http_request(self, invoc_id: str, http_request: object) -> None:
        """A request has come. A second one with the same id must not take the record of the first.

        Raises:
            HTTPException: 400, there is already a request with this id.
        """
        record = self._records.get(invoc_id)
        if record is not None and record.http_request_available_event.is_set():
            raise HTTPException(400, "Another request has this x-ms-invocation-id. Send requests without this header.")
        self._worker.set_http_request(self._coordinator, invoc_id, http_request)

    async def await_http_response_async(self, invoc_id: str) -> Any:
        """The response; there is no limit as soon as the invocation has taken the request.

        Raises:
            HTTPException: 500, the invocation has not come.
        """
        record = self._records.get(invoc_id)
        try:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    return await self._worker.await_http_response_async(self._coordinator, invoc_id)
            except TimeoutError:
                if record is None or record.http_request is not None:
                    raise HTTPException(
                        500,
                        "The request was given to no function. Send requests without the header x-ms-invocation-id.",
                    ) from None
                return await self._worker.await_http_response_async(self._coordinator, invoc_id)
        finally:
            if self._records.get(invoc_id) is record:
                self._records.pop(invoc_id, None)

    async def get_http_request_async(self, invoc_id: str) -> Any:
        """The request of an invocation.

        Raises:
            TimeoutError: it has not come.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._worker.get_http_request_async(self._coordinator, invoc_id)
        except TimeoutError:
            raise TimeoutError(f"The HTTP request of this invocation did not come within {WAIT_SECONDS:g} s.") from None
        finally:
            # Once the request has come, the record is its own to remove.
            record = self._records.get(invoc_id)
            if record is not None and not record.http_request_available_event.is_set():
                del self._records[invoc_id]

    def set_http_response(self, invoc_id: str, http_response: object) -> None:
        """An invocation has ended. Without a record no request waits: it never came, or was given up."""
        if invoc_id in self._records:
            self._worker.set_http_response(self._coordinator, invoc_id, http_response)


def guard_pairing(environment: Mapping[str, str]) -> None:
    """Guard the worker that is importing the app; nothing if there is none, as on the local host and in tests.

    The worker is looked for and not imported. It imports the app before it starts its HTTP server.
    """
    module = next((sys.modules[name] for name in LIBRARIES if name in sys.modules), None)
    if module is None:
        packages = {name.partition(".")[0] for name in LIBRARIES}
        if runs_in_azure(environment) or packages & sys.modules.keys():
            _warn(f"no module {' or '.join(LIBRARIES)}")
        return
    missing = [name for name in NAMES if not _has(module, name)]
    if missing:
        _warn(f"no {', '.join(missing)} in {module.__name__}")
        return
    PairingGuard(module.http_coordinator).install()
    register_url_convertor("path", AnyPathConvertor())


def _has(module: ModuleType, name: str) -> bool:
    try:
        attrgetter(name)(module)
    except AttributeError:
        return False
    return True


def _warn(reason: str) -> None:
    # The host logs what is printed while the app is imported, but not what is given to logging then.
    sys.stderr.write(
        f"Warning: this version of the Functions worker is not known: {reason}. Requests of which only half arrives "
        "hold the instance until functionTimeout. See docs/troubleshooting.md.\n"
    )
