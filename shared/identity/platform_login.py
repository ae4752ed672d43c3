"""The platform's own login (App Service authentication): its header with the claims of who has signed in.

App Service removes the header from what comes in from outside, and sets its own ("Work with user identities in Azure
App Service authentication"). Anywhere else anybody could send it: see
``shared.identity.authentication`` for when it is believed.
"""

import base64
import json
from typing import Any

from shared.domain.callers import Caller, ClaimsError, caller_of

HEADER = "x-ms-client-principal"

# App Service gives some claims the names that .NET has for them.
_LONG_NAMES = {
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
}
_LISTS = frozenset({"roles", "groups"})


def platform_caller(header: str, tenant_id: str) -> Caller:
    """The caller whom the platform names.

    Raises:
        ClaimsError: it names none, or one of another tenant or identity provider.
    """
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        if principal["auth_typ"] != "aad":
            raise ClaimsError("The platform's login must be Microsoft Entra's.")
        claims: dict[str, Any] = {}
        for claim in principal["claims"]:
            name, value = _LONG_NAMES.get(claim["typ"], claim["typ"]), str(claim["val"])
            if name in _LISTS:
                claims.setdefault(name, []).append(value)
            else:
                claims[name] = value
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ClaimsError("The platform's login cannot be read.") from None
    return caller_of(claims, tenant_id)
