"""A Functions host in miniature: drives Microsoft's own worker library, as the .NET host does, by lines of JSON.

Run as a module in the app's folder. It loads the app, prints one line with what the worker found, and then answers each
line of standard input, which names a function and a request or a message for it, with a line that
holds the response.
"""

import asyncio
import base64
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
from azure_functions_runtime.http_v2 import http_coordinator

from tests.support.worker import Status, invoke_for_message, invoke_for_request, load


async def deliver(function_id: str, message: str) -> dict[str, Any]:
    """Invoke a queue-triggered function as the host does, with a message that it has taken from the queue."""
    outcome = (await invoke_for_message(function_id, str(uuid4()), message)).result
    failure = "" if outcome.status == Status.Success else outcome.exception.message
    return {"outcome": outcome.status, "failure": failure}


async def invoke(http: httpx.AsyncClient, function_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke a function as the host does: an invocation message, and beside it the request itself over HTTP."""
    invocation_id = str(uuid4())
    headers = call["headers"] | {"x-ms-invocation-id": invocation_id, "X-Forwarded-Host": "uploads.example"}
    body = base64.b64decode(call["body"])
    outcome, answer = await asyncio.gather(
        invoke_for_request(function_id, invocation_id, call["method"], call["path"], call["route"]),
        http.request(call["method"], call["path"], headers=headers, content=body),
    )
    return {
        "outcome": outcome.result.status,
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "body": base64.b64encode(answer.content).decode(),
    }


async def stop_reading(http: httpx.AsyncClient, function_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke a function whose response nobody reads for some seconds: whether it was cut, and what the worker keeps."""
    invocation_id = str(uuid4())

    async def is_cut() -> bool:
        headers = {"x-ms-invocation-id": invocation_id}
        try:
            async with http.stream("GET", call["path"], headers=headers) as answer:
                await asyncio.sleep(call["seconds"])
                await answer.aread()
        except httpx.TransportError:
            return True
        return False

    outcome, cut = await asyncio.gather(
        invoke_for_request(function_id, invocation_id, "GET", call["path"], call["route"]), is_cut()
    )
    return {"outcome": outcome.result.status, "cut": cut, "records": len(http_coordinator._context_references)}


def say(message: object) -> None:
    """Write one line to whoever drives this."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Load the app, tell what was found, and serve calls until standard input ends."""
    address, functions = await load()
    ids = {function.name: function.function_id for function in functions}
    say([{"name": each.name, "bindings": each.raw_bindings} for each in functions])
    loop = asyncio.get_running_loop()
    # The worker says its address before it listens there.
    transport = httpx.AsyncHTTPTransport(retries=5)
    async with httpx.AsyncClient(base_url=address, timeout=60, transport=transport) as http:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            call = json.loads(line)
            function_id = ids[call["function"]]
            if "message" in call:
                say(await deliver(function_id, call["message"]))
            elif "seconds" in call:
                say(await stop_reading(http, function_id, call))
            else:
                say(await invoke(http, function_id, call))


if __name__ == "__main__":
    # The worker hands what is logged at this level on to the host.
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
