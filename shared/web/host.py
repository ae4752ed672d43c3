"""What the Functions host in front of the app lets through. The app never sees what it refuses."""

from collections.abc import Mapping

from shared.core.settings import MIB
from shared.identity.authentication import runs_in_azure

BODY_LIMIT = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"

# What files of access data shrink to with gzip, or less: a tenth (docs/decisions.md, Limits). Clients that can compress
# pass the host with files that many times larger than the largest body.
COMPRESSION = 10

# "App settings reference for Azure Functions".
DEFAULT_BODY_BYTES = 100 * MIB


def max_body_bytes(environment: Mapping[str, str]) -> int | None:
    """The largest body of a request, with the form around its file; ``None`` where it is not known.

    The host answers a larger one with status 500 and without a body.
    """
    setting = environment.get(BODY_LIMIT, "")
    if not setting and not runs_in_azure(environment):
        return None
    return int(setting) if setting.isdecimal() else DEFAULT_BODY_BYTES
