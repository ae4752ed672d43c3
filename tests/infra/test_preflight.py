"""``infra/preflight.py``: what is missing before a deployment, in one line each."""

import base64
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from local.service import ROOT
from shared.web import host
from tests.support.bicep import INFRA, BicepFile

COMPLETE = {
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": "3f8a1c52-94de-4f0b-9c2f-0d6a5b1e7c11",
}
EVENTS_SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
# Variables by the parameters that they give.
VARIABLES = {
    name: re.sub(r"\$\{(\w+).*", r"\1", parameter["value"])
    for name, parameter in json.loads((INFRA / "main.parameters.json").read_text())["parameters"].items()
    if isinstance(parameter["value"], str)
}


PREFLIGHT = runpy.run_path(str(INFRA / "preflight.py"))


def preflight(environment: Mapping[str, str], path: str = "/nowhere") -> "subprocess.CompletedProcess[str]":
    """Run the hook here in an environment, by default without the Azure CLI."""
    surroundings = patch.dict(os.environ, {**environment, "PATH": path}, clear=True)
    with surroundings, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = PREFLIGHT["main"]()
    return subprocess.CompletedProcess("preflight.py", code, out.getvalue(), err.getvalue())


@pytest.fixture
def az(tmp_path: Path) -> Path:
    """A folder for a stand-in of the Azure CLI, and what it answers: ``answers.json``, by its first words."""
    program = tmp_path / "az"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        "answers = json.loads((pathlib.Path(__file__).parent / 'answers.json').read_text())\n"
        "words = ' '.join(sys.argv[1:])\n"
        "print(json.dumps(next(answer for start, answer in answers.items() if words.startswith(start))))\n"
    )
    program.chmod(0o755)
    return tmp_path


def test_a_complete_environment_is_ready() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(INFRA / "preflight.py")],
        env=COMPLETE | {"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ready to provision"


def test_a_missing_environment_is_told() -> None:
    done = preflight({key: value for key, value in COMPLETE.items() if key != "AZURE_ENV_NAME"})

    assert done.returncode == 1
    assert done.stdout.splitlines() == ["missing: AZURE_ENV_NAME is not set: azd env new NAME"]


@pytest.mark.parametrize("name", ["AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID"])
def test_what_azd_will_ask_for_is_no_error(name: str) -> None:
    """azd runs the hooks of ``provision`` before it asks, and those of ``up`` afterwards (azd, ``hooks.go``)."""
    done = preflight({key: value for key, value in COMPLETE.items() if key != name})

    assert done.returncode == 0
    assert f"note: {name} is not set; azd will ask for it" in done.stdout.splitlines()


def test_a_secret_may_stay_in_the_key_vault() -> None:
    """As ``azd env set-secret`` stores it; azd does not resolve it for hooks."""
    events = COMPLETE | {"UPLOADS_EVENTS_URL": "https://events.example/in"}

    assert preflight(events | {"UPLOADS_EVENTS_SECRET": "akvs://the-subscription/the-vault/the-secret"}).returncode == 0
    assert preflight(events | {"UPLOADS_EVENTS_SECRET": "akvs://the-vault"}).returncode == 1


def limits() -> list[tuple[str, str, bool]]:
    """A value just inside and one just outside of what main.bicep takes, for each variable that has limits there."""
    cases = []
    for parameter, variable in VARIABLES.items():
        declared: dict[str, Any] = BicepFile(INFRA / "main.bicep").declared("parameters")[parameter]
        for decorator in declared["decorators"]:
            argument = decorator.get("argument")
            match decorator["type"]:
                case "min_value":
                    cases += [(variable, str(argument), True), (variable, str(argument - 1), False)]
                case "max_value":
                    cases += [(variable, str(argument), True), (variable, str(argument + 1), False)]
                case "allowed":
                    cases += [(variable, str(value), True) for value in argument] + [(variable, "other", False)]
        if declared["type"] == "bool":
            cases += [(variable, "true", True), (variable, "false", True), (variable, "yes", False)]
    return cases


def test_it_knows_the_limits_of_the_template() -> None:
    cases = limits()
    assert len(cases) > 40
    for variable, value, good in cases:
        # What values do together is another rule, below.
        done = preflight(COMPLETE | {"DEPLOY_ACCEPT_LARGE_BODIES": "true"} | {variable: value})

        assert (done.returncode == 0) is good, f"{variable}={value}: {done.stdout}"
        if not good:
            assert done.stdout.startswith(f"missing: {variable} is '{value}': it must be ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEPLOY_CLIENT_ID", "uploads"),
        ("UPLOADS_PUBLIC_URL", "http://uploads.example"),
        ("UPLOADS_PUBLIC_URL", "uploads.example"),
        ("DEPLOY_IDENTIFIER_URI", "api://3f8a1c52-94de-4f0b-9c2f-0d6a5b1e7c11"),
        ("UPLOADS_FORWARD_URL", "http://graph.microsoft.com/v1.0"),
        ("UPLOADS_FORWARD_SCOPE", "none"),
        ("UPLOADS_FORWARD_LAYOUTS", "graph;early"),
        ("UPLOADS_EVENTS_URL", "http://hooks.example"),
        ("UPLOADS_EVENTS_SECRET", EVENTS_SECRET),
    ],
)
def test_what_makes_no_sense_is_refused(variable: str, value: str) -> None:
    done = preflight(COMPLETE | {variable: value})

    assert done.returncode == 1
    assert done.stdout.count("missing: ") == 1
    assert variable in done.stdout


# What an instance survives

body_limit: Callable[[int, int], int] = PREFLIGHT["body_limit"]

MIB = 1024 * 1024
BODY, AT_ONCE, MEMORY = "DEPLOY_MAX_BODY_BYTES", "DEPLOY_HTTP_CONCURRENCY", "DEPLOY_INSTANCE_MEMORY_MB"


def survives(memory_mb: int, at_once: int, body_bytes: int) -> bool:
    """The rule, as measured on Microsoft's host: 5.7 bytes for each byte of a body, and 500 MB for all the rest."""
    return body_bytes * at_once * 5.7 + 500 * MIB <= memory_mb * MIB


def test_the_defaults_are_what_an_instance_survives() -> None:
    defaults = {
        name: each.get("default") for name, each in BicepFile(INFRA / "main.bicep").declared("parameters").items()
    }
    memory, at_once, body = (defaults[name] for name in ("instanceMemoryMB", "httpConcurrency", "maxBodyBytes"))

    assert survives(memory, at_once, body)
    # A file of 200,000 rows, which is 20 MB, goes through the page, which cannot compress.
    assert body > 20 * MIB


@pytest.mark.parametrize("memory", [512, 2048, 4096])
@pytest.mark.parametrize("at_once", [1, 2, 4, 8, 16])
def test_it_refuses_exactly_what_an_instance_does_not_survive(memory: int, at_once: int) -> None:
    largest = body_limit(memory, at_once)
    assert survives(memory, at_once, largest)
    assert not survives(memory, at_once, largest + 1)
    if largest < MIB:
        return  # not a limit that can be set: the service's other requests would not pass
    together = COMPLETE | {MEMORY: str(memory), AT_ONCE: str(at_once)}

    assert preflight(together | {BODY: str(largest)}).returncode == 0
    assert preflight(together | {BODY: str(largest + 1)}).returncode == 1


@pytest.mark.parametrize(
    "environment",
    [
        {BODY: str(100 * MIB)},
        {BODY: str(1024 * MIB)},
        {AT_ONCE: "16"},
        {MEMORY: "512"},
        {MEMORY: "4096", AT_ONCE: "40"},
    ],
)
def test_what_it_says_would_do_does(environment: dict[str, str]) -> None:
    refused = preflight(COMPLETE | environment)

    assert refused.returncode == 1
    (line,) = refused.stdout.splitlines()
    assert "docs/deploy.md, Large files" in line
    told = line.split("These would do: ")[1].split("; or ")
    assert len(told) >= 2
    for values in told:
        named = dict(re.findall(r"(DEPLOY_\w+)=(\w+)", values))
        done = preflight(COMPLETE | environment | named)
        assert done.returncode == 0, f"{values}: {done.stdout}"


def test_who_has_a_gateway_may_accept_larger_bodies() -> None:
    accepted = preflight(COMPLETE | {BODY: str(1024 * MIB), "DEPLOY_ACCEPT_LARGE_BODIES": "true"})

    assert accepted.returncode == 0
    assert "note: 8 bodies of 1,073,741,824 bytes at once end an instance of 2048 MB" in accepted.stdout
    for value in ("false", "yes"):
        refused = preflight(COMPLETE | {BODY: str(1024 * MIB), "DEPLOY_ACCEPT_LARGE_BODIES": value})
        assert refused.returncode == 1


def test_a_file_limit_that_no_body_reaches_is_refused() -> None:
    refused = preflight(COMPLETE | {"UPLOADS_MAX_FILE_BYTES": str(1024 * MIB)})

    assert refused.returncode == 1
    (line,) = refused.stdout.splitlines()
    assert line.startswith("missing: UPLOADS_MAX_FILE_BYTES is 1073741824")
    assert "UPLOADS_MAX_FILE_BYTES=335544320; or DEPLOY_MAX_BODY_BYTES=107374183" in line
    fits = {"UPLOADS_MAX_FILE_BYTES": str(1024 * MIB), BODY: "107374183", AT_ONCE: "2"}
    assert preflight(COMPLETE | fits).returncode == 0


def test_both_sides_count_on_the_same_compression() -> None:
    assert PREFLIGHT["COMPRESSION"] == host.COMPRESSION


def test_deploy_md_has_the_table_of_what_fits() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text()
    rows = {
        int(memory.replace(",", "")): [cell.strip() for cell in cells.split("|")]
        for memory, cells in re.findall(r"^\| ([\d,]+) MB \|(.+)\|$", guide, re.MULTILINE)
    }

    assert set(rows) == {512, 2048, 4096}
    for memory, cells in rows.items():
        limits = [body_limit(memory, at_once) for at_once in (1, 2, 4, 8, 16, 32)]
        assert cells == [f"{limit:,}" if limit >= MIB else "-" for limit in limits], memory


def test_a_secret_that_is_not_valid_is_not_printed() -> None:
    done = preflight(
        COMPLETE | {"UPLOADS_EVENTS_URL": "https://hooks.example", "UPLOADS_EVENTS_SECRET": "whsec_c2hvcnQ="}
    )

    assert done.returncode == 1
    assert "UPLOADS_EVENTS_SECRET is not valid: it must be whsec_" in done.stdout
    assert "c2hvcnQ" not in done.stdout + done.stderr


def test_deliveries_can_be_configured() -> None:
    topic = "https://uploads.westeurope-1.eventgrid.azure.net/topics/sessions:publish?api-version=2023-11-01"
    done = preflight(
        COMPLETE
        | {"UPLOADS_FORWARD_URL": "https://graph.microsoft.com/v1.0", "UPLOADS_FORWARD_LAYOUTS": "graph,extended"}
        | {"UPLOADS_EVENTS_URL": topic, "UPLOADS_EVENTS_SECRET": EVENTS_SECRET}
    )

    assert done.returncode == 0, done.stdout


def test_every_variable_of_the_parameters_file_is_known() -> None:
    text = (INFRA / "preflight.py").read_text()

    assert [variable for variable in VARIABLES.values() if f'"{variable}"' not in text] == []


def test_the_azure_cli_tells_of_regions_and_providers(az: Path) -> None:
    answers: dict[str, object] = {
        "account show": {},
        "functionapp list-flexconsumption-locations": [{"name": "northeurope"}],
        "provider show --namespace Microsoft.App": {"registrationState": "NotRegistered"},
    }
    (az / "answers.json").write_text(json.dumps(answers))
    network = COMPLETE | {"DEPLOY_VIRTUAL_NETWORK": "true"}

    refused = preflight(network, str(az))
    assert refused.returncode == 1
    assert "'westeurope', which has no Flex Consumption; others: northeurope" in refused.stdout
    assert "az provider register --namespace Microsoft.App" in refused.stdout

    answers["provider show --namespace Microsoft.App"] = {"registrationState": "Registered"}
    (az / "answers.json").write_text(json.dumps(answers))
    assert preflight(network | {"AZURE_LOCATION": "northeurope"}, str(az)).returncode == 0


# register_app.py

GRAPH = "https://graph.example"


def test_the_script_registers_what_the_template_registers(tmp_path: Path) -> None:
    program = tmp_path / "az"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        "words = sys.argv[1:]\n"
        "with (pathlib.Path(__file__).parent / 'calls').open('a') as calls: calls.write(json.dumps(words) + '\\n')\n"
        "answers = {'account': 'the-tenant', 'cloud': '" + GRAPH + "/', 'rest': 'the-client'}\n"
        "print('' if 'patch' in words else answers[words[0]])\n"
    )
    program.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-S", str(INFRA / "register_app.py"), "prod", "--url", "https://uploads.example/"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "azd env set DEPLOY_CLIENT_ID the-client" in done.stdout
    assert "azd env set DEPLOY_IDENTIFIER_URI api://the-tenant/uploads-prod" in done.stdout
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    application, page, principal = [call for call in calls if "patch" in call]
    assert f"{GRAPH}/v1.0/applications(uniqueName='uploads-prod')" in application
    assert page[:-1] == application[:-1]
    assert f"{GRAPH}/v1.0/servicePrincipals(appId='the-client')" in principal
    assert all("Prefer=create-if-missing" in call for call in (application, principal))

    content = json.loads(application[-1])
    template = BicepFile(INFRA / "entra.bicep").declared("resources")["registration"]["config"]
    assert set(content) == set(template) - {"uniqueName"}
    assert content["signInAudience"] == template["signInAudience"]
    assert content["groupMembershipClaims"] == template["groupMembershipClaims"]
    assert set(content["api"]) == set(template["api"])
    assert content["spa"] == {"redirectUris": ["https://uploads.example/uploads"]}
    permissions = json.loads((INFRA / "permissions.json").read_text())
    assert content["appRoles"] == permissions["appRoles"]
    assert content["api"]["oauth2PermissionScopes"] == permissions["oauth2PermissionScopes"]
    scopes = [{"id": scope["id"], "type": "Scope"} for scope in permissions["oauth2PermissionScopes"]]
    required = [{"resourceAppId": "the-client", "resourceAccess": scopes}]
    assert json.loads(page[-1]) == {"requiredResourceAccess": required}
    assert json.loads(principal[-1]) == {"appRoleAssignmentRequired": True}


@pytest.mark.parametrize("script", ["register_app.py", "smoke.py"])
def test_a_script_runs_with_the_standard_library_only(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(INFRA / script), "--help"],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
