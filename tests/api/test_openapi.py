"""The OpenAPI document is valid and complete, and schemathesis checks that the service conforms to it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.functions import HttpMethod
from azure.functions.decorators.http import HttpTrigger
from openapi_spec_validator import validate

from shared.core.version import VERSION
from tests.support.authority import Authority
from tests.support.client import CODES, Resource, as_object, assert_error, http_client
from tests.support.contract import check_fields, document
from tests.support.invariants import Storage
from tests.support.registered import functions
from tests.support.selection import tries_all
from tests.support.service import running_service

VERSIONS = ("v1.0", "beta")

# Of each operation and phase. The tests take few, the same ones every time; set more to search for longer.
EXAMPLES = {"quick": "5", "all": "15"}
# "coverage" goes through the boundaries of every schema, which takes as long as the rest together. Both versions have
# the same models, so that one is sufficient.
PHASES = {"quick": "examples,fuzzing", "all": "examples,coverage,fuzzing"}

# What a request that breaks its schema may be answered with: it may be wrong in other ways, too.
REFUSALS = ("400", "401", "403", "404", "405", "408", "409", "412", "413", "415", "416", "429")


@pytest.fixture(scope="module")
def patient(storage: Storage, authority: Authority) -> Iterator[str]:
    """A service that requires tokens and has no limit of requests per minute."""
    with running_service(storage.connection_string, requests_per_minute=10_000_000, **authority.settings) as url:
        yield url


@pytest.mark.parametrize("version", VERSIONS)
def test_the_document_is_valid_and_has_the_address_of_the_service(
    http: httpx.Client, service: str, version: str
) -> None:
    answer = http.get(f"/{version}/uploads/openapi")

    content = as_object(answer)
    validate(content)
    assert content["openapi"] == "3.1.0"
    assert content["info"]["version"] == VERSION
    assert content["servers"] == [{"url": service}]
    assert content["security"] == []
    # Objects of responses may grow: a client that was made from this document reads the next version, too.
    objects = {name: each for name, each in content["components"]["schemas"].items() if each.get("type") == "object"}
    closed = {name for name, schema in objects.items() if schema.get("additionalProperties") is False}
    assert len(objects) > 20
    # Only bodies are closed, and annotations are open there.
    assert all("@" in objects[name]["patternProperties"] for name in closed)
    bodies = {"ReviewData", "CreateSession", "FoundingReviewData", "CreateFoundingSession", "PutUpstream"}
    assert closed <= bodies | {"PutPrincipals", "UpdateSession"}


# Some of what is promised, by the operation and the status: what else is, every test compares with every response.
PROMISED: dict[tuple[str, str], set[str]] = {
    ("create_session", "201"): {"Location", "ETag"},
    ("get_session", "200"): {"ETag"},
    ("get_session", "304"): {"ETag"},
    ("get_session", "401"): {"WWW-Authenticate"},
    ("upload_file", "503"): {"Retry-After"},
    ("list_sessions", "200"): set(),
    ("list_sessions", "429"): {"Retry-After"},
    ("get_file_value", "200"): {"Content-Disposition", "Accept-Ranges", "ETag"},
    ("get_file_value", "206"): {"Content-Disposition", "Accept-Ranges", "ETag", "Content-Range"},
    ("get_file_value", "416"): {"Content-Range"},
    ("put_grant", "200"): {"ETag"},
    ("delete_session", "204"): set(),
}
ALWAYS = {"request-id", "client-request-id", "Cache-Control", "X-Content-Type-Options"}


@pytest.mark.parametrize(("operation", "status"), PROMISED)
def test_it_says_which_header_fields_a_response_has(operation: str, status: str) -> None:
    promised = document("v1.0").resolved(_operations("v1.0")[operation]["responses"][status])["headers"]

    required = {name for name, field in promised.items() if document("v1.0").resolved(field).get("required")}
    assert required == ALWAYS | PROMISED[operation, status]


def test_a_response_with_other_header_fields_than_promised_is_noticed() -> None:
    here, promised = document("v1.0"), _operations("v1.0")["create_session"]["responses"]["201"]["headers"]
    fields = {"request-id": str(uuid4()), "client-request-id": "x", "Cache-Control": "no-store"}
    fields |= {"X-Content-Type-Options": "nosniff", "ETag": 'W/"1"', "Location": "http://localhost/x"}

    check_fields("create_session", here, promised, fields)

    wrong: dict[str, str | None] = {"Location": None, "ETag": "1", "request-id": "x", "allow": "GET"}
    for name, value in wrong.items():
        others = {each: text for each, text in fields.items() if each != name}
        with pytest.raises(AssertionError, match=name):
            check_fields("create_session", here, promised, others if value is None else others | {name: value})


def test_it_says_what_a_text_can_be() -> None:
    schemas = document("v1.0").content["components"]["schemas"]
    parameters = {
        operation: {parameter["name"]: parameter["schema"].get("pattern") for parameter in each["parameters"]}
        for operation, each in _operations("v1.0").items()
    }

    assert schemas["Session"]["properties"]["status"]["enum"] == ["active", "complete", "expired", "unknownFutureValue"]
    assert schemas["Grant"]["properties"]["role"]["enum"] == ["reader", "owner"]
    assert schemas["Delivery"]["properties"]["state"]["enum"] == ["pending", "delivered", "failed"]
    assert set(schemas["Error"]["properties"]["code"]["enum"]) == CODES
    listed = parameters["list_sessions"]
    for option, valid, invalid in (
        ("$select", ("id", "id, status", "*"), ("ID", "id;status", "id,", "stats/filesUploaded")),
        ("$orderby", ("createdDateTime", "createdDateTime\tDESC"), ("status", "createdDateTime down", "")),
        ("$expand", ("files", "files($top=5;$orderby=name)"), ("data", "files(", "files()")),
        ("If-Match", ("*", 'W/"1"', 'W/"1", "2"'), ("1", '"')),
    ):
        pattern = re.compile(str(listed[option]))
        assert [each for each in valid if not pattern.search(each)] == []
        assert [each for each in invalid if pattern.search(each)] == []


def test_it_says_which_operations_are_graphs() -> None:
    graphs = {name for name, each in _operations("v1.0").items() if each["tags"] == ["graph"] and "alias" not in name}

    main = {"create_session", "list_sessions", "get_session", "update_session", "delete_session", "upload_file"}
    files = {"list_files", "get_file", "get_file_value", "count_files", "count_sessions", "upload_file_qualified"}
    assert graphs == main | files


def _operations(version: str) -> dict[str, Any]:
    items = document(version).content["paths"].values()
    return {each["operationId"]: each for item in items for method, each in item.items() if method != "parameters"}


def test_it_says_whether_a_token_is_required(guarded: str, authority: Authority) -> None:
    with http_client(guarded) as stranger:
        assert_error(stranger.get("/v1.0/uploads/openapi"), 401, "unauthenticated")
    with http_client(guarded, authority.token(roles=None)) as anybody:
        assert anybody.get("/v1.0/uploads/openapi").json()["security"] == [{"entra": []}]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_has_exactly_the_registered_functions(http: httpx.Client, version: str) -> None:
    expected = {
        (route, HttpMethod(method).value, function.get_function_name())
        for function in functions()
        if isinstance(trigger := function.get_trigger(), HttpTrigger)
        and (route := str(trigger.route)).startswith(f"{version}/")
        and "{*path}" not in route
        for method in trigger.methods or ()
        if HttpMethod(method).value != "HEAD"
    }

    paths = http.get(f"/{version}/uploads/openapi").json()["paths"]

    told = {
        (path.removeprefix("/"), method.upper(), operation["operationId"])
        for path, item in paths.items()
        for method, operation in item.items()
        if method != "parameters"
    }
    assert told == expected
    assert len(told) > 25


@pytest.mark.grows
@pytest.mark.parametrize("methods", [("GET", "POST", "PUT", "PATCH"), ("DELETE",)], ids=["all but DELETE", "DELETE"])
@pytest.mark.parametrize(
    "version", ["v1.0", pytest.param("beta", marks=pytest.mark.slow("of random requests to beta"))]
)
def test_the_service_conforms_to_the_document(
    patient: str,
    authority: Authority,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    version: str,
    methods: tuple[str, ...],
) -> None:
    """No 5xx, no undocumented response, no accepted request that violates its schema, no access without a token."""
    token = authority.token()
    with http_client(patient, token) as http:
        session = Resource(http).new_session()
        file = session.uploaded("access.csv")
    ids = {
        "catalogId": session.resource.catalog_id,
        "resourceId": session.resource.resource_id,
        "sessionId": session.id,
        "fileId": file["id"],
    }
    config = tmp_path / "schemathesis.toml"
    refusals = ", ".join(f'"{status}"' for status in REFUSALS)
    parameters = "\n".join(f'"path.{name}" = "{value}"' for name, value in ids.items())
    # Of its own idea of Range, much is not ASCII, which the host refuses before the app is called.
    parameters += '\n"header.Range" = "bytes=0-9"'
    config.write_text(
        f"[checks.negative_data_rejection]\nexpected-statuses = [{refusals}]\n[parameters]\n{parameters}\n"
    )
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", "--no-color"]
    command += [f"{patient}/{version}/uploads/openapi", "-H", f"Authorization: Bearer {token}"]
    run = "all" if tries_all(pytestconfig) else "quick"
    examples = os.environ.get("FUZZ_EXAMPLES", EXAMPLES[run])
    command += ["--seed", "1", "--max-examples", examples, "--phases", PHASES[run if version == "v1.0" else "quick"]]
    # What a schema of text cannot say (a filter's grammar, a CSV file), the service refuses. The methods that an
    # operation does not have are test_errors' business: schemathesis tries TRACE, which the host does not pass on.
    command += ["--exclude-checks", "positive_data_acceptance,unsupported_method"]
    command += [part for method in methods for part in ("--include-method", method)]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
