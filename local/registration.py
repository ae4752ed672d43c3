"""The app registration of the local issuer, and the requests for tokens that Microsoft Entra refuses because of it.

It is the registration that an administrator makes (``infra/register_app.py``): client of the page and API at once.
"""

from collections.abc import Collection, Iterator, Mapping
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
        return next(self._refusals(asked), None)

    def refusal_to(self, roles: Collection[str], consented: Collection[str]) -> Refusal | None:
        """Why a person who has signed in gets no token; ``None`` if they get one.

        Args:
            roles: the app roles that are assigned to them. The enterprise application requires an assignment.
            consented: the scopes to which an administrator has consented.
        """
        if not roles:
            return Refusal(
                "invalid_grant",
                "AADSTS50105: Your administrator has configured the application to block users unless they are "
                "specifically granted (assigned) access to it.",
            )
        if not consented:
            # With user consent switched off, as Microsoft recommends, nobody can consent for themselves.
            return Refusal("invalid_grant", "AADSTS65001: The user or administrator has not consented to use it.")
        return None

    def _refusals(self, asked: Mapping[str, str]) -> Iterator[Refusal]:
        if asked.get("client_id") != self.client_id:
            yield Refusal("unauthorized_client", "AADSTS700016: The application was not found in the directory.")
        named = [each.rpartition("/") for each in asked.get("scope", "").split() if each not in _OPENID]
        resources = {resource for resource, _, _ in named}
        # A request that names no resource is for the client itself, too.
        if not named or resources & {"", *self.content["identifierUris"]}:
            yield Refusal(
                "invalid_request",
                f"AADSTS90009: Application '{self.client_id}' is requesting a token for itself. This scenario is "
                "supported only if resource is specified using the GUID based App Identifier.",
            )
        if resources != {self.client_id}:
            yield Refusal("invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.")
        pages = self.content.get("spa", {}).get("redirectUris")
        if pages is not None and asked.get("redirect_uri", pages[0]) not in pages:
            yield Refusal(
                "invalid_request",
                "AADSTS50011: The redirect URI specified in the request does not match the redirect URIs configured.",
            )
        listed = {each["resourceAppId"] for each in self.content.get("requiredResourceAccess", ())}
        if self.client_id not in listed:
            yield Refusal(
                "invalid_client",
                "AADSTS650057: Invalid resource. The client has requested access to a resource which is not listed in "
                "the requested permissions in the client's application registration.",
            )
        if unknown := {scope for _, _, scope in named} - {*self.scopes, ".default"}:
            yield Refusal("invalid_scope", f"AADSTS650053: The scope '{min(unknown)}' does not exist on the resource.")
