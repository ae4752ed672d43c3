"""The OpenAPI document is valid and complete, and schemathesis checks that the service conforms to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from azure.functions import HttpMethod
from azure.functions.decorators.http import HttpTrigger
from openapi_spec_validator import validate

from shared.core.version import VERSION
from tests.support.authority import Authority
from tests.support.client import Resource, as_object, assert_error, http_client
from tests.support.invariants import Storage
from tests.support.registered import functions
from tests.support.service import running_service

VERSIONS = ("v1.0", "beta")

# Of each operation and phase. The tests take few, the same ones every time; set more to search for longer.
EXAMPLES = {"quick": "5", "all": "15"}
# "coverage" goes through the boundaries of every schema, which takes as long as the rest together.
PHASES = {"quick": "examples,fuzzing", "all": "examples,coverage,fuzzing"}

# What a request that breaks its schema may be answered with: it may be wrong in other ways, too.
REFUSALS = ("400", "401", "403", "404", "405", "408", "409", "412", "413", "415", "429")


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

    document = as_object(answer)
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == VERSION
    assert document["servers"] == [{"url": service}]
    assert document["security"] == []
    # What an answer has beside what it promises would go unnoticed otherwise.
    objects = [schema for schema in document["components"]["schemas"].values() if schema.get("type") == "object"]
    assert len(objects) > 20
    assert all(schema["additionalProperties"] is False for schema in objects)


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
    config.write_text(
        f"[checks.negative_data_rejection]\nexpected-statuses = [{refusals}]\n[parameters]\n{parameters}\n"
    )
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", "--no-color"]
    command += [f"{patient}/{version}/uploads/openapi", "-H", f"Authorization: Bearer {token}"]
    run = "all" if pytestconfig.getoption("--all") else "quick"
    examples = os.environ.get("FUZZ_EXAMPLES", EXAMPLES[run])
    command += ["--seed", "1", "--max-examples", examples, "--phases", PHASES[run]]
    # What a schema of text cannot say (a filter's grammar, an ETag, a CSV file), the service refuses; and a method that
    # is not there is test_errors' business.
    command += ["--exclude-checks", "positive_data_acceptance,unsupported_method"]
    command += [part for method in methods for part in ("--include-method", method)]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
