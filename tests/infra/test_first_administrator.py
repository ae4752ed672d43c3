"""From a deployment to an owner's first upload: the commands of docs/deploy.md, and an issuer as strict as Entra."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from local.registration import Registration
from local.service import ROOT
from local.sign_in import Person
from tests.docs.documents import code_blocks
from tests.support.access_files import access_file
from tests.support.authority import CLIENT_ID, READ_WRITE_ALL, Authority, running_authority
from tests.support.bicep import INFRA, BicepFile
from tests.support.client import Resource, assert_error, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service
from tests.support.tenant import CommandError, Tenant

GRACE, OSCAR = "grace@contoso.com", "oscar@contoso.com"
URI = "api://7e4a7e4a-0000-4000-8000-000000000009/uploads-token"


def test_the_commands_of_the_documents_lead_to_an_owners_first_upload(storage: Storage, tmp_path: Path) -> None:
    consent, administrator, owner = commands()
    with deployed(storage, tmp_path) as (url, tenant, authority):
        assert sign_in(url, authority, tenant, GRACE) == "AADSTS50105", "nobody is assigned by the deployment"

        run(tmp_path, consent + administrator)

        with http_client(url, sign_in(url, authority, tenant, GRACE)) as http:
            resource = Resource(http)
            place = f"{resource.catalog_id}/{resource.resource_id}"
            assert http.put(f"/v1.0/uploads/resources/{place}", json={"displayName": "Badges"}).status_code == 200
            session = resource.new_session()
            grant = f"catalogs/{resource.catalog_id}/resources/{resource.resource_id}/principals/"
            given = http.put(f"/v1.0/uploads/grants/{grant}{tenant.object_id(OSCAR)}", json={"role": "owner"})
            assert given.status_code == 200, given.text
        assert sign_in(url, authority, tenant, OSCAR) == "AADSTS50105"

        # In the same shell: the function stays, and the administrator is not assigned twice.
        run(tmp_path, consent + administrator.rpartition("assign ")[0] + owner)

        with http_client(url, sign_in(url, authority, tenant, OSCAR)) as http:
            sent = http.post(f"{session.path}/uploadFile", files={"file": ("badges.csv", access_file(), "text/csv")})
            assert sent.status_code == 200, sent.text
            assert_error(Resource(http).create(), 404, "itemNotFound")


def test_without_consent_the_first_administrator_gets_no_token(storage: Storage, tmp_path: Path) -> None:
    _, administrator, _ = commands()
    with deployed(storage, tmp_path) as (url, tenant, authority):
        run(tmp_path, f"client={CLIENT_ID}\n{administrator}")

        assert sign_in(url, authority, tenant, GRACE) == "AADSTS65001"


@pytest.mark.parametrize(
    ("role", "reason"),
    [(str(UUID(int=0)), "was not found"), ("", "was not found"), ("again", "already exists")],
    ids=["the default role", "a name that is misspelled", "twice"],
)
def test_the_tenant_refuses_what_graph_refuses(tmp_path: Path, role: str, reason: str) -> None:
    tenant = Tenant.with_application(tmp_path, CLIENT_ID, registered(""), [GRACE])
    url = f"https://graph.microsoft.com/v1.0/servicePrincipals/{tenant.service}/appRoleAssignedTo"

    def assign(role: str) -> None:
        body = (
            f'{{"principalId": "{tenant.object_id(GRACE)}", "resourceId": "{tenant.service}", "appRoleId": "{role}"}}'
        )
        tenant.run("az", "rest", "--method", "post", "--url", url, "--body", body)

    if role == "again":
        role = tenant.run("az", "ad", "sp", "show", "--id", CLIENT_ID, "--query", ROLE_QUERY, "-o", "tsv")
        assign(role)

    with pytest.raises(CommandError, match=reason):
        assign(role)


ROLE_QUERY = f"appRoles[?value=='{READ_WRITE_ALL}'].id"


def commands() -> Sequence[str]:
    """The three blocks of "Access for people": the consent, the first administrator, and an owner."""
    blocks = [block for block in code_blocks(ROOT / "docs" / "deploy.md") if Path(__file__).name in block.marker]
    assert len(blocks) == 3
    return [block.text for block in blocks]


def run(folder: Path, script: str) -> None:
    """Run commands with the tenant's ``az`` and ``azd``; each must succeed."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("az", "azd"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.support.tenant {folder} {name} "$@"\n')
        program.chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def deployed(storage: Storage, folder: Path) -> Iterator[tuple[str, Tenant, Authority]]:
    """A service with the registration that the templates make, in a tenant in which nothing was done yet."""
    with running_authority() as authority:
        settings = authority.settings | {"audience": f"{CLIENT_ID},{URI}"}
        with running_service(storage.connection_string, None, (), **settings) as url:
            content = registered(url)
            authority.registered(Registration(CLIENT_ID, content))
            yield url, Tenant.with_application(folder, CLIENT_ID, content, [GRACE, OSCAR]), authority


def registered(url: str) -> Mapping[str, Any]:
    """The app registration of the templates for the service at an address: entra.bicep, and then entra-page.bicep."""
    values: dict[str, Any] = {"clientId": CLIENT_ID, "identifierUri": URI, "redirectUri": f"{url}/uploads"}
    content: dict[str, Any] = {}
    first, second = BicepFile(INFRA / "entra.bicep"), BicepFile(INFRA / "entra-page.bicep")
    assert "var permissions = loadJsonContent('permissions.json')\n" in first.text
    values["permissions"] = json.loads((INFRA / "permissions.json").read_text())
    values["registration"] = {"appId": CLIENT_ID}
    given = evaluated(first.declared("modules")["page"]["config"]["params"], values)
    for file, named in ((first, values), (second, values | given)):
        content |= evaluated(file.declared("resources")["registration"]["config"], named)
    return content


def evaluated(parsed: Any, values: Mapping[str, Any]) -> Any:
    """The value of a parsed expression, as far as the registration has such."""
    match parsed:
        case str():
            return values.get(parsed, parsed)
        case {"operator": {"type": "property_accessor", "operands": {"operand_1": of, "operand_2": name}}}:
            return values[of][name]
        case {"function": {"type": "map", "parameters": {"arg_1": items, "arg_2": {"detail": each}}}}:
            return [evaluated(each["expression"], {**values, each["var_1"]: item}) for item in values[items]]
        case dict():
            return {name: evaluated(value, values) for name, value in parsed.items()}
        case list():
            return [evaluated(each, values) for each in parsed]
        case _:
            return parsed


def sign_in(url: str, authority: Authority, tenant: Tenant, user: str) -> str:
    """A token that a person gets by signing in as the page does; the code of the refusal if they get none."""
    tenant = Tenant(tenant.folder)
    authority.sign_in.consented = tenant.consented
    authority.sign_in.people = [Person(user, user, tenant.object_id(user), tenant.roles(user), "")]
    page = httpx.get(f"{url}/uploads/config").json()["auth"]
    base, verifier = f"{page['authority']}/oauth2/v2.0", "v" * 43
    asked = {"client_id": page["clientId"], "redirect_uri": f"{url}/uploads", "scope": f"openid {page['scope']}"}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = asked | {"code_challenge": challenge, "code_challenge_method": "S256", "response_type": "code"}
    shown = httpx.get(f"{base}/authorize", params=query)
    assert shown.status_code == 200, shown.text
    picked = httpx.get(f"{base}/pick", params=query | {"person": user})
    if picked.status_code != httpx.codes.FOUND:
        return _code(picked.text)
    code = parse_qs(urlsplit(picked.headers["Location"]).query)["code"][0]
    form = asked | {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return str(httpx.post(f"{base}/token", data=form).json()["access_token"])


def _code(text: str) -> str:
    found = re.search(r"AADSTS\d+", text)
    assert found is not None, text
    return found[0]
