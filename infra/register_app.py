#!/usr/bin/env python3
"""Registers the app in Microsoft Entra, for an administrator whose Azure CLI is signed in: infra/register_app.py NAME.

The registration is the one that entra.bicep makes. Running it again updates it. Standard library and `az` only.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

PERMISSIONS = Path(__file__).resolve().parent / "permissions.json"


class AzError(Exception):
    """The Azure CLI is missing or failed; the message is what it said."""


def registration(name: str, tenant_id: str, url: str | None) -> dict[str, object]:
    """The app registration, as Microsoft Graph takes it (resource type application); ``url`` is the service's."""
    permissions = json.loads(PERMISSIONS.read_text())
    # Where the page at /uploads receives the answer of a sign-in.
    page = {"spa": {"redirectUris": [f"{url.rstrip('/')}/uploads"]}} if url else {}
    return {
        **page,
        "displayName": f"Upload sessions ({name})",
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [identifier_uri(name, tenant_id)],
        "groupMembershipClaims": "ApplicationGroup",
        "appRoles": permissions["appRoles"],
        "api": {
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": permissions["oauth2PermissionScopes"],
        },
    }


def page_permissions(client_id: str) -> dict[str, object]:
    """What the registration lists as the client with which the page signs people in: the scopes that it offers itself.

    Without the list Entra refuses to sign people in (AADSTS650057).
    """
    scopes = json.loads(PERMISSIONS.read_text())["oauth2PermissionScopes"]
    access = [{"id": scope["id"], "type": "Scope"} for scope in scopes]
    return {"requiredResourceAccess": [{"resourceAppId": client_id, "resourceAccess": access}]}


def identifier_uri(name: str, tenant_id: str) -> str:
    """The App ID URI, with the tenant's id in it, which Entra demands by default."""
    return f"api://{tenant_id}/uploads-{name}"


def register(name: str, url: str | None) -> tuple[str, str]:
    """Create or update the registration and its service principal; gives the client id and the App ID URI.

    Raises:
        AzError: the Azure CLI failed.
    """
    tenant_id = az("account", "show", "--query", "tenantId", "--output", "tsv")
    graph = az("cloud", "show", "--query", "endpoints.microsoftGraphResourceId", "--output", "tsv").rstrip("/")
    application = f"{graph}/v1.0/applications(uniqueName='uploads-{name}')"
    put(application, registration(name, tenant_id, url))
    client_id = az("rest", "--method", "get", "--url", application, "--query", "appId", "--output", "tsv")
    # Not before: it names the client id.
    put(application, page_permissions(client_id))
    # Nobody gets a token for the service unless they are assigned to it.
    put(f"{graph}/v1.0/servicePrincipals(appId='{client_id}')", {"appRoleAssignmentRequired": True})
    return client_id, identifier_uri(name, tenant_id)


def put(url: str, content: dict[str, object]) -> None:
    """Create something of Microsoft Graph, or update it if it is there ("Upsert application", Microsoft Graph)."""
    headers = ["Content-Type=application/json", "Prefer=create-if-missing"]
    az("rest", "--method", "patch", "--url", url, "--headers", *headers, "--body", json.dumps(content))


def az(*arguments: str) -> str:
    """What the Azure CLI prints.

    Raises:
        AzError: it is missing or failed.
    """
    program = shutil.which("az")
    if program is None:
        raise AzError("The Azure CLI (az) is not installed.")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AzError(f"az {' '.join(arguments[:3])} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def main() -> int:
    """Register the app, and print what the deployer has to set; gives the exit code."""
    parser = argparse.ArgumentParser(prog="register_app.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="name of the azd environment that will use it: letters, digits and hyphens")
    parser.add_argument("--url", help="where the service is, so that people can sign in to its page; may come later")
    arguments = parser.parse_args()
    name = arguments.name
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
        parser.error("the name must have 1 to 64 letters, digits and hyphens")
    try:
        client_id, uri = register(name, arguments.url)
    except AzError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print("Registered. The deployer sets:")
    print(f"    azd env set DEPLOY_CLIENT_ID {client_id}")
    print(f"    azd env set DEPLOY_IDENTIFIER_URI {uri}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
