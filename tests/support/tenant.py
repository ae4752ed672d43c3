"""A tenant's directory in miniature, and the commands of the Azure CLI and azd that change it, as strict as they are.

``python -m tests.support.tenant FOLDER PROGRAM ARGUMENT...`` is ``az`` or ``azd`` for the tenant of a folder.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from uuid import NAMESPACE_DNS, uuid5

_GRAPH = "https://graph.microsoft.com/v1.0"


class CommandError(Exception):
    """What a command says on its error stream when it fails."""


class Tenant:
    """One app registration, its enterprise application, and users; kept in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "tenant.json"
        self._state: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}

    @classmethod
    def with_application(cls, folder: Path, client_id: str, content: Mapping[str, Any], users: Sequence[str]) -> Self:
        """A new tenant, in which nobody has consented to anything or is assigned."""
        tenant = cls(folder)
        tenant._state = {
            "clientId": client_id,
            "application": dict(content),
            "servicePrincipal": str(uuid5(NAMESPACE_DNS, client_id)),
            "users": {user: str(uuid5(NAMESPACE_DNS, user)) for user in users},
            "consented": [],
            "assigned": [],
        }
        tenant._save()
        return tenant

    @property
    def consented(self) -> list[str]:
        """The scopes to which an administrator has consented, by their values."""
        scopes = self._state["application"]["api"]["oauth2PermissionScopes"]
        return [scope["value"] for scope in scopes if scope["id"] in self._state["consented"]]

    def object_id(self, user: str) -> str:
        """The object id of a user.

        Raises:
            CommandError: there is no such user.
        """
        if user not in self._state["users"]:
            raise CommandError(f"Resource '{user}' does not exist or one of its queried reference-property objects")
        return str(self._state["users"][user])

    def roles(self, user: str) -> tuple[str, ...]:
        """The roles that are assigned to a user, by their values."""
        assigned = {role for principal, role in self._state["assigned"] if principal == self.object_id(user)}
        return tuple(role["value"] for role in self._state["application"]["appRoles"] if role["id"] in assigned)

    def run(self, *command: str) -> str:
        """What a command prints.

        Raises:
            CommandError: it fails, or is none that this tenant knows.
        """
        match command:
            case ("azd", "env", "get-value", "DEPLOYED_CLIENT_ID"):
                return str(self._state["clientId"])
            case ("az", "ad", "app", "permission", "admin-consent", "--id", self.client_id):
                return self._consent()
            case ("az", "ad", "sp", "show", "--id", (self.client_id | self.service), "--query", query, "-o", "tsv"):
                return self._queried({"id": self.service, "appRoles": self._state["application"]["appRoles"]}, query)
            case ("az", "ad", "user", "show", "--id", user, "--query", query, "-o", "tsv"):
                return self._queried({"id": self.object_id(user)}, query)
            case ("az", "rest", "--method", "post", "--url", url, "--body", body):
                return self._assign(url, json.loads(body))
            case _:
                raise CommandError(f"the tenant does not know: {' '.join(command)}")

    @property
    def client_id(self) -> str:
        """The client id of the registration."""
        return str(self._state["clientId"])

    @property
    def service(self) -> str:
        """The object id of the enterprise application."""
        return str(self._state["servicePrincipal"])

    def _consent(self) -> str:
        """Consent to what the registration lists, and to nothing else ("az ad app permission admin-consent")."""
        listed = [
            access["id"]
            for required in self._state["application"].get("requiredResourceAccess", ())
            if required["resourceAppId"] == self.client_id
            for access in required["resourceAccess"]
            if access["type"] == "Scope"
        ]
        if not listed:
            raise CommandError("The application lists no permissions.")
        self._state["consented"] = listed
        self._save()
        return ""

    def _assign(self, url: str, body: Mapping[str, str]) -> str:
        """Assign a role to a user ("Grant an appRoleAssignment for a service principal", Microsoft Graph)."""
        if url != f"{_GRAPH}/servicePrincipals/{self.service}/appRoleAssignedTo":
            raise CommandError(f"Not found({url})")
        if set(body) != {"principalId", "resourceId", "appRoleId"} or body["resourceId"] != self.service:
            raise CommandError("Bad Request: the body must have principalId, resourceId and appRoleId.")
        if body["principalId"] not in self._state["users"].values():
            raise CommandError("Bad Request: principalId is not the id of a user.")
        # The default role, of zeros, is only for applications without roles ("appRoleAssignment resource type").
        roles = self._state["application"]["appRoles"]
        role = next((role for role in roles if role["id"] == body["appRoleId"]), None)
        if role is None or not role["isEnabled"] or "User" not in role["allowedMemberTypes"]:
            raise CommandError("Bad Request: Permission being assigned was not found on application.")
        assigned = [body["principalId"], body["appRoleId"]]
        if assigned in self._state["assigned"]:
            raise CommandError("Bad Request: Permission being assigned already exists on the object.")
        self._state["assigned"].append(assigned)
        self._save()
        return json.dumps(body)

    @staticmethod
    def _queried(shown: Mapping[str, Any], query: str) -> str:
        """What a JMESPath query selects, as far as the documents use it: ``id``, or one role's."""
        if query == "id":
            return str(shown["id"])
        asked = re.fullmatch(r"appRoles\[\?value=='([\w.]+)'\]\.id", query)
        if asked is None:
            raise CommandError(f"argument --query: invalid jmespath_type value: {query!r}")
        return "\n".join(role["id"] for role in shown["appRoles"] if role["value"] == asked[1])

    def _save(self) -> None:
        self._path.write_text(json.dumps(self._state))


def main() -> int:
    """Be ``az`` or ``azd``."""
    folder, *command = sys.argv[1:]
    try:
        print(Tenant(Path(folder)).run(*command))
    except CommandError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
