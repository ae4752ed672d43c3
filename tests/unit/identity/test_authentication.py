"""The app does not start with insecure settings, and names the settings to change."""

import os
from uuid import UUID, uuid4

import pytest

from page.configuration import page_configuration
from shared.core.environment import SettingsError
from shared.core.settings import Settings
from shared.identity.authentication import check_authentication, token_scope
from tests.support.forks import run_fork
from tests.support.registered import functions

TENANT = str(uuid4())
IN_AZURE = {"WEBSITE_SITE_NAME": "uploads"}
AUDIENCE = "api://uploads.contoso.com"


def settings(**given: object) -> Settings:
    return Settings.model_validate(given)


@pytest.mark.parametrize("address", ["http://localhost:7071", "https://uploads.contoso.com"])
def test_entra_with_tenant_and_audience_is_allowed_everywhere(address: str) -> None:
    check_authentication(
        settings(auth="entra", tenant_id=TENANT.upper(), audience=AUDIENCE, public_url=address), IN_AZURE
    )


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


@pytest.mark.parametrize(
    ("client", "scope"),
    [
        (TENANT, f"{TENANT}/access_as_user"),
        (TENANT.upper(), f"{TENANT.upper()}/access_as_user"),
        ("", f"{TENANT}/access_as_user"),
        (str(UUID(int=1)), f"{AUDIENCE}/.default"),
    ],
    ids=["the API's own registration", "in capitals", "not set", "another registration"],
)
def test_the_page_names_its_own_registration_by_the_client_id(client: str, scope: str) -> None:
    config = settings(auth="entra", tenant_id=TENANT, audience=f"{TENANT},{AUDIENCE}", page_client_id=client)

    assert page_configuration(config, {})["auth"]["scope"] == scope


def test_none_is_allowed_on_a_development_machine() -> None:
    for address in ("http://localhost:7071", "http://127.0.0.1:7071", "http://[::1]:7071"):
        check_authentication(settings(auth="none", public_url=address), {})
        # As where settings of a development machine are published with the app.
        with pytest.raises(SettingsError, match="WEBSITE_SITE_NAME shows that it runs in Azure"):
            check_authentication(settings(auth="none", public_url=address), IN_AZURE)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"auth": "entra"}, "UPLOADS_TENANT_ID"),
        ({"auth": "entra", "tenant_id": "common", "audience": AUDIENCE}, "UPLOADS_TENANT_ID"),
        ({"auth": "entra", "tenant_id": TENANT}, "UPLOADS_AUDIENCE"),
        ({"auth": "entra", "tenant_id": TENANT, "audience": " , "}, "UPLOADS_AUDIENCE"),
        (
            {
                "auth": "entra",
                "tenant_id": TENANT,
                "audience": f"{AUDIENCE},00000003-0000-0000-C000-000000000000",
            },
            "Microsoft Graph",
        ),
        (
            {"auth": "entra", "tenant_id": TENANT, "audience": "https://graph.microsoft.com/"},
            "Microsoft Graph",
        ),
        ({"auth": "entra", "tenant_id": TENANT, "audience": "https://graph.microsoft.us"}, "Microsoft Graph"),
        (
            {"auth": "entra", "tenant_id": TENANT, "audience": AUDIENCE, "authority": "http://login.example"},
            "UPLOADS_AUTHORITY",
        ),
        ({"auth": "none", "public_url": "https://uploads.contoso.com"}, "UPLOADS_AUTH=none"),
        ({"auth": "none", "public_url": "http://192.168.0.7:7071"}, "UPLOADS_AUTH=none"),
        ({"auth": "none", "public_url": "http://localhost.contoso.com"}, "UPLOADS_AUTH=none"),
    ],
)
def test_the_app_does_not_start_with_insecure_settings(given: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        check_authentication(settings(**given), {})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "UPLOADS_TENANT_ID"),
        (
            {"UPLOADS_AUTH": "none", "WEBSITE_HOSTNAME": "uploads.azurewebsites.net"},
            "UPLOADS_AUTH=none disables authentication",
        ),
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
    triggers = [function.get_trigger() for function in functions()]

    assert {trigger.auth_level.name for trigger in triggers if hasattr(trigger, "route")} == {"ANONYMOUS"}
