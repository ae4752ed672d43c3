"""Translates pip's configuration into the environment of ``uv``, which does not read it.

Sources: "pip config" and "uv: Environment variables" (the documentation of both).
"""

import ast
import re
from collections.abc import Mapping

# The sections of pip's configuration that concern "pip install", the weakest first.
_SECTIONS = ("global", "install", ":env:")

# By pip's option: uv's variables, and the separator of several values.
_VARIABLES = {
    "index-url": (("UV_DEFAULT_INDEX",), " "),
    "extra-index-url": (("UV_INDEX",), " "),
    "find-links": (("UV_FIND_LINKS",), ","),
    "no-index": (("UV_NO_INDEX",), " "),
    "constraint": (("UV_CONSTRAINT",), " "),
    "trusted-host": (("UV_INSECURE_HOST",), " "),
    "cert": (("SSL_CERT_FILE",), " "),
    "client-cert": (("SSL_CLIENT_CERT",), " "),
    "proxy": (("HTTP_PROXY", "HTTPS_PROXY"), " "),
}


def uv_settings(pip_config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to set for uv, so that it installs from where pip does.

    Args:
        pip_config: what ``pip config list`` prints.
        environment: what is set already, which wins.
    """
    found: dict[tuple[str, str], str] = {}
    for line in pip_config.splitlines():
        match = re.fullmatch(r"(:env:|\w+)\.([\w-]+)=(['\"].*)", line)
        if match:
            found[match[1], match[2]] = str(ast.literal_eval(match[3]))
    settings: dict[str, str] = {}
    for option, (variables, separator) in _VARIABLES.items():
        values = [found[section, option] for section in _SECTIONS if (section, option) in found]
        if values:
            settings |= dict.fromkeys(variables, separator.join(values[-1].split()))
    if "UV_INDEX" in settings:
        # As pip does: the best version of all indexes, not of the first that has the package.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in settings.items() if name not in environment}
