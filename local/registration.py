"""The app registration of the local issuer, and the requests for tokens that Microsoft Entra refuses because of it.

It is the registration that an administrator makes (``infra/register_app.py``): client of the page and API at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from infra.register_app import page_permissions, registration

# "OpenID Connect scopes" (Scopes and permissions in the Microsoft identity platform): they are for no API.
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})


class Refusal(NamedTuple):
    """What Entra answers to a request that it refuses (RFC 6749, section 5.2)."""

    error: str
    error_description: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration: its client id, and its content as Microsoft Graph has it (resource type application)."""

    client_id: str
    content: Mapping[str, Any]

    @classmethod
    def of_page(cls, client_id: str, tenant_id: str) -> Self:
        """The one of the service, with which its page signs people in."""
        return cls(client_id, registration("local", tenant_id, None) | page_permissions(client_id))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that it offers."""
        return tuple(scope["value"] for scope in self.content["api"]["oauth2PermissionScopes"])

    def refusal(self, asked: Mapping[str, str]) -> Refusal | None:
        """Why Entra gives no tokens for this registration to a client that asks so; ``None`` if it does.

        The codes are those of "Microsoft Entra authentication and authorization error codes". Where sources differ on
        whether the sign-in is refused, or only the renewal of its tokens, both are refused here.
        """
        if asked.get("client_id") != self.client_id:
            return Refusal("unauthorized_client", "AADSTS700016: The application was not found in the directory.")
        named = [each.rpartition("/") for each in asked.get("scope", "").split() if each not in _OPENID]
        resources = {resource for resource, _, _ in named}
        # A request that names no resource is for the client itself, too.
        if not named or resources & {"", *self.content["identifierUris"]}:
            return Refusal(
                "invalid_request",
                f"AADSTS90009: Application '{self.client_id}' is requesting a token for itself. This scenario is "
                "supported only if resource is specified using the GUID based App Identifier.",
            )
        if resources != {self.client_id}:
            return Refusal("invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.")
        listed = {each["resourceAppId"] for each in self.content.get("requiredResourceAccess", ())}
        if self.client_id not in listed:
            return Refusal(
                "invalid_client",
                "AADSTS650057: Invalid resource. The client has requested access to a resource which is not listed in "
                "the requested permissions in the client's application registration.",
            )
        if unknown := {scope for _, _, scope in named} - {*self.scopes, ".default"}:
            return Refusal("invalid_scope", f"AADSTS650053: The scope '{min(unknown)}' does not exist on the resource.")
        return None
