"""The OpenAPI document (3.1) of what this service serves: made of its routes, contracts, models and settings."""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from shared.core.settings import AuthMode, settings
from shared.domain.callers import READ_ALL, READ_WRITE_ALL, Need
from shared.models import responses
from shared.models.dialects import Dialect
from shared.models.requests import SCHEMAS
from shared.query.options import MAX_PAGE, MAX_SKIP
from shared.web.contracts import Contract
from shared.web.routes import RegisteredRoute, served

Json = dict[str, Any]

_GUID = {"type": "string", "format": "uuid"}

_TEXT: Json = {"type": "string"}
_PARAMETERS: Mapping[str, Json] = {
    "$filter": {"schema": _TEXT, "description": "Conditions on {filterable}.", "example": "{example}"},
    "$orderby": {"schema": _TEXT, "description": "By {orderable}, asc or desc.", "example": "{order}"},
    "$select": {"schema": _TEXT, "description": "Of {selectable}, parted by commas.", "example": "{property}"},
    "$expand": {"schema": _TEXT, "description": "{expandable}, with options in brackets.", "example": "{expandable}"},
    "$top": {"schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}, "description": "The size of a page."},
    "$skip": {"schema": {"type": "integer", "minimum": 0, "maximum": MAX_SKIP}, "description": "How many to skip."},
    "$count": {"schema": {"type": "boolean"}, "description": "Whether to count all that match."},
    "$skiptoken": {"schema": _TEXT, "description": "What an @odata.nextLink has; not to be made up."},
}
_HEADERS: Mapping[str, str] = {
    "client-request-id": "An id of the caller's own, which the answer has again.",
    "If-Match": "An ETag, or *: the request is for the session as it was read, or for none.",
}

_NEEDS: Mapping[Need, str] = {
    Need.IDENTITY: "Whoever is known may.",
    Need.READ: f"Needs {READ_ALL}, or a grant.",
    Need.WRITE: f"Needs {READ_WRITE_ALL}, or the grant of an owner.",
    Need.GRANTS: f"Needs {READ_WRITE_ALL}.",
    Need.AUDIT: f"Needs {READ_ALL}.",
}


@cache
def openapi(dialect: Dialect, base_url: str) -> Json:
    """The document of one version of the API, whose paths begin at ``base_url``."""
    schemas: Json = {}
    paths: Json = {}
    for template, methods in served().items():
        for method, route in methods.items():
            if route.dialect is dialect:
                path = paths.setdefault(f"/{template}", {"parameters": _path_parameters(template)})
                path[method.lower()] = _operation(route, schemas)
    error = _reference(responses.ErrorAnswer, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Upload sessions for access data",
            "version": dialect.value,
            "description": "The wire API of Microsoft Graph's customDataProvidedResourceUploadSession, and more.",
        },
        "servers": [{"url": base_url}],
        "security": [] if settings().auth is AuthMode.NONE else [{"entra": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"error": {"description": "What is wrong, and what to do.", "content": _json(error)}},
            "securitySchemes": {
                "entra": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of Microsoft Entra for this service.",
                }
            },
        },
    }


def _path_parameters(template: str) -> list[Json]:
    names = re.findall(r"\{(\w+)\}", template)
    return [{"name": name, "in": "path", "required": True, "schema": _GUID} for name in names]


def _operation(route: RegisteredRoute, schemas: Json) -> Json:
    contract = route.contract
    summary, _, more = (inspect.getdoc(route.endpoint) or "").partition("\n")
    operation: Json = {
        "operationId": route.name,
        "summary": summary,
        "description": " ".join([*more.split(), _NEEDS[route.need]]),
        "parameters": [*_query_parameters(contract), *_headers(contract)],
        "responses": {
            str(contract.status): _good_answer(contract, schemas),
            # As Graph's own document has it: any of them, in one shape.
            "4XX": {"$ref": "#/components/responses/error"},
            "5XX": {"$ref": "#/components/responses/error"},
        },
    }
    if contract.body is not None:
        schema = _lifted(contract.body.schema(route.dialect), schemas)
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
    if contract.preferences:
        description = f"May have {', '.join(contract.preferences)} (RFC 7240)."
        headers.append({"name": "Prefer", "in": "header", "schema": _TEXT, "description": description})
    return headers


def _good_answer(contract: Contract, schemas: Json) -> Json:
    answer: Json = {"description": "Done."}
    if contract.answer is not None:
        answer["content"] = _json(_reference(contract.answer, schemas))
    elif contract.media_type is not None:
        kind = "object" if contract.media_type == "application/json" else "string"
        answer["content"] = {contract.media_type: {"schema": {"type": kind}}}
    return answer


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _reference(shape: type[Any], schemas: Json) -> Json:
    """A reference to a shape, which is put among the schemas with all that it is made of."""
    schemas[shape.__name__] = _lifted(_closed(TypeAdapter(shape).json_schema(ref_template=SCHEMAS)), schemas)
    return {"$ref": SCHEMAS.format(model=shape.__name__)}


def _closed(schema: Json) -> Json:
    """A schema of objects that have the properties that it names, and no others."""
    for definition in (schema, *schema.get("$defs", {}).values()):
        definition.setdefault("additionalProperties", False)
    return schema


def _lifted(schema: Json, schemas: Json) -> Json:
    """A schema without the definitions that it brought along, which are put among the others.

    Raises:
        ValueError: two models have the same name.
    """
    definitions = schema.pop("$defs", {})
    for each in (schema, *definitions.values()):
        # Made of the property's own name, and nothing but noise.
        for part in (each, *each.get("properties", {}).values()):
            part.pop("title", None)
    for name, definition in definitions.items():
        if schemas.setdefault(name, definition) != definition:
            raise ValueError(f"two models are named {name}")
    return schema
