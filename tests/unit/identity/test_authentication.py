"""The app does not start with insecure settings, and names the settings to change."""

import os
import subprocess
import sys
from uuid import uuid4

import pytest

from local.service import ROOT
from shared.core.environment import SettingsError
from shared.core.settings import Settings
from shared.identity.authentication import check_authentication, token_scope
from tests.support.forks import run_fork

TENANT = str(uuid4())
AUDIENCE = "api://uploads.contoso.com"
AZURE = {"WEBSITE_INSTANCE_ID": "1", "WEBSITE_SITE_NAME": "uploads"}


def settings(**given: object) -> Settings:
    return Settings.model_validate(given)


@pytest.mark.parametrize("environment", [{}, AZURE])
def test_entra_with_tenant_and_audience_is_allowed_everywhere(environment: dict[str, str]) -> None:
    check_authentication(settings(auth="entra", tenant_id=TENANT.upper(), audience=AUDIENCE), environment)


@pytest.mark.parametrize(
    ("audience", "scope"),
    [
        (TENANT, f"{TENANT}/.default"),
        (f"{TENANT},api://{TENANT}", f"api://{TENANT}/.default"),
        (f"https://uploads.contoso.com,{TENANT}", "https://uploads.contoso.com/.default"),
        (f"https://uploads.contoso.com,api://b,api://a,{TENANT}", "api://a/.default"),
    ],
)
def test_the_scope_for_clients_is_that_of_the_app_id_uri(audience: str, scope: str) -> None:
    assert token_scope(settings(audience=audience).audience) == scope


def test_none_is_allowed_on_a_development_machine() -> None:
    check_authentication(settings(auth="none"), {})


@pytest.mark.parametrize(
    ("given", "environment", "named"),
    [
        ({"auth": "entra"}, {}, "UPLOADS_TENANT_ID"),
        ({"auth": "entra", "tenant_id": "common", "audience": AUDIENCE}, {}, "UPLOADS_TENANT_ID"),
        ({"auth": "entra", "tenant_id": TENANT}, {}, "UPLOADS_AUDIENCE"),
        ({"auth": "entra", "tenant_id": TENANT, "audience": " , "}, {}, "UPLOADS_AUDIENCE"),
        (
            {
                "auth": "entra",
                "tenant_id": TENANT,
                "audience": f"{AUDIENCE},00000003-0000-0000-C000-000000000000",
            },
            {},
            "Microsoft Graph",
        ),
        (
            {"auth": "entra", "tenant_id": TENANT, "audience": "https://graph.microsoft.com/"},
            {},
            "Microsoft Graph",
        ),
        ({"auth": "entra", "tenant_id": TENANT, "audience": "https://graph.microsoft.us"}, {}, "Microsoft Graph"),
        (
            {"auth": "entra", "tenant_id": TENANT, "audience": AUDIENCE, "authority": "http://login.example"},
            {},
            "UPLOADS_AUTHORITY",
        ),
        ({"auth": "none"}, AZURE, "UPLOADS_AUTH=none"),
        ({"auth": "none"}, {"WEBSITE_INSTANCE_ID": "1"}, "WEBSITE_INSTANCE_ID"),
        ({"auth": "none"}, {"WEBSITE_SITE_NAME": "uploads"}, "WEBSITE_SITE_NAME"),
        ({"auth": "none"}, {"CONTAINER_APP_NAME": "uploads"}, "CONTAINER_APP_NAME"),
    ],
)
def test_the_app_does_not_start_with_insecure_settings(
    given: dict[str, object], environment: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        check_authentication(settings(**given), environment)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "UPLOADS_TENANT_ID"),
        ({"UPLOADS_AUTH": "none", **AZURE}, "UPLOADS_AUTH=none disables authentication"),
        ({"UPLOADS_AUTH": "off"}, "UPLOADS_AUTH: Input should be"),
    ],
    ids=["nothing is set", "none in Azure", "no such way"],
)
def test_the_app_cannot_be_imported_with_insecure_settings(environment: dict[str, str], said: str) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "WEBSITE_"))}

    done = run_fork(["function_app"], ours | environment)

    assert done.returncode != 0
    assert said in done.stderr


def test_the_local_host_reports_the_error_in_one_line() -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "WEBSITE_"))}

    insecure = {"UPLOADS_AUTH": "entra", "UPLOADS_STORAGE": "UseDevelopmentStorage=true"}
    done = run_fork(["local", "--port", "0"], ours | insecure)

    assert done.returncode == 1
    assert "UPLOADS_TENANT_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_function_requires_a_key_of_azure() -> None:
    """Neither a probe nor a browser that opens the page has one."""
    code = (
        "from function_app import app\n"
        "routed = [f for f in app.get_functions() if hasattr(f.get_trigger(), 'route')]\n"
        "print({f.get_trigger().auth_level.name for f in routed})"
    )
    environment = os.environ | {"UPLOADS_AUTH": "none", "UPLOADS_FUNCTION_KEYS": ""}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "{'ANONYMOUS'}\n"
