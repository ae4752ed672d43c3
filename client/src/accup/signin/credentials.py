"""The ways to get a token of Microsoft Entra: azure-identity's, and a person's sign-in.

The libraries are imported when a token is needed: they take half a second.
"""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from accup.api.network import Certificates
from accup.errors import UsageError
from accup.signin.audience import PUBLIC_AUTHORITY
from accup.signin.tokens import Challenge

PEOPLE = ("device-code", "browser")
KINDS = ("auto", "cli", *PEOPLE, "managed-identity", "workload-identity", "environment")


class Token(NamedTuple):
    """A token, and until when it is valid (seconds since 1970)."""

    value: str
    valid_until: float

    @classmethod
    def lasting(cls, value: str, seconds: float) -> "Token":
        """A token that is valid for that long from now."""
        return cls(value, time.time() + seconds)


class Credential(Protocol):
    """Something that gets tokens."""

    def token(self, scope: str) -> Token:
        """A token for a scope. It raises whatever its library does."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in: the kind of credential, and the settings that it may need.

    ``folder`` is where tokens of people are kept between runs; nowhere if it is not given. ``account`` is the one that
    signed in with ``accup login``. ``asks``: whether a person can be asked to sign in now.
    """

    kind: str = "auto"
    scope: str | None = None
    tenant: str | None = None
    client_id: str | None = None
    authority: str | None = None
    certificates: Certificates = field(default_factory=Certificates)
    folder: Path | None = None
    account: str | None = None
    asks: bool = False

    @property
    def entra(self) -> str:
        """The address of Microsoft Entra."""
        return self.authority or PUBLIC_AUTHORITY

    def of_tenant(self, challenge: Challenge) -> "SignIn":
        """The same, in the tenant that a challenge names, unless one was given."""
        return replace(self, tenant=self.tenant or challenge.tenant, authority=self.authority or challenge.authority)


def _on_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def credential(sign_in: SignIn, say: Callable[[str], None] = _on_stderr) -> Credential:
    """The credential that a sign-in describes; ``say`` tells a person what to do.

    Raises:
        UsageError: there is no such kind.
        ValueError: a setting is missing or wrong, as azure-identity says.
    """
    if sign_in.kind in PEOPLE:
        from accup.signin.person import Person  # noqa: PLC0415

        return Person(sign_in, say)
    return _OfAzure(_azure_credential(sign_in), sign_in.tenant)


class _OfAzure:
    """A credential of azure-identity, in a tenant."""

    def __init__(self, wrapped: Any, tenant: str | None) -> None:
        self._wrapped = wrapped
        self._tenant = tenant

    def token(self, scope: str) -> Token:
        """A token for a scope."""
        got = self._wrapped.get_token(scope, **({"tenant_id": self._tenant} if self._tenant else {}))
        return Token(got.token, float(got.expires_on))


def _azure_credential(sign_in: SignIn) -> Any:
    from azure import identity  # noqa: PLC0415
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415

    from accup.signin.connection import session_of  # noqa: PLC0415

    # Its warnings repeat the error that it raises then, line by line.
    logging.getLogger("azure.identity").addHandler(logging.NullHandler())
    options: dict[str, Any] = {
        "transport": RequestsTransport(session=session_of(sign_in.certificates), session_owner=False)
    }
    if sign_in.authority:
        options["authority"] = sign_in.authority
    client: dict[str, Any] = {"client_id": sign_in.client_id} if sign_in.client_id else {}
    tenant: dict[str, Any] = {"tenant_id": sign_in.tenant} if sign_in.tenant else {}
    match sign_in.kind:
        case "auto":
            # The client id is that of an identity of this machine; the tenant goes with each request.
            own = {"managed_identity_client_id": sign_in.client_id} if sign_in.client_id else {}
            return identity.DefaultAzureCredential(**own, **options)
        case "cli":
            return identity.AzureCliCredential(**tenant)
        case "managed-identity":
            return identity.ManagedIdentityCredential(**client, **options)
        case "workload-identity":
            return identity.WorkloadIdentityCredential(**tenant, **client, **options)
        case "environment":
            return identity.EnvironmentCredential(**options)
    raise UsageError(f"'{sign_in.kind}' is not a kind of credential. Possible: {', '.join(KINDS)}.")
