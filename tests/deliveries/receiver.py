"""A receiver of events, as a consumer would write one: it agrees to the handshake, and checks every signature."""

import base64
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.served import served

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef" * 2).decode()


@contextmanager
def receiver() -> Iterator[str]:
    """The address of a receiver; ``received`` asks it, from any process."""
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)

    async def take(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"WebHook-Allowed-Origin": request.headers["webhook-request-origin"]})
        body = await request.body()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if request.headers["webhook-signature"] != f"v1,{digest}":
            return Response("the signature is wrong", 400)
        event = json.loads(body)
        events[event["data"]["sessionId"]].append(event)
        return Response(status_code=204)

    async def tell(request: Request) -> Response:
        return JSONResponse(events[request.path_params["session"]])

    routes = [Route("/events", take, methods=["POST", "OPTIONS"]), Route("/received/{session}", tell)]
    with served(Starlette(routes=routes)) as address:
        yield f"{address}/events"


def received(http: httpx.Client, address: str, session: str) -> list[str]:
    """The types of a session's events in the order in which they came first; one that came again counts once."""
    first = {event["id"]: event["type"] for event in all_received(http, address, session)}
    return [kind.removeprefix("uploads.session.").removeprefix("uploads.") for kind in first.values()]


def all_received(http: httpx.Client, address: str, session: str) -> list[dict[str, Any]]:
    """All events of a session, as they came."""
    events: list[dict[str, Any]] = http.get(address.replace("/events", f"/received/{session}")).json()
    return events
