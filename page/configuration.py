"""What the page must know before anybody is signed in."""

from collections.abc import Mapping
from typing import Any

from shared.access_data.layouts import LAYOUTS
from shared.core.ids import parse_guid
from shared.core.settings import AuthMode, Settings
from shared.identity.authentication import token_scope
from shared.web.host import max_body_bytes

SIGN_IN_SCOPE = "access_as_user"


def page_configuration(config: Settings, environment: Mapping[str, str]) -> dict[str, Any]:
    """How to sign people in, which columns a file may have, and the limits. Nothing in it is secret.

    Clients look at the limits before they send: a body above ``maxBodyBytes`` never reaches the app, and one above
    ``maxFileBytes`` (decompressed) is refused by it.
    """
    return {
        "auth": _auth(config),
        "layouts": [
            {
                "name": layout.name,
                "columns": [{"name": column.name, "required": column.required} for column in layout.columns],
            }
            for layout in LAYOUTS
        ],
        "limits": {
            "maxFiles": config.max_files,
            "maxFileBytes": config.max_file_bytes,
            "maxBodyBytes": max_body_bytes(environment),
        },
    }


def _auth(config: Settings) -> dict[str, str]:
    if config.auth is not AuthMode.ENTRA:
        return {"mode": config.auth.value}
    client_id = config.page_client_id or next(iter(filter(parse_guid, sorted(config.audience))), "")
    return {
        "mode": config.auth.value,
        "authority": f"{config.authority_base}/{config.tenant_id.lower()}",
        "clientId": client_id,
        "scope": _scope(client_id, config),
    }


def _scope(client_id: str, config: Settings) -> str:
    """The scope with which a client requests tokens for people, whose scopes are those that were consented to.

    A client that is the API's own registration is only served if it names that by its client id (AADSTS90009), and
    should name a scope ("Scopes and permissions in the Microsoft identity platform": its own ``/.default`` is for an
    id token). For another client ``/.default`` does not depend on the names of scopes.
    """
    own = parse_guid(client_id)
    if own is not None and own in map(parse_guid, config.audience):
        return f"{client_id}/{SIGN_IN_SCOPE}"
    return token_scope(config.audience)
