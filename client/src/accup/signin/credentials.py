"""Builds azure-identity's credentials; the only module that imports it, and only when a token is needed."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from accup.errors import NotPermittedError, UsageError
from accup.signin.challenge import Challenge

Kind = Literal["auto", "cli", "device-code", "browser", "managed-identity", "workload-identity", "environment"]
KINDS: tuple[str, ...] = get_args(Kind)
_CACHE_NAME = "accup"


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in: the kind of credential, and the settings that it may need.

    ``record`` is the file that remembers who signed in with ``accup login``; it contains no token.
    """

    kind: str = "auto"
    scope: str | None = None
    tenant: str | None = None
    client_id: str | None = None
    authority: str | None = None
    record: Path | None = None

    def of_tenant(self, challenge: Challenge) -> "SignIn":
        """The same, in the tenant that a challenge names, unless one was given."""
        return replace(self, tenant=self.tenant or challenge.tenant, authority=self.authority or challenge.authority)


def credential(sign_in: SignIn) -> Any:
    """The credential that a sign-in describes.

    Raises:
        UsageError: there is no such kind.
    """
    from azure import identity  # noqa: PLC0415  # half a second

    client: dict[str, Any] = {"client_id": sign_in.client_id} if sign_in.client_id else {}
    match sign_in.kind:
        case "auto":
            chain: list[Any] = []
            if sign_in.record is not None and sign_in.record.exists():
                chain.append(interactive(sign_in, may_ask=False))
            chain.append(identity.DefaultAzureCredential(authority=sign_in.authority))
            return identity.ChainedTokenCredential(*chain)
        case "cli":
            return identity.AzureCliCredential(tenant_id=sign_in.tenant or "")
        case "device-code" | "browser":
            return interactive(sign_in, may_ask=True)
        case "managed-identity":
            return identity.ManagedIdentityCredential(**client)
        case "workload-identity":
            return identity.WorkloadIdentityCredential(**_where(sign_in), **client)
        case "environment":
            return identity.EnvironmentCredential()
    raise UsageError(f"'{sign_in.kind}' is not a kind of credential. Possible: {', '.join(KINDS)}.")


def interactive(sign_in: SignIn, *, may_ask: bool) -> Any:
    """The credential of a person, whose tokens are kept in the system's own encrypted store between runs."""
    from azure import identity  # noqa: PLC0415  # half a second

    options: dict[str, Any] = dict(_where(sign_in))
    if sign_in.client_id:
        options["client_id"] = sign_in.client_id
    options["cache_persistence_options"] = identity.TokenCachePersistenceOptions(name=_CACHE_NAME)
    if sign_in.record is not None and sign_in.record.exists():
        options["authentication_record"] = identity.AuthenticationRecord.deserialize(sign_in.record.read_text("utf-8"))
    if not may_ask:
        options["disable_automatic_authentication"] = True
    kind = identity.InteractiveBrowserCredential if sign_in.kind == "browser" else identity.DeviceCodeCredential
    return kind(**options)


def log_in(sign_in: SignIn) -> str:
    """Let a person sign in, and remember who it was; gives their user name.

    Raises:
        NotPermittedError: it did not work.
    """
    if sign_in.scope is None or sign_in.record is None:
        raise UsageError("The scope to sign in for is not known. Give --scope.")
    try:
        record = interactive(replace(sign_in, record=None), may_ask=True).authenticate(scopes=[sign_in.scope])
    except Exception as error:  # noqa: BLE001  # azure-identity raises errors of azure-core, msal and others
        raise NotPermittedError(f"The sign-in failed: {str(error).strip().splitlines()[0]}") from None
    sign_in.record.parent.mkdir(parents=True, exist_ok=True)
    sign_in.record.write_text(record.serialize(), "utf-8")
    return str(json.loads(record.serialize()).get("username", ""))


def _where(sign_in: SignIn) -> dict[str, Any]:
    where = {"tenant_id": sign_in.tenant, "authority": sign_in.authority}
    return {name: value for name, value in where.items() if value}
