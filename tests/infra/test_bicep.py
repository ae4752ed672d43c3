"""The templates as far as they can be checked without the compiler: syntax, names, modules, roles, models, settings."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum, EnumMeta
from fnmatch import fnmatch
from importlib import import_module
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from local.service import ROOT
from page.configuration import SIGN_IN_SCOPE
from shared.core.settings import Settings
from shared.domain.callers import READ_ALL, READ_WRITE_ALL
from shared.web.host import COMPRESSION
from tests.support.bicep import DECORATORS, FUNCTIONS, INFRA, TYPES, BicepFile, bicep_files

FILES = bicep_files()
MAIN = BicepFile(INFRA / "main.bicep")

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.name)

# "Azure built-in roles" (Microsoft): the same ids in every tenant. No others may be assigned.
BUILT_IN_ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# The models of Azure's management SDKs, which are generated from the same specifications as Bicep's types.
MODELS = {
    "Microsoft.Web/serverfarms": "AppServicePlan",
    "Microsoft.Web/sites": "Site",
    "Microsoft.Web/sites/config": "StringDictionary",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "CsmPublishingCredentialsPoliciesEntity",
    "Microsoft.Storage/storageAccounts": "StorageAccountCreateParameters",
    "Microsoft.Storage/storageAccounts/blobServices": "BlobServiceProperties",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "BlobContainer",
    "Microsoft.Storage/storageAccounts/tableServices": "TableServiceProperties",
}
# Of Bicep itself, in every resource.
META = {"name", "parent", "scope", "dependsOn", "location", "tags"}


def resources(file: BicepFile) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """The resources that a file creates: name, declaration, and configuration without its loop or condition."""
    for name, resource in file.declared("resources").items():
        config = resource["config"]
        while "loop_type" in config or ("condition" in config and "config" in config):
            config = config["config"]
        if not resource["existing"]:
            yield name, resource, config


def leaves(value: object) -> Iterator[object]:
    """Every value of a tree."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


# Syntax and names


def test_there_are_the_files_that_tools_look_for() -> None:
    assert {"main.bicep", "app.bicep", "roles.bicep", "storage.bicep"} <= {file.path.name for file in FILES}
    assert MAIN.parsed["globals"]["scope"]["value"] == "subscription"


@each_file
def test_a_file_parses_and_is_small(file: BicepFile) -> None:
    assert file.parsed
    assert len(file.text.splitlines()) < 300
    assert file.text.startswith("//"), "its first lines say what it is for"


@each_file
def test_every_name_that_is_used_is_declared(file: BicepFile) -> None:
    # Extensions declare types, not names.
    assert set(file.used()) - file.names == set()


@each_file
def test_every_parameter_and_variable_is_used(file: BicepFile) -> None:
    uses = Counter(file.used())
    declared = [*file.declared("parameters"), *file.declared("variables")]

    assert [name for name in declared if not uses[name]] == []


@each_file
def test_only_known_functions_decorators_and_types_are_used(file: BicepFile) -> None:
    assert file.called <= FUNCTIONS
    assert set(re.findall(r"^@(\w+)", file.text, re.MULTILINE)) <= DECORATORS
    assert set(re.findall(r"^(?:param|output) \w+ (\w+)", file.text, re.MULTILINE)) <= TYPES


@each_file
def test_modules_get_what_they_need_and_nothing_else(file: BicepFile) -> None:
    for name, module in file.declared("modules").items():
        assert module["type"] == "local", f"{name}: everything is readable here, nothing comes from a registry"
        inner = BicepFile(file.path.parent / module["detail"]["path"])
        assert inner.path.exists(), name
        config = module["config"]
        given = set(config.get("config", config)["params"])
        assert inner.required <= given, name
        assert given <= set(inner.declared("parameters")), name


@each_file
def test_outputs_of_modules_exist(file: BicepFile) -> None:
    for name, output in file.outputs_read:
        module = file.declared("modules")[name]
        inner = BicepFile(file.path.parent / module["detail"]["path"])
        assert output in inner.declared("outputs"), f"{name}.outputs.{output}"


def test_every_file_is_part_of_the_deployment() -> None:
    reached, waiting = set(), [MAIN]
    while waiting:
        file = waiting.pop()
        reached.add(file.path)
        waiting += [
            BicepFile(file.path.parent / module["detail"]["path"]) for module in file.declared("modules").values()
        ]

    assert {file.path for file in FILES} == reached


@each_file
def test_api_versions_are_pinned_and_one_a_type(file: BicepFile) -> None:
    versions: dict[str, set[str]] = {}
    for each in FILES:
        for _, resource, _ in resources(each):
            versions.setdefault(resource["type"], set()).add(resource["api_version"])

    assert all(len(found) == 1 for found in versions.values()), versions
    for _, resource, _ in resources(file):
        # Azure has no stable version of diagnostic settings newer than this preview.
        preview = resource["type"] == "Microsoft.Insights/diagnosticSettings"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d" + ("-preview" if preview else ""), resource["api_version"]) or (
            resource["type"].startswith("Microsoft.Graph/") and resource["api_version"] == "v1.0"
        )


@each_file
def test_files_that_are_loaded_exist(file: BicepFile) -> None:
    for name in re.findall(r"load\w+\('([^']+)'", file.text):
        assert (file.path.parent / name).exists(), name


# Parameters


def parameters() -> dict[str, Any]:
    """What main.parameters.json gives to main.bicep."""
    given: dict[str, Any] = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    return {name: parameter["value"] for name, parameter in given.items()}


def test_the_parameters_file_has_every_parameter() -> None:
    assert set(parameters()) == set(MAIN.declared("parameters"))


def test_defaults_are_the_same_in_both_files() -> None:
    for name, value in parameters().items():
        default = MAIN.declared("parameters")[name].get("default")
        if isinstance(value, str) and default is not None:
            found = re.fullmatch(r"\$\{[A-Z_]+=(.*)\}", value)
            assert found, f"{name} has a default that azd does not know"
            expected = str(default).lower() if isinstance(default, bool) else str(default)
            assert found[1] == expected, name


def test_deploy_md_describes_every_variable() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text()
    variables = re.findall(r"\$\{((?:DEPLOY|UPLOADS)_[A-Z_]+)", (INFRA / "main.parameters.json").read_text())

    assert variables
    assert [name for name in variables if f"`{name}`" not in guide] == []


# Settings


def setting_names() -> set[str]:
    """Every name under which the app reads a setting."""
    return {str(field.validation_alias) for field in Settings.model_fields.values()}


# Read by the Functions host or its Python worker: "App settings reference for Azure Functions" (Microsoft).
HOST_SETTINGS = {
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsDisableHomepage",
    "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests",
    "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
}


def app_settings() -> set[str]:
    """The names that app.bicep sets."""
    app = BicepFile(INFRA / "app.bicep")
    starts = "UPLOADS|AzureWebJobs|AzureFunctionsJobHost|FUNCTIONS|APPLICATIONINSIGHTS|PYTHON|OTEL"
    return set(re.findall(rf"\b((?:{starts})\w*):", app.code))


def test_the_app_reads_every_setting_that_it_is_given() -> None:
    given = app_settings()

    assert given - HOST_SETTINGS <= setting_names()
    assert given >= HOST_SETTINGS


def test_what_flex_consumption_refuses_is_not_set() -> None:
    # "Flex Consumption plan deprecations" (Microsoft).
    refused = {
        "ENABLE_ORYX_BUILD",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_TIME_ZONE",
        "TZ",
    }
    app = BicepFile(INFRA / "app.bicep")

    assert not refused & set(re.findall(r"\w+", app.code))
    assert not re.search(r"\b(linuxFxVersion|alwaysOn|netFrameworkVersion|functionAppScaleLimit):", app.code)


def test_an_instance_takes_as_many_bodies_at_once_as_its_memory_was_chosen_for() -> None:
    app = BicepFile(INFRA / "app.bicep").code

    assert "perInstanceConcurrency: httpConcurrency\n" in app
    # The platform distributes requests by the one above; the host itself holds to this one.
    assert "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests: string(httpConcurrency)\n" in app
    assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(maxBodyBytes)\n" in app


def test_the_largest_file_passes_the_host_compressed() -> None:
    defaults = {name: each.get("default") for name, each in MAIN.declared("parameters").items()}

    assert defaults["maxFileBytes"] == defaults["maxBodyBytes"] * COMPRESSION


# Access


def test_role_ids_are_those_of_the_table() -> None:
    roles = BicepFile(INFRA / "roles.bicep")
    table = roles.declared("variables")["roleIds"]["value"]

    assert table == BUILT_IN_ROLES
    for name in table:
        assert roles.code.count(f"roleIds.{name}") == 2, "once in the name of the assignment, once as its role"
    for file in FILES:
        ids = set(GUID.findall(file.text)) - set(table.values())
        assert file.path.name == "entra.bicep" or not ids, "no role hides elsewhere"


def test_each_assignment_is_for_one_account_and_has_its_reason() -> None:
    roles = BicepFile(INFRA / "roles.bicep")
    assignments = {name: config for name, _, config in resources(roles)}

    assert len(assignments) == len(BUILT_IN_ROLES)
    for name, config in assignments.items():
        assert config["scope"] in {"hostStorage", "dataStorage", "component"}, "never the whole resource group"
        assert config["properties"]["principalType"] == "ServicePrincipal"
        found = re.search(rf"^// .+\nresource {name} .*\n  name: guid\((\w+)\.id, identity\.id, ", roles.text, re.M)
        assert found, f"{name} has no reason above it, or no name that is the same at each deployment"
        assert found[1] == config["scope"]


@each_file
def test_nothing_has_a_key_or_a_secret(file: BicepFile) -> None:
    secret = r"listKeys|listAccountSas|listServiceSas|AccountKey|SharedAccess|InstrumentationKey|getSecret"
    assert not re.search(secret, file.text, re.IGNORECASE)
    # But the one with which receivers of events verify them, if the deployer gives one.
    given = re.sub(r"eventsSecret: eventsSecret\n|UPLOADS_EVENTS_SECRET: eventsSecret }", "", file.code)
    assert not re.search(r"\b\w*(password|secret)\w*:", given, re.IGNORECASE)


def test_the_secret_of_events_is_secure_wherever_it_is_passed() -> None:
    for file in FILES:
        secure = [name for name, each in file.declared("parameters").items() if secured(each)]
        named = [name for name in file.declared("parameters") if "secret" in name.lower()]
        assert secure == named == (["eventsSecret"] if file.path.name in ("main.bicep", "app.bicep") else [])
        assert not re.search(r"^output .*secret", file.code, re.IGNORECASE | re.MULTILINE)


def secured(parameter: Mapping[str, Any]) -> bool:
    return any(decorator["type"] == "secure" for decorator in parameter.get("decorators", []))


def test_the_app_reaches_the_queue_that_wakes_its_deliveries() -> None:
    app, network = BicepFile(INFRA / "app.bicep"), BicepFile(INFRA / "network.bicep")

    services = {name: f"UPLOADS_STORAGE__{name}ServiceUri" for name in ("blob", "table", "queue")}
    assert set(services.values()) <= app_settings()
    for name in services:
        assert f"dataStorage.outputs.{name}Endpoint" in MAIN.code
        assert f"privatelink.{name}." in network.text
        assert re.search(
            rf"storageName: dataStorageName\n    service: '{name}'\n.*\n    zoneId: {name}Zone.id", network.text
        )
    assert app.code.count("UPLOADS_FORWARD_URL") == app.code.count("UPLOADS_EVENTS_URL") == 1


def test_accounts_take_identities_only() -> None:
    (account,) = [config for name, _, config in resources(BicepFile(INFRA / "storage.bicep")) if name == "account"]
    properties = account["properties"]

    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["supportsHttpsTrafficOnly"] is True
    monitoring = {name: config["properties"] for name, _, config in resources(BicepFile(INFRA / "monitoring.bicep"))}
    assert monitoring["component"]["DisableLocalAuth"] is True
    assert monitoring["workspace"]["features"]["disableLocalAuth"] is True


def test_the_app_registration_offers_what_the_app_asks_for() -> None:
    permissions = json.loads((INFRA / "permissions.json").read_text())
    roles = {role["value"]: role for role in permissions["appRoles"]}
    scopes = {scope["value"]: scope for scope in permissions["oauth2PermissionScopes"]}

    # With roles that people can have, nobody can be assigned without one: the third is for those who have grants only.
    assert set(roles) == {READ_ALL, READ_WRITE_ALL, "UploadSessions.SignIn"}
    assert set(scopes) == {READ_ALL, READ_WRITE_ALL, SIGN_IN_SCOPE}
    assert len({each["id"] for each in (*roles.values(), *scopes.values())}) == 4
    assert all(role["allowedMemberTypes"] == ["User", "Application"] for role in roles.values())
    assert all(each["isEnabled"] for each in (*roles.values(), *scopes.values()))
    assert {name for name, scope in scopes.items() if scope["type"] == "Admin"} == {READ_ALL, READ_WRITE_ALL}
    for name in set(roles) & set(scopes):
        # Entra refuses a value that is a role and a scope unless all of these are the same.
        role, scope = roles[name], scopes[name]
        assert (role["id"], role["displayName"], role["description"]) == (
            scope["id"],
            scope["adminConsentDisplayName"],
            scope["adminConsentDescription"],
        )


def test_the_registration_lists_its_own_scopes_as_the_pages_client() -> None:
    """Else Entra refuses to sign people in: AADSTS650057."""
    entra = BicepFile(INFRA / "entra.bicep")
    registration = entra.declared("resources")["registration"]["config"]
    given = entra.declared("modules")["page"]["config"]["params"]
    client = BicepFile(INFRA / "entra-page.bicep")
    page = client.declared("resources")["registration"]["config"]
    (required,) = page["requiredResourceAccess"]

    assert set(page) == {"uniqueName", "displayName", "requiredResourceAccess"}
    assert page["uniqueName"] == registration["uniqueName"] == given["uniqueName"]
    assert required["resourceAppId"] == "clientId"
    assert "clientId: registration.appId\n    scopes: permissions.oauth2PermissionScopes\n" in entra.code
    assert "resourceAccess: map(scopes, scope => { id: scope.id, type: 'Scope' })\n" in client.text


# Azure's own models


def model_of(kind: str) -> type[Any]:
    """The model of a type of resource. The SDKs are imported only where they are used: it takes a second."""
    models = import_module(f"azure.mgmt.{'web' if kind.startswith('Microsoft.Web/') else 'storage'}.models")
    model: type[Any] = getattr(models, MODELS[kind])
    return model


def model_fields(model: type[Any]) -> dict[str, Any]:
    """The properties of a model by their names in JSON, with their types."""
    hints: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        if base is not object and "__annotations__" in vars(base):
            # Imported by the SDK for type checkers only.
            package = sys.modules[base.__module__.removesuffix("._models")]
            hints |= get_type_hints(base, localns={"_models": package})
    fields = {
        name: field for base in reversed(model.__mro__) for name, field in vars(base).items() if is_rest_field(field)
    }
    return {field._rest_name_input or name: hints[name] for name, field in fields.items()}


def is_rest_field(field: object) -> bool:
    return type(field).__name__ == "_RestField"


def unknown(value: object, expected: Any, path: str, names: frozenset[str] = frozenset()) -> Iterator[str]:
    """What of a value the model does not know: properties, and words that its enumeration does not have.

    ``names`` are those of the file, since the parser does not tell a name from a string.
    """
    options = get_args(expected) if get_origin(expected) is Union or "UnionType" in str(type(expected)) else [expected]
    options = [option for option in options if option is not type(None)]
    if isinstance(value, list):
        inner = [get_args(option)[0] for option in options if get_origin(option) is list]
        assert inner, f"{path} is no list"
        for each in value:
            yield from unknown(each, inner[0], f"{path}[]", names)
    elif isinstance(value, Mapping):
        if set(value) & {"operator", "function"} or any(get_origin(option) is dict for option in options):
            return  # an expression, or a map with free keys
        (model,) = [option for option in options if isinstance(option, type) and not isinstance(option, EnumMeta)]
        fields = model_fields(model)
        for name, each in value.items():
            if name in fields:
                yield from unknown(each, fields[name], f"{path}.{name}", names)
            elif path or name not in META:
                yield f"{path}.{name}"
    elif isinstance(value, str) and value not in names:
        words: set[object] = {
            str(word.value) for option in options if isinstance(option, EnumMeta) for word in list[Enum](option)
        }
        if words and value not in words:
            yield f"{path}: {value}"


def test_azures_models_know_every_property() -> None:
    for file in FILES:
        for name, resource, config in resources(file):
            if resource["type"].startswith(("Microsoft.Web/", "Microsoft.Storage/")):
                model = model_of(resource["type"])
                assert list(unknown(config, model, "", frozenset(file.names))) == [], f"{file.path.name}: {name}"


def test_the_check_against_models_finds_what_is_misspelled() -> None:
    site = {"name": "x", "properties": {"functionAppConfig": {"scaleAndConcurrency": {"instanceMemory": 2048}}}}
    assert list(unknown(site, model_of("Microsoft.Web/sites"), "")) == [
        ".properties.functionAppConfig.scaleAndConcurrency.instanceMemory"
    ]
    identity = {"identity": {"type": "UserAsigned"}}
    assert list(unknown(identity, model_of("Microsoft.Web/sites"), "")) == [".identity.type: UserAsigned"]


# azd


def test_azd_finds_the_template_and_its_hooks() -> None:
    text = (ROOT / "azure.yaml").read_text()

    assert re.search(r"path: infra\n  module: main\n", text)
    assert "host: function" in text
    (service,) = re.findall(r"^services:\n  (\w+):", text, re.MULTILINE)
    assert f"'azd-service-name': '{service}'" in (INFRA / "app.bicep").read_text()
    assert "'azd-env-name': environmentName" in MAIN.text
    for script in re.findall(r"infra/\w+\.py", text):
        assert (ROOT / script).exists(), script
    for variable in re.findall(r"\$(?:env:)?(DEPLOYED_\w+)", text):
        assert variable in MAIN.declared("outputs"), variable


def test_only_what_runs_in_azure_is_deployed() -> None:
    left_out = [line.rstrip("/") for line in (ROOT / ".funcignore").read_text().splitlines() if line[0] != "#"]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    entries = {line.split("/")[0] for line in tracked.splitlines()}

    shipped = {name for name in entries if not any(fnmatch(name, pattern) for pattern in left_out)}

    operations = {path.parent.name for path in ROOT.glob("*/*.py") if "func.Blueprint()" in path.read_text()}
    assert shipped == operations | {"function_app.py", "host.json", "requirements.txt", "shared"}
    # What people have beside the project's files; the last three are environments, the last one made by `azd restore`.
    others = [".env", ".env.local", "data.csv", "access.xlsx", "send.log", ".vscode", "venv", "env", "main_env"]
    assert [name for name in others if not any(fnmatch(name, pattern) for pattern in left_out)] == []


def test_azd_is_as_new_as_the_templates_need() -> None:
    """ "Minimum required Bicep version: v0.36.1" (Microsoft Graph Bicep templates), which azd has since 1.17.0."""
    assert 'azd: ">= 1.17.0"' in (ROOT / "azure.yaml").read_text()
    assert re.search(r"install-azd\) 1\.17 or newer", (ROOT / "docs" / "deploy.md").read_text())


def test_the_authority_of_each_cloud_is_the_issuer_of_its_tokens() -> None:
    """That of China is not what the cloud's own metadata calls ``loginEndpoint`` ("National clouds", Microsoft)."""
    guide = (ROOT / "docs" / "access-control.md").read_text()
    china = re.search(r"var chinaAuthorities = \{(.*?)\}", (INFRA / "app.bicep").read_text(), re.DOTALL)

    assert china is not None
    for issuer in ("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn"):
        assert f"'{issuer}'" in china[1]
        assert issuer in guide
