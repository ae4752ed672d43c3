"""A Functions host in miniature: drives Microsoft's own worker library, as the .NET host does, by lines of JSON.

Run as a module in the app's folder. It loads the app, prints one line with what the worker found, and then answers each
line of standard input, which names a function and a request or a message for it, with a line that
holds the response.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
from azure_functions_runtime import handle_event

ROOT = Path(__file__).parent.parent.parent


class Message(SimpleNamespace):
    """A message of the host's protocol; the worker asks some which of their fields is set."""

    def WhichOneof(self, _: str) -> str:  # noqa: N802  # the protocol's own name
        return str(self.kind)


class Status(SimpleNamespace):
    """The outcome of a request to the worker."""

    Success = "success"
    Failure = "failure"


class Binding(SimpleNamespace):
    """A binding of a function; its directions are numbers, as in the host's protocol."""

    out = 1
    inout = 2


MESSAGES = (
    "FunctionMetadataResponse",
    "InvocationResponse",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcRetryOptions",
    "WorkerInitResponse",
    "WorkerMetadata",
)
PROTOS = SimpleNamespace(**dict.fromkeys(MESSAGES, Message), BindingInfo=Binding, StatusResult=Status)


def _request(**content: object) -> Message:
    return Message(request=Message(**content), properties={"host": "127.0.0.1", "protos": PROTOS})


async def load() -> tuple[str, list[Any]]:
    """Load the app; the worker's own address and the functions that it found."""
    init = Message(capabilities={}, function_app_directory=str(ROOT))
    answer = await handle_event.worker_init_request(_request(worker_init_request=init))
    if answer.result.status != Status.Success:
        raise RuntimeError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
    metadata = await handle_event.functions_metadata_request(_request())
    return answer.capabilities["HttpUri"], metadata.function_metadata_results or []


async def deliver(function_id: str, message: str) -> dict[str, Any]:
    """Invoke a queue-triggered function as the host does, with a message that it has taken from the queue."""
    outcome = await handle_event.invocation_request(
        _request(invocation_request=_invocation(str(uuid4()), function_id, "message", _text(message), {}))
    )
    told = outcome.result
    failure = "" if told.status == Status.Success else told.exception.message
    return {"outcome": told.status, "failure": failure}


async def invoke(http: httpx.AsyncClient, function_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke a function as the host does: an invocation message, and beside it the request itself over HTTP."""
    invocation_id = str(uuid4())
    parameters = {name: _text(value) for name, value in call["route"].items()}
    trigger = Message(
        kind="http",
        http=Message(
            method=call["method"],
            url=call["path"],
            headers={},
            body=Message(kind="bytes", bytes=b""),
            params=call["route"],
            query={},
        ),
    )
    invocation = _invocation(invocation_id, function_id, "req", trigger, parameters)
    headers = call["headers"] | {"x-ms-invocation-id": invocation_id, "X-Forwarded-Host": "uploads.example"}
    body = base64.b64decode(call["body"])
    outcome, answer = await asyncio.gather(
        handle_event.invocation_request(_request(invocation_request=invocation)),
        http.request(call["method"], call["path"], headers=headers, content=body),
    )
    return {
        "outcome": outcome.result.status,
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "body": base64.b64encode(answer.content).decode(),
    }


def _text(value: str) -> Message:
    return Message(kind="string", string=value)


def _invocation(
    invocation_id: str, function_id: str, parameter: str, trigger: Message, metadata: Mapping[str, Message]
) -> Message:
    return Message(
        invocation_id=invocation_id,
        function_id=function_id,
        input_data=[Message(name=parameter, kind="data", data=trigger)],
        trigger_metadata=metadata,
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )


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
            say(await (deliver(function_id, call["message"]) if "message" in call else invoke(http, function_id, call)))


if __name__ == "__main__":
    asyncio.run(main())
