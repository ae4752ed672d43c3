"""A small function app that tells what its functions were called with, as Microsoft's host served it."""

import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

# name, route, methods. Names are chosen so that their order and the order of "better" routes disagree.
FUNCTIONS = [
    ("beta_item", "r1/{id}", ["GET"]),
    ("zeta_recent", "r1/recent", ["GET"]),
    ("beta_recent", "r2/recent", ["GET"]),
    ("zeta_item", "r2/{id}", ["GET"]),
    ("alpha_all", "r3/{*path}", ["GET"]),
    ("known3", "r3/known", ["GET", "POST"]),
    ("known4", "r4/known", ["GET"]),
    ("zz_all", "r4/{*path}", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    ("s_a", "r5/{x}", ["GET"]),
    ("sa", "r5/lit", ["GET"]),
    ("t_upper", "r6/{x}", ["GET"]),
    ("T_LOWER", "r6/lit", ["GET"]),
    ("int_item", "r7/{id:int}", ["GET"]),
    ("guid_item", "r7/{id:guid}", ["GET"]),
    ("name_item", "r7/{name}", ["GET"]),
    ("optional_item", "r8/{name?}", ["GET"]),
    ("keyed_item", "r9/items('{id}')", ["GET"]),
    ("plain_item", "r9/items/{id}", ["GET"]),
    ("two_params", "r10/{a}/x/{b}", ["GET"]),
    ("deep_count", "r10/{a}/x/$count", ["GET"]),
    ("dotted", "r11/{id}/ns.action", ["POST"]),
    ("any_method", "r12/{id}", None),
    ("only_put", "r13/{id}", ["PUT"]),
    ("only_get", "r13/{id}", ["GET"]),
    ("echo", "r14/echo", ["GET", "POST", "PUT", "DELETE"]),
]


def register(name: str, route: str, methods: list[str] | None) -> None:
    async def handle(req: Request) -> JSONResponse:
        body = await req.body()
        seen: dict[str, object] = {
            "function": name,
            "method": req.method,
            "path": req.url.path,
            "raw_path": req.scope["raw_path"].decode("latin-1"),
            "params": dict(req.path_params),
            "query": req.url.query,
            "body": body.decode("latin-1"),
        }
        if route == "r14/echo":
            # The worker's own address and the ids of a request differ from run to run; a trace is not always there.
            own = {"host": "(the worker's address)", "x-ms-invocation-id": "(the invocation's id)"}
            headers = [[key, own.get(key, value)] for key, value in req.headers.items() if key != "traceparent"]
            seen["headers"] = sorted(headers)
        return JSONResponse(seen)

    handle.__name__ = name
    app.function_name(name)(app.route(route=route, methods=methods)(handle))


for entry in FUNCTIONS:
    register(*entry)
