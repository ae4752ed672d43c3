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
from shared.models.dialects import Dialect
from shared.models.requests import SCHEMAS
from shared.query.options import MAX_PAGE, MAX_SKIP
from shared.web.contracts import Contract
from shared.web.routes import HttpFunction, registered_functions

Json = dict[str, Any]

_GUID = {"type": "string", "format": "uuid"}

_TEXT: Json = {"type": "string"}
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
_HEADERS: Mapping[str, str] = {
    "client-request-id": "An id that the caller chooses. The response repeats it.",
    "If-Match": "ETags, or *. The request fails with 412 if the session has changed since it had one of these ETags.",
}

_NEEDS: Mapping[Need, str] = {
    Need.IDENTITY: "Requires a token, but no permission.",
    Need.READ: f"Requires the permission {READ_ALL}, or a grant.",
    Need.WRITE: f"Requires the permission {READ_WRITE_ALL}, or a grant with the role owner.",
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
            if function.dialect is dialect:
                path = paths.setdefault(f"/{template}", {"parameters": _path_parameters(template)})
                path[method.lower()] = _operation(function, schemas)
    error = _reference(responses.ErrorAnswer, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Upload sessions for access data, {dialect.value}",
            "version": VERSION,
            "description": "The API of customDataProvidedResourceUploadSession in Microsoft Graph, with extensions.",
        },
        "servers": [{"url": base_url}],
        "security": [] if settings().auth is AuthMode.NONE else [{"entra": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "error": {"description": "An error in the format of Microsoft Graph.", "content": _json(error)}
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


def _operation(function: HttpFunction, schemas: Json) -> Json:
    contract = function.contract
    summary, _, more = (inspect.getdoc(function.endpoint) or "").partition("\n")
    operation: Json = {
        "operationId": function.name,
        "summary": summary,
        "description": " ".join([*more.split(), _NEEDS[function.need]]),
        "parameters": [*_query_parameters(contract), *_headers(contract)],
        "responses": {
            str(contract.status): _success(contract, schemas),
            # As in the OpenAPI document of Graph: every error has the same schema.
            "4XX": {"$ref": "#/components/responses/error"},
            "5XX": {"$ref": "#/components/responses/error"},
        },
    }
    if contract.body is not None:
        schema = _lifted(contract.body.schema(function.dialect), schemas)
        operation["requestBody"] = {"required": True, "content": {contract.body.media_type: {"schema": schema}}}
    return operation


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
        parameters.append(parameter | texts)
    return parameters


def _headers(contract: Contract) -> list[Json]:
    names = ["client-request-id", *(["If-Match"] if contract.conditional else [])]
    headers: list[Json] = [
        {"name": name, "in": "header", "schema": _TEXT, "description": _HEADERS[name]} for name in names
    ]
    if contract.content_codings:
        schema = {"type": "string", "enum": list(contract.content_codings)}
        description = "The coding of the body. Limits, size and digest are those of the decoded file."
        headers.append({"name": "Content-Encoding", "in": "header", "schema": schema, "description": description})
    if contract.preferences:
        description = f"Preferences (RFC 7240): {', '.join(contract.preferences)}."
        headers.append({"name": "Prefer", "in": "header", "schema": _TEXT, "description": description})
    return headers


def _success(contract: Contract, schemas: Json) -> Json:
    response: Json = {"description": "Success."}
    if contract.response is not None:
        response["content"] = _json(_reference(contract.response, schemas))
    elif contract.media_type is not None:
        kind = "object" if contract.media_type == "application/json" else "string"
        response["content"] = {contract.media_type: {"schema": {"type": kind}}}
    return response


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _reference(model: type[Any], schemas: Json) -> Json:
    """A reference to a model, whose schema and definitions are added to ``schemas``."""
    schemas[model.__name__] = _lifted(_closed(TypeAdapter(model).json_schema(ref_template=SCHEMAS)), schemas)
    return {"$ref": SCHEMAS.format(model=model.__name__)}


def _closed(schema: Json) -> Json:
    """The schema with ``additionalProperties: false`` in every object."""
    for definition in (schema, *schema.get("$defs", {}).values()):
        definition.setdefault("additionalProperties", False)
    return schema


def _lifted(schema: Json, schemas: Json) -> Json:
    """The schema without its own definitions, which are added to ``schemas``.

    Raises:
        ValueError: two models have the same name.
    """
    definitions = schema.pop("$defs", {})
    for each in (schema, *definitions.values()):
        # Pydantic derives titles from the names of the properties: they say nothing new.
        for part in (each, *each.get("properties", {}).values()):
            part.pop("title", None)
    for name, definition in definitions.items():
        if schemas.setdefault(name, definition) != definition:
            raise ValueError(f"two models are named {name}")
    return schema
