"""Generates the OpenAPI document (3.1) from the routes, contracts, models and settings."""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from shared.core.settings import AuthMode, settings
from shared.core.version import VERSION
from shared.domain.callers import READ_ALL, READ_WRITE_ALL, Need
from shared.models import responses
from shared.models.bodies import SCHEMAS, RequestBody
from shared.models.dialects import Dialect
from shared.query.capabilities import Capabilities
from shared.query.options import MAX_PAGE, MAX_SKIP
from shared.web import header_fields
from shared.web.contracts import Contract
from shared.web.routes import HttpFunction, registered_functions

Json = dict[str, Any]

_GRAPH, _ADDED = "graph", "additions"

_GUID = {"type": "string", "format": "uuid"}

_TEXT: Json = {"type": "string"}
# What a body without a model holds, by its media type.
_BODIES: Mapping[str, Json] = {
    "application/json": {"type": "object"},
    "text/plain": _TEXT,
    "text/csv": _TEXT,
    "application/octet-stream": {"type": "string", "format": "binary"},
}
_PARAMETERS: Mapping[str, Json] = {
    "$filter": {"schema": _TEXT, "description": "A condition on {filterable}.", "example": "{example}"},
    "$orderby": {
        "schema": _TEXT,
        "description": "The sort order: {orderable}, with asc or desc.",
        "example": "{order}",
    },
    "$select": {"schema": _TEXT, "description": "Comma-separated properties: {selectable}.", "example": "{property}"},
    "$expand": {
        "schema": _TEXT,
        "description": "Related entities to include: {expandable}, with query options in parentheses.",
        "example": "{expandable}",
    },
    "$top": {
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
        "description": "The maximum number of items on a page.",
    },
    "$skip": {
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_SKIP},
        "description": "The number of items to skip.",
    },
    "$count": {"schema": {"type": "boolean"}, "description": "Whether to include the number of all matching items."},
    "$skiptoken": {"schema": _TEXT, "description": "The position of a page, taken from an @odata.nextLink."},
}

# By status; "4XX" and "5XX" are the others. As in Graph's own OpenAPI document, every error has the same schema.
_RESPONSES: Mapping[str, str] = {
    "401": "unauthenticated",
    "403": "unauthenticated",
    "429": "busy",
    "503": "busy",
    "4XX": "error",
    "5XX": "error",
}
_ERRORS: Mapping[str, tuple[str, Json]] = {
    "error": (
        "An error in the format of Microsoft Graph.",
        header_fields.of_response(optional=("Allow", "Accept-Encoding")),
    ),
    "unauthenticated": (
        "The token is not accepted here, or lacks a permission.",
        header_fields.of_response(("WWW-Authenticate",)),
    ),
    "busy": ("The service is busy, or does not reach storage.", header_fields.of_response(("Retry-After",))),
}

_NEEDS: Mapping[Need, str] = {
    Need.IDENTITY: "Requires a token, but no permission.",
    Need.READ: f"Requires the permission {READ_ALL}, or a grant.",
    Need.WRITE: f"Requires the permission {READ_WRITE_ALL}, or a grant with the role owner.",
    Need.DECLARE: f"Requires the permission {READ_WRITE_ALL}, or a grant with the role owner and mayDeclare.",
    Need.WRITE_TENANT: f"Requires the permission {READ_WRITE_ALL}.",
    Need.READ_TENANT: f"Requires the permission {READ_ALL}.",
}


@cache
def openapi(dialect: Dialect, base_url: str) -> Json:
    """The document of one version of the API. ``base_url`` is the address of the service."""
    schemas: Json = {}
    paths: Json = {}
    for template, functions in registered_functions().items():
        for method, function in functions.items():
            # HEAD is GET without its body.
            if function.dialect is dialect and method != "HEAD":
                path = paths.setdefault(f"/{template}", {"parameters": _path_parameters(template)})
                path[method.lower()] = _operation(method, function, dialect, schemas)
    error = _reference(responses.ErrorAnswer, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Upload sessions for access data, {dialect.value}",
            "version": VERSION,
            "description": "The API of customDataProvidedResourceUploadSession in Microsoft Graph, with extensions.",
        },
        "servers": [{"url": base_url}],
        "tags": [
            {"name": _GRAPH, "description": "Operations of Microsoft Graph."},
            {"name": _ADDED, "description": "Operations that Microsoft Graph does not have."},
        ],
        "security": [] if settings().auth is AuthMode.NONE else [{"entra": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": header_fields.components(),
            "responses": {
                name: {"description": description, "headers": headers, "content": _json(error)}
                for name, (description, headers) in _ERRORS.items()
            },
            "securitySchemes": {
                "entra": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token from Microsoft Entra ID with this service as its audience.",
                }
            },
        },
    }


def _path_parameters(template: str) -> list[Json]:
    names = re.findall(r"\{(\w+)\}", template)
    return [{"name": name, "in": "path", "required": True, "schema": _GUID} for name in names]


def _operation(method: str, function: HttpFunction, dialect: Dialect, schemas: Json) -> Json:
    contract = function.contract
    summary, _, more = (inspect.getdoc(function.endpoint) or "").partition("\n")
    operation: Json = {
        "operationId": function.name,
        "summary": summary,
        "description": " ".join([*more.split(), _NEEDS[function.need]]),
        "tags": [_GRAPH if contract.graph else _ADDED],
        "parameters": [*_query_parameters(contract), *header_fields.parameters(contract, reads=method == "GET")],
        "responses": {
            str(contract.status): _success(contract, schemas),
            **({"304": _not_modified(contract)} if method == "GET" else {}),
            **(_range_responses(contract) if contract.ranges else {}),
            **{status: {"$ref": f"#/components/responses/{name}"} for status, name in _RESPONSES.items()},
        },
    }
    if contract.body is not None:
        operation["requestBody"] = {"required": True, "content": _request_content(contract.body, dialect, schemas)}
    return operation


def _request_content(body: RequestBody, dialect: Dialect, schemas: Json) -> Json:
    """What a request's body may be, by media type."""
    given = [(kind.media_type, kind.schema(dialect)) for kind in body.kinds]
    name = given[0][1].get("title", "")
    lifted = [_lifted(schema, schemas) for _, schema in given]
    if len(lifted) > 1 and all(schema == lifted[0] for schema in lifted):
        # Generators make a class of a schema for each place in which it stands without a name.
        schemas[name] = lifted[0]
        lifted = [{"$ref": SCHEMAS.format(model=name)}] * len(lifted)
    return {media_type: {"schema": schema} for (media_type, _), schema in zip(given, lifted, strict=True)}


def _query_parameters(contract: Contract) -> list[Json]:
    entity = contract.capabilities
    words = {
        "example": entity.example,
        "filterable": ", ".join(entity.filterable),
        "orderable": ", ".join(entity.orderable),
        "selectable": ", ".join(entity.selectable),
        "expandable": ", ".join(entity.expandable),
        "order": f"{next(iter(entity.orderable), '')} desc",
        "property": next(iter(entity.selectable), ""),
    }
    parameters = []
    for option in contract.options:
        parameter = {"name": option, "in": "query", **_PARAMETERS[option]}
        texts = {name: text.format(**words) for name, text in parameter.items() if name in ("description", "example")}
        pattern = _pattern(option, entity)
        schema = {} if pattern is None else {"schema": _TEXT | {"pattern": pattern}}
        parameters.append(parameter | texts | schema)
    return parameters


def _pattern(option: str, entity: Capabilities) -> str | None:
    """What an option's value looks like; ``None`` where no pattern can say it."""
    names = {"$select": (*entity.selectable, "*"), "$orderby": entity.orderable, "$expand": tuple(entity.expandable)}
    if option not in names:
        return None
    name = f"({'|'.join(map(re.escape, names[option]))})"
    if option == "$expand":
        options = r"(\([\s\S]+\))?" if any(each.selectable for each in entity.expandable.values()) else ""
        return rf"^\s*{name}{options}\s*$"
    item = rf"{name}(\s+([Aa][Ss][Cc]|[Dd][Ee][Ss][Cc]))?" if option == "$orderby" else name
    return rf"^\s*{item}\s*(,\s*{item}\s*)*$"


def _success(contract: Contract, schemas: Json) -> Json:
    response: Json = {"description": "Success.", "headers": header_fields.of_success(contract)}
    if contract.response is not None:
        response["content"] = _json(_reference(contract.response, schemas))
    elif contract.media_type is not None:
        response["content"] = {contract.media_type: {"schema": _BODIES[contract.media_type]}}
    return response


def _not_modified(contract: Contract) -> Json:
    headers = header_fields.of_response(("ETag",) if contract.has_etag else ())
    return {"description": "The caller has it already (If-None-Match).", "headers": headers}


def _range_responses(contract: Contract) -> Json:
    """What an operation that supports ``Range`` responds with in addition: a range, or that there is none."""
    return {
        "206": _success(contract, {})
        | {"description": "The range.", "headers": header_fields.of_success(contract, "Content-Range")},
        "416": {
            "description": "The file has no such range.",
            "headers": header_fields.of_response(("Content-Range",)),
            "content": _json({"$ref": SCHEMAS.format(model=responses.ErrorAnswer.__name__)}),
        },
    }


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _reference(model: type[Any], schemas: Json) -> Json:
    """A reference to a model, whose schema and definitions are added to ``schemas``."""
    schemas[model.__name__] = _lifted(TypeAdapter(model).json_schema(ref_template=SCHEMAS), schemas)
    return {"$ref": SCHEMAS.format(model=model.__name__)}


def _lifted(schema: Json, schemas: Json) -> Json:
    """The schema without its own definitions, which are added to ``schemas``.

    Raises:
        ValueError: two models have the same name.
    """
    definitions = schema.pop("$defs", {})
    for each in (schema, *definitions.values()):
        for part in (each, *each.get("properties", {}).values()):
            # Pydantic derives titles from the names of the properties: they say nothing new.
            part.pop("title", None)
            # A generated client takes a property with a default for one that is always there.
            part.pop("default", None)
    for name, definition in definitions.items():
        if schemas.setdefault(name, definition) != definition:
            raise ValueError(f"two models are named {name}")
    return schema
