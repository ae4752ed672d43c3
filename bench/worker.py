"""``python -m bench.worker SOCKET``: Microsoft's worker library with the app in it, as a process to be measured.

Requests arrive over HTTP, at the worker's own server (the streams extension), as the Functions host forwards them. The
message of each invocation arrives on a Unix socket, in a line of JSON (``bench.invocations``). In Azure it arrives over
gRPC, from the host, which takes the requests first; what these two cost is not measured.
"""

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

from local.worker import Status, invoke_for_request, load


async def main(path: str) -> None:
    """Load the app, say where requests are taken, and invoke functions until the process is ended."""
    address, functions = await load()
    invoked: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(list(filter(None, map(_route, functions)))).encode() + b"\n")
        async for line in reader:
            task = asyncio.create_task(_invoke(json.loads(line)))
            invoked.add(task)
            task.add_done_callback(invoked.discard)

    server = await asyncio.start_unix_server(serve, path)
    await _listening(address)
    print(f"ready {address}", flush=True)
    await server.serve_forever()


def _route(function: Any) -> dict[str, Any] | None:
    """The route of a function, if it has one, and its methods."""
    for binding in map(json.loads, function.raw_bindings):
        if binding["type"] == "httpTrigger":
            route = {"id": function.function_id, "name": function.name}
            return route | {"route": binding["route"], "methods": binding["methods"]}
    return None


async def _invoke(invocation: dict[str, Any]) -> None:
    outcome = await invoke_for_request(**invocation)
    if outcome.result.status != Status.Success:
        raise RuntimeError(outcome.result.exception.message)


async def _listening(address: str) -> None:
    """Wait until the worker's server takes connections; it says where before it does."""
    parts = urlsplit(address)
    while True:
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
