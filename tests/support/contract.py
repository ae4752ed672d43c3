"""Holds answers against the service's own OpenAPI document: every answer of every test (``tests.support.client``)."""

import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

import httpx
import jsonschema_rs

from shared.web.routes import route_pattern

# What the host, the server and HTTP itself add.
_HOSTS = {"date", "server", "content-type", "content-length", "connection", "transfer-encoding", "keep-alive"}

_KEYED = re.compile(r"\('([^'/]*)'\)")


@dataclass(frozen=True, slots=True)
class Document:
    """One version's document."""

    content: Mapping[str, Any]

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        """What serves a path with a method; of several the one with the fewest parameters."""
        fitting = [
            (template.count("{"), item[method.lower()])
            for template, item in self.content["paths"].items()
            if method.lower() in item and route_pattern(template.removeprefix("/")).fullmatch(path)
        ]
        return min(fitting, key=lambda each: each[0])[1] if fitting else None

    def resolved(self, thing: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference refers to."""
        if "$ref" not in thing:
            return thing
        found: Any = self.content
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return dict(found)

    def validator(self, schema: Mapping[str, Any]) -> jsonschema_rs.Validator:
        """What tells whether JSON is as a schema of the document has it."""
        whole = dict(schema) | {"components": self.content["components"]}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def document(version: str) -> Document:
    """The document of a version, made in this process."""
    os.environ.setdefault("UPLOADS_AUTH", "none")
    os.environ.setdefault("UPLOADS_PUBLIC_URL", "http://localhost")
    import function_app  # noqa: F401, PLC0415  # it reads settings, and registers the routes
    from shared.models.dialects import Dialect  # noqa: PLC0415
    from shared.web.openapi import openapi  # noqa: PLC0415

    content = deepcopy(openapi(Dialect(version), "http://localhost"))
    # Objects of responses may grow for clients. What one has here that the document does not promise is an error.
    for schema in content["components"]["schemas"].values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    return Document(content)


@cache
def _validator(version: str, schema: str) -> jsonschema_rs.Validator:
    return document(version).validator({"$ref": schema})


def check_fields(operation: str, promised_in: Document, promised: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    """See that a response has the header fields that it must have, and of the API's no other ones."""
    for name, field in promised.items():
        resolved = promised_in.resolved(field)
        value = fields.get(name)
        assert value is not None or not resolved.get("required"), f"{operation} promises {name}"
        if value is not None:
            typed = int(value) if resolved["schema"]["type"] == "integer" else value
            assert promised_in.validator(resolved["schema"]).is_valid(typed), f"{operation}: {name}: {value}"
    others = {name.lower() for name in fields} - {name.lower() for name in promised} - _HOSTS
    assert others == set(), f"{operation} does not promise {others}"


def check_contract(answer: httpx.Response) -> None:
    """See that an answer is one that the document promises: its status, its media type, its JSON."""
    path = _KEYED.sub(r"/\1", unquote(answer.request.url.raw_path.split(b"?")[0].decode()))
    version = path.split("/")[1].lower()
    operation = document(version).operation(answer.request.method, path) if version in ("v1.0", "beta") else None
    if operation is None:
        return
    promised = operation["responses"]
    status = str(answer.status_code)
    response = promised.get(status) or promised.get(f"{status[0]}XX")
    assert response is not None, f"{operation['operationId']} promises {list(promised)}, and not {status}"
    response = document(version).resolved(response)
    check_fields(operation["operationId"], document(version), response["headers"], answer.headers)
    content = response.get("content")
    if content is None:
        assert not answer.content
        return
    media_type = answer.headers["Content-Type"].split(";")[0]
    assert media_type in content, f"{operation['operationId']} promises {list(content)}, and not {media_type}"
    reference = content[media_type]["schema"].get("$ref")
    if reference is not None:
        faults = [
            f"{fault.instance_path}: {fault.message}"
            for fault in _validator(version, reference).iter_errors(answer.json())
        ]
        assert faults == [], f"{operation['operationId']}: {faults}"
