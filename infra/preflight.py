#!/usr/bin/env python3
"""Checks, before anything is provisioned, that the azd environment is complete: one line for each thing to fix.

`azd` runs it before each provisioning; by hand: azd hooks run preprovision. Standard library only.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Mapping
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
AZ_SECONDS = 60

# What Microsoft's Functions host (4.1037.0) takes, as measured (docs/performance.md): it reads a body that has a length
# into memory before the app is called, and so before a token is looked at. The rest is for host, worker and app.
TENTHS_OF_A_BYTE_FOR_EACH = 57
MB_FOR_THE_REST = 500
MIB = 1024 * 1024
# The least that main.bicep takes.
LEAST_BODY_BYTES = MIB
# As in shared/web/host.py: what files of access data shrink to, a tenth.
COMPRESSION = 10
MEMORY_MB = (512, 2048, 4096)

# Whether a value will do, and what would.
Rule = tuple[Callable[[str], bool], str]


def one_of(*values: str) -> Rule:
    """One of a few values."""
    return (lambda value: value in values), "one of " + ", ".join(values)


def between(least: int, most: int) -> Rule:
    """A whole number."""
    return (lambda value: value.isdecimal() and least <= int(value) <= most), f"a number from {least} to {most}"


def at_least(least: int) -> Rule:
    """A whole number without an upper limit."""
    return (lambda value: value.isdecimal() and int(value) >= least), f"a number, at least {least}"


def is_https(value: str) -> bool:
    """Whether it is an https URL without a query."""
    url = urlsplit(value)
    return url.scheme == "https" and bool(url.hostname) and not url.query


def is_secret(value: str) -> bool:
    """Whether it is a secret of Standard Webhooks, 24 to 64 bytes, or a reference to one in a key vault.

    `azd env set-secret` stores such a reference, and azd does not resolve it for hooks ("Azure Developer CLI
    environment variables", Microsoft).
    """
    if re.fullmatch(r"akvs://[^/]+/[^/]+/[^/]+", value):
        return True
    try:
        key = base64.b64decode(value[len("whsec_") :], validate=True)
    except ValueError:
        return False
    return value.startswith("whsec_") and 24 <= len(key) <= 64


def regions() -> list[str]:
    """The regions that main.bicep takes."""
    template = (ROOT / "infra" / "main.bicep").read_text()
    allowed = re.search(r"@allowed\(\[([^\]]+)\]\)\n@metadata\(\{\n  azd", template)
    return re.findall(r"\w+", allowed[1]) if allowed else []


# The variables of main.parameters.json that may be set, and what main.bicep takes.
VARIABLES: dict[str, Rule] = {
    "AZURE_LOCATION": one_of(*regions()),
    "DEPLOY_CLIENT_ID": (lambda value: bool(GUID.fullmatch(value)), "the client id (a GUID) of an app registration"),
    "DEPLOY_IDENTIFIER_URI": (lambda value: "://" in value, "an App ID URI such as api://..."),
    "DEPLOY_INSTANCE_MEMORY_MB": one_of(*map(str, MEMORY_MB)),
    "DEPLOY_MAXIMUM_INSTANCES": between(40, 1000),
    "DEPLOY_HTTP_CONCURRENCY": between(1, 1000),
    "DEPLOY_MAX_BODY_BYTES": at_least(LEAST_BODY_BYTES),
    # For this script alone: see memory_problems.
    "DEPLOY_ACCEPT_LARGE_BODIES": one_of("true", "false"),
    "DEPLOY_ALWAYS_READY_INSTANCES": between(0, 1000),
    "DEPLOY_ZONE_REDUNDANT": one_of("true", "false"),
    "DEPLOY_UPDATE_STRATEGY": one_of("Recreate", "RollingUpdate"),
    "DEPLOY_VIRTUAL_NETWORK": one_of("true", "false"),
    "DEPLOY_DATA_REDUNDANCY": one_of("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS"),
    "DEPLOY_SOFT_DELETE_DAYS": between(1, 365),
    "DEPLOY_LOG_RETENTION_DAYS": between(30, 730),
    "DEPLOY_DAILY_TELEMETRY_GB": at_least(1),
    "DEPLOY_ALERT_EMAIL": (lambda value: "@" in value, "an e-mail address"),
    "UPLOADS_MAX_FILE_BYTES": at_least(1),
    "UPLOADS_PUBLIC_URL": (is_https, "an https URL"),
    "UPLOADS_FORWARD_URL": (is_https, "an https URL such as https://graph.microsoft.com/v1.0"),
    "UPLOADS_FORWARD_SCOPE": (lambda value: value.endswith("/.default"), "a scope that ends with /.default"),
    "UPLOADS_FORWARD_RESOURCES": one_of("all", "listed"),
    "UPLOADS_FORWARD_LAYOUTS": (
        lambda value: bool(re.fullmatch(r"[a-z]+(,[a-z]+)*", value)),
        "names of layouts, comma-separated",
    ),
    # That of a topic of Event Grid has a query.
    "UPLOADS_EVENTS_URL": (lambda value: is_https(value.partition("?")[0]), "an https URL"),
    "UPLOADS_DIRECTORY_SOURCE": one_of("upload", "graph"),
    "UPLOADS_EVENTS_SECRET": (is_secret, "whsec_ and the base64 of 24 to 64 random bytes"),
    "UPLOADS_MAX_SHRINK_PERCENT": between(0, 100),
    "UPLOADS_MAX_GROWTH_PERCENT": at_least(0),
}


def problems(environment: Mapping[str, str]) -> list[str]:
    """What is missing or wrong in an azd environment, a line each."""
    found = [] if environment.get("AZURE_ENV_NAME") else ["AZURE_ENV_NAME is not set: azd env new NAME"]
    wrong = []
    for name, (is_right, expected) in VARIABLES.items():
        value = environment.get(name, "")
        if value and not is_right(value):
            shown = "not valid" if name.endswith("_SECRET") else f"'{value}'"
            wrong.append(f"{name} is {shown}: it must be {expected}")
    found += wrong or memory_problems(environment)
    if environment.get("DEPLOY_IDENTIFIER_URI") and not environment.get("DEPLOY_CLIENT_ID"):
        found.append("DEPLOY_IDENTIFIER_URI is set without DEPLOY_CLIENT_ID, whose registration it belongs to")
    if environment.get("UPLOADS_EVENTS_SECRET") and not environment.get("UPLOADS_EVENTS_URL"):
        found.append("UPLOADS_EVENTS_SECRET is set without UPLOADS_EVENTS_URL, whose events it signs")
    found += [f"{name} is not in {ROOT}: run azd in the project's folder" for name in _missing_files()]
    return found


def value_of(environment: Mapping[str, str], name: str) -> int:
    """The number that a deployment gets for a variable; the default is that of main.parameters.json."""
    defaults = dict(re.findall(r"\$\{(\w+)=(\w*)\}", (ROOT / "infra" / "main.parameters.json").read_text()))
    return int(environment.get(name) or defaults[name])


def body_limit(memory_mb: int, at_once: int) -> int:
    """The largest body, in bytes, of which an instance survives so many at once, whoever sends them."""
    return (memory_mb - MB_FOR_THE_REST) * MIB * 10 // (TENTHS_OF_A_BYTE_FOR_EACH * at_once)


def is_survived(memory_mb: int, at_once: int, body_bytes: int) -> bool:
    """Whether an instance survives so many bodies of a size at once."""
    return body_bytes <= body_limit(memory_mb, at_once)


def memory_problems(environment: Mapping[str, str]) -> list[str]:
    """Bodies that an instance does not survive, and files that do not pass as any body."""
    memory, at_once, body, file = (
        value_of(environment, name)
        for name in (
            "DEPLOY_INSTANCE_MEMORY_MB",
            "DEPLOY_HTTP_CONCURRENCY",
            "DEPLOY_MAX_BODY_BYTES",
            "UPLOADS_MAX_FILE_BYTES",
        )
    )
    found = []
    if not is_survived(memory, at_once, body) and environment.get("DEPLOY_ACCEPT_LARGE_BODIES") != "true":
        found.append(
            f"{_too_much(memory, at_once, body)}, whoever sends them (docs/deploy.md, Large files). These would do: "
            + "; or ".join(_what_would_do(memory, at_once, body))
        )
    # Only one that was asked for: a smaller body makes no default wrong.
    if environment.get("UPLOADS_MAX_FILE_BYTES") and file > body * COMPRESSION:
        found.append(
            f"UPLOADS_MAX_FILE_BYTES is {file}, and such a file is no body of DEPLOY_MAX_BODY_BYTES ({body}) or less, "
            "even compressed to a tenth (docs/deploy.md, Large files). These would do: "
            f"UPLOADS_MAX_FILE_BYTES={body * COMPRESSION}; or DEPLOY_MAX_BODY_BYTES={-(-file // COMPRESSION)}, if an "
            "instance survives it"
        )
    return found


def _too_much(memory_mb: int, at_once: int, body_bytes: int) -> str:
    return f"{at_once} bodies of {body_bytes:,} bytes at once end an instance of {memory_mb} MB"


def _what_would_do(memory_mb: int, at_once: int, body_bytes: int) -> list[str]:
    """Each has one value changed, or the memory and another one."""
    ways = []
    for memory in [memory_mb, *(each for each in MEMORY_MB if each > memory_mb)]:
        more = [] if memory == memory_mb else [f"DEPLOY_INSTANCE_MEMORY_MB={memory}"]
        if is_survived(memory, at_once, body_bytes):
            ways.append(more)
            continue
        fewer = body_limit(memory, 1) // body_bytes
        if fewer:
            ways.append([*more, f"DEPLOY_HTTP_CONCURRENCY={fewer}"])
        if body_limit(memory, at_once) >= LEAST_BODY_BYTES:
            ways.append([*more, f"DEPLOY_MAX_BODY_BYTES={body_limit(memory, at_once)}"])
    ways.append(["DEPLOY_ACCEPT_LARGE_BODIES=true if nobody but a gateway that knows its callers reaches the app"])
    return [" with ".join(way) for way in ways]


def _missing_files() -> list[str]:
    return [name for name in ("function_app.py", "host.json", "requirements.txt") if not (ROOT / name).exists()]


def problems_in_azure(environment: Mapping[str, str]) -> list[str]:
    """What the Azure CLI can tell before a deployment fails; nothing if it is not installed or not signed in."""
    if az("account", "show") is None:
        print("note: the Azure CLI is not signed in; the region and the resource providers are not checked")
        return []
    found = []
    location = environment.get("AZURE_LOCATION", "")
    regions = az("functionapp", "list-flexconsumption-locations")
    if isinstance(regions, list) and location:
        names = {str(region.get("name", "")).replace(" ", "").lower() for region in regions}
        if names and location.replace(" ", "").lower() not in names:
            found.append(
                f"AZURE_LOCATION is '{location}', which has no Flex Consumption; others: {', '.join(sorted(names))}"
            )
    if environment.get("DEPLOY_VIRTUAL_NETWORK") == "true":
        provider = az("provider", "show", "--namespace", "Microsoft.App")
        if isinstance(provider, dict) and provider.get("registrationState") != "Registered":
            found.append("the provider Microsoft.App is not registered: az provider register --namespace Microsoft.App")
    return found


def az(*arguments: str) -> object:
    """The JSON that the Azure CLI answers; `None` if it is missing or fails."""
    program = shutil.which("az")
    if program is None:
        return None
    command = [program, *arguments, "--output", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=AZ_SECONDS, check=True)
        return json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return None


def main() -> int:
    """Print what has to be fixed; gives the exit code."""
    found = problems(os.environ) or problems_in_azure(os.environ)
    for line in found:
        print(f"missing: {line}")
    if found:
        return 1
    memory, at_once, body = (
        value_of(os.environ, name)
        for name in ("DEPLOY_INSTANCE_MEMORY_MB", "DEPLOY_HTTP_CONCURRENCY", "DEPLOY_MAX_BODY_BYTES")
    )
    if not is_survived(memory, at_once, body):
        print(f"note: {_too_much(memory, at_once, body)}: accepted by DEPLOY_ACCEPT_LARGE_BODIES")
    for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_LOCATION"):
        # `azd provision` runs hooks before it asks, `azd up` afterwards.
        if not os.environ.get(name):
            print(f"note: {name} is not set; azd will ask for it")
    if not os.environ.get("DEPLOY_CLIENT_ID"):
        print(
            "note: an app registration will be created in Microsoft Entra. If you may not do that, have an\n"
            "      administrator run infra/register_app.py, and set DEPLOY_CLIENT_ID (docs/deploy.md, Entra)."
        )
    print("ready to provision")
    return 0


if __name__ == "__main__":
    sys.exit(main())
