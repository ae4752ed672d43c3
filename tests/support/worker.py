"""Microsoft's own worker library with the app in it: what the Functions host asks of a worker, made by hand.

The real host speaks gRPC with the worker. The library is below that: it takes and gives objects that look like the
messages of the protocol.
"""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure_functions_runtime import handle_event

ROOT = Path(__file__).parent.parent.parent


class Message(SimpleNamespace):
    """A message of the host's protocol; the worker asks some which of their fields is set."""

    def WhichOneof(self, _: str) -> str:  # noqa: N802  # the protocol's own name
        """The name of the field that is set."""
        return str(self.kind)


class Status(SimpleNamespace):
    """The outcome of a request to the worker."""

    Success = "success"
    Failure = "failure"


class Binding(SimpleNamespace):
    """A binding of a function; its directions are numbers, as in the host's protocol."""

    out = 1
    inout = 2


_MESSAGES = (
    "FunctionMetadataResponse",
    "InvocationResponse",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcRetryOptions",
    "WorkerInitResponse",
    "WorkerMetadata",
)
_PROTOS = SimpleNamespace(**dict.fromkeys(_MESSAGES, Message), BindingInfo=Binding, StatusResult=Status)


async def load() -> tuple[str, list[Any]]:
    """Load the app; the address where the worker takes requests, before it listens there, and the functions it found.

    Raises:
        RuntimeError: the app cannot be loaded.
    """
    init = Message(capabilities={}, function_app_directory=str(ROOT))
    answer = await handle_event.worker_init_request(_request(worker_init_request=init))
    if answer.result.status != Status.Success:
        raise RuntimeError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
    metadata = await handle_event.functions_metadata_request(_request())
    return answer.capabilities["HttpUri"], metadata.function_metadata_results or []


async def invoke_for_request(
    function_id: str, invocation_id: str, method: str, path: str, route: Mapping[str, str]
) -> Message:
    """Invoke a function for a request; the request itself reaches the worker over HTTP, with the invocation's id.

    The answer to the request is ready when this is done; gives the outcome.
    """
    trigger = Message(
        kind="http",
        http=Message(
            method=method, url=path, headers={}, body=Message(kind="bytes", bytes=b""), params=route, query={}
        ),
    )
    parameters = {name: _text(value) for name, value in route.items()}
    return await _invoke(invocation_id, function_id, "req", trigger, parameters)


async def invoke_for_message(function_id: str, invocation_id: str, message: str) -> Message:
    """Invoke a queue-triggered function with a message that was taken from the queue; gives the outcome."""
    return await _invoke(invocation_id, function_id, "message", _text(message), {})


async def _invoke(
    invocation_id: str, function_id: str, parameter: str, trigger: Message, metadata: Mapping[str, Message]
) -> Message:
    invocation = Message(
        invocation_id=invocation_id,
        function_id=function_id,
        input_data=[Message(name=parameter, kind="data", data=trigger)],
        trigger_metadata=metadata,
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    outcome = await handle_event.invocation_request(_request(invocation_request=invocation))
    assert isinstance(outcome, Message)  # it is one of ours
    return outcome


def _request(**content: object) -> Message:
    return Message(request=Message(**content), properties={"host": "127.0.0.1", "protos": _PROTOS})


def _text(value: str) -> Message:
    return Message(kind="string", string=value)
