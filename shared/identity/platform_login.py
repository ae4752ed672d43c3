"""Reads the header in which App Service authentication sends the caller's claims.

App Service removes this header from incoming requests and sets its own ("Work with user identities in Azure App Service
authentication"). Without it, any caller could send the header: ``shared.identity.authentication`` decides when the
header is trusted.
"""

import base64
import json
from typing import Any

from shared.domain.callers import Caller, ClaimsError, caller_of

HEADER = "x-ms-client-principal"

# App Service uses the claim names of .NET for some claims.
_LONG_NAMES = {
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
}
_LISTS = frozenset({"roles", "groups"})


def platform_caller(header: str, tenant_id: str) -> Caller:
    """The caller in the header.

    Raises:
        ClaimsError: the header has no caller, or one from another tenant or identity provider.
    """
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        if principal["auth_typ"] != "aad":
            raise ClaimsError("App Service authentication must use Microsoft Entra as its identity provider.")
        claims: dict[str, Any] = {}
        for claim in principal["claims"]:
            name, value = _LONG_NAMES.get(claim["typ"], claim["typ"]), str(claim["val"])
            if name in _LISTS:
                claims.setdefault(name, []).append(value)
            else:
                claims[name] = value
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ClaimsError("The header of App Service authentication cannot be read.") from None
    return caller_of(claims, tenant_id)
