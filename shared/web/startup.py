"""Checks the configuration when the app starts: it does not start if settings are insecure or contradict each other."""

import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import HttpUrl

from shared.access_data.layouts import LAYOUTS
from shared.core.environment import SettingsError
from shared.core.settings import LOOPBACK, MAX_BLOCK_BYTES, MIN_UPLOAD_SECONDS, Settings, settings
from shared.identity.authentication import check_authentication, runs_in_azure
from shared.identity.outgoing import NO_TOKEN
from shared.targets.addresses import ForbiddenAddressError, check_url
from shared.targets.cloud_events import BadSecretError, secret_key
from shared.web.host import BODY_LIMIT, COMPRESSION, max_body_bytes

# Blocks of one block blob ("Scalability and performance targets for Blob storage").
MAX_BLOCKS = 50_000

# After the time limit of an upload: for the storage calls that are in progress, and for the response.
FINISH_SECONDS = 60

# After the time limit of a download, for a caller who has stopped reading: the host itself waits 240 seconds until it
# ends the request (ActivityTimeout of its forwarder), and until then the function runs.
HOST_END_SECONDS = 300

# An app setting overrides host.json ("host.json reference", "Override host.json values").
_HOST_TIMEOUT = "AzureFunctionsJobHost__functionTimeout"
# The default on the plan with the shortest one, Consumption.
_DEFAULT_TIMEOUT = timedelta(minutes=5)
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)(?:\.\d+)?")


def check_settings(environment: Mapping[str, str], host_json: Path) -> None:
    """Check the settings of this process; what is wrong with them is written to standard error.

    The Functions host logs what the app prints while it is imported, but neither what it gives to ``logging`` then nor
    its exception: the host starts with "0 functions loaded" and answers 404 to everything.

    Raises:
        SettingsError: as ``settings`` and ``check_configuration``.
    """
    try:
        config = settings()
        check_configuration(config, environment, host_json)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise
    for warning in warnings(config, environment):
        sys.stderr.write(f"Warning: {warning}\n")


def check_configuration(config: Settings, environment: Mapping[str, str], host_json: Path) -> None:
    """Check the settings against each other, against the environment and against ``host.json``.

    Raises:
        SettingsError: the app must not start; the message names the settings to change, with values that they accept.
    """
    check_authentication(config, environment)
    _check_address(config)
    timeout = function_timeout(environment, host_json)
    _check_time("UPLOADS_MAX_UPLOAD_SECONDS", config.max_upload_seconds, FINISH_SECONDS, timeout)
    _check_time("UPLOADS_MAX_DOWNLOAD_SECONDS", config.max_download_seconds, HOST_END_SECONDS, timeout)
    _check_file_size(config)
    _check_targets(config, environment)
    _check_directory(config, environment)


def _check_address(config: Settings) -> None:
    """Check the URLs to which paths are added: the address of this service, and the issuers of tokens."""
    # A caller can send any Host header, and it would appear in links that other callers receive.
    if config.public_url is None:
        raise SettingsError(
            "The address of this service is not known. Set UPLOADS_PUBLIC_URL to the base URL that callers use, such "
            "as https://uploads.contoso.com. (Azure sets WEBSITE_HOSTNAME, which is sufficient.)"
        )
    bases = {"UPLOADS_PUBLIC_URL": config.public_url, "UPLOADS_AUTHORITY": config.authority}
    bases["UPLOADS_AUTHORITY_V1"] = config.authority_v1
    for name, url in bases.items():
        # Paths are added at its end.
        if url.query is not None or url.fragment is not None:
            raise SettingsError(f"{name} is a base URL: it has no part that begins with '?' or '#'.")


def function_timeout(environment: Mapping[str, str], host_json: Path) -> timedelta | None:
    """The time after which the host ends a function; ``None`` if there is no limit.

    Raises:
        SettingsError: the value is not a time span.
    """
    overrides = {name.lower(): value for name, value in environment.items()}
    value = overrides.get(_HOST_TIMEOUT.lower()) or json.loads(host_json.read_text()).get("functionTimeout")
    if value is None:
        return _DEFAULT_TIMEOUT
    if value == "-1":
        return None
    found = _TIME_SPAN.fullmatch(value)
    if found is None:
        raise SettingsError(f"functionTimeout must be a time span such as 00:10:00, or -1, not {value}.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _time_span(time: timedelta) -> str:
    """The same as ``functionTimeout`` is written."""
    minutes, seconds = divmod(time.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{time.days}.' if time.days else ''}{hours:02}:{minutes:02}:{seconds:02}"


def _check_time(setting: str, seconds: int, finish: int, timeout: timedelta | None) -> None:
    """Check the longest time of a transfer, which must end ``finish`` seconds before the function does."""
    # At its timeout the host restarts the worker process, which ends all other requests in it (azure-functions-host,
    # issue 8720).
    needed = timedelta(seconds=seconds + finish)
    if timeout is not None and needed > timeout:
        limit = int(timeout.total_seconds()) - finish
        lower = f"{setting} to {limit} or less, or " if limit >= MIN_UPLOAD_SECONDS else ""
        raise SettingsError(
            f"{setting} is {seconds}, and the host ends a function after "
            f"{_time_span(timeout)} (functionTimeout in host.json, or {_HOST_TIMEOUT}). Set {lower}functionTimeout to "
            f"{_time_span(needed)} or more if the hosting plan allows it."
        )


def _check_file_size(config: Settings) -> None:
    limit = MAX_BLOCKS * config.block_bytes
    if config.max_file_bytes > limit:
        needed = -(-config.max_file_bytes // MAX_BLOCKS)
        larger = f", or UPLOADS_BLOCK_BYTES to {needed} or more" if needed <= MAX_BLOCK_BYTES else ""
        raise SettingsError(
            f"UPLOADS_MAX_FILE_BYTES is {config.max_file_bytes}, but a blob has at most {MAX_BLOCKS} blocks of "
            f"UPLOADS_BLOCK_BYTES ({config.block_bytes}), which is {limit} bytes. Set UPLOADS_MAX_FILE_BYTES to "
            f"{limit} or less{larger}."
        )


def _check_directory(config: Settings, environment: Mapping[str, str]) -> None:
    """Check where the directory is fetched from."""
    if config.directory_source == "graph":
        host = urlsplit(str(config.directory_graph_url)).hostname or ""
        _check_target("UPLOADS_DIRECTORY_GRAPH_URL", config.directory_graph_url, config, {host}, environment)


def _check_targets(config: Settings, environment: Mapping[str, str]) -> None:
    """Check the targets of deliveries: their addresses, how they are authenticated, and whether they can ever work."""
    if config.forward_url is not None:
        host = urlsplit(str(config.forward_url)).hostname or ""
        _check_target("UPLOADS_FORWARD_URL", config.forward_url, config, {host}, environment)
        if config.forward_url.query or config.forward_url.fragment:
            raise SettingsError("UPLOADS_FORWARD_URL is a base URL, and must not have a query or a fragment.")
        if config.forward_scope == NO_TOKEN and host not in LOOPBACK:
            raise SettingsError(
                f"UPLOADS_FORWARD_SCOPE={NO_TOKEN} sends no token, which is accepted for loopback addresses only. Set "
                "it to the scope of the target, such as https://graph.microsoft.com/.default."
            )
        if config.retention_seconds is not None and config.retention_seconds < config.delivery_seconds:
            raise SettingsError(
                f"UPLOADS_RETENTION_SECONDS is {config.retention_seconds}, so that files would be deleted while they "
                f"are forwarded. Set it to UPLOADS_DELIVERY_SECONDS ({config.delivery_seconds}) or more."
            )
    known = {layout.name for layout in LAYOUTS}
    if not config.forward_layouts <= known:
        raise SettingsError(f"UPLOADS_FORWARD_LAYOUTS has an unknown layout. Known: {', '.join(sorted(known))}.")
    if config.events_url is not None:
        _check_target("UPLOADS_EVENTS_URL", config.events_url, config, config.events_allowed_hosts, environment)
    if config.events_secret is not None:
        try:
            secret_key(config.events_secret.get_secret_value())
        except BadSecretError as error:
            raise SettingsError(f"UPLOADS_EVENTS_SECRET is not valid: {error}.") from None


def _check_target(
    name: str, url: HttpUrl, config: Settings, allowed_hosts: Collection[str], environment: Mapping[str, str]
) -> None:
    try:
        check_url(str(url), allowed_hosts)
    except ForbiddenAddressError as error:
        raise SettingsError(f"{name} is not valid: {error}. Only a loopback address may have http://.") from None
    host = urlsplit(str(url)).hostname
    if host in LOOPBACK and host not in allowed_hosts and (found := runs_in_azure(environment)):
        raise SettingsError(
            f"{name} is a loopback address, and {found} shows that this app runs in Azure. Set "
            "UPLOADS_EVENTS_ALLOWED_HOSTS to the host if it is meant."
        )
    if f"{url}/".startswith(f"{config.base_url}/"):
        raise SettingsError(f"{name} is the address of this service itself ({config.base_url}).")


def warnings(config: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """Settings that make sense, but not together with those of the host."""
    body_bytes = max_body_bytes(environment)
    # Files above the largest body are nothing unusual: clients compress them, and are told the limit (uploads/config).
    if body_bytes is not None and config.max_file_bytes > body_bytes * COMPRESSION:
        yield (
            f"The Functions host refuses bodies larger than {body_bytes} bytes with status 500, but "
            f"UPLOADS_MAX_FILE_BYTES allows files of {config.max_file_bytes}, which do not pass even if they are "
            f"compressed to a tenth. Set UPLOADS_MAX_FILE_BYTES to {body_bytes * COMPRESSION} or less, or {BODY_LIMIT} "
            f"to {-(-config.max_file_bytes // COMPRESSION)} or more (docs/deploy.md, Large files)."
        )
