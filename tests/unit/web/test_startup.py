"""The app does not start with settings that contradict each other or the host's."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from local.service import ROOT
from shared.core.environment import SettingsError
from shared.core.settings import Settings
from shared.web.startup import check_configuration, function_timeout, warnings
from tests.support.forks import run_fork

TIMEOUT = "AzureFunctionsJobHost__functionTimeout"
BODY_LIMIT = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
MIB = 1024 * 1024


def settings(**values: object) -> Settings:
    return Settings.model_validate({"auth": "none", "public_url": "http://localhost:7071", **values})


@pytest.fixture
def host_json(tmp_path: Path) -> Path:
    """A host.json with a timeout of ten minutes."""
    path = tmp_path / "host.json"
    path.write_text(json.dumps({"version": "2.0", "functionTimeout": "00:10:00"}))
    return path


def test_the_defaults_fit_the_host_json_of_the_app() -> None:
    check_configuration(settings(), {}, ROOT / "host.json")


@pytest.mark.parametrize(
    ("seconds", "environment"), [(540, {}), (7200, {TIMEOUT: "-1"}), (7200, {TIMEOUT: "02:01:00"})]
)
def test_an_upload_can_take_as_long_as_the_function(host_json: Path, seconds: int, environment: dict[str, str]) -> None:
    check_configuration(settings(max_upload_seconds=seconds), environment, host_json)


@pytest.mark.parametrize(
    ("seconds", "environment", "said"),
    [
        (541, {}, "Set UPLOADS_MAX_UPLOAD_SECONDS to 540 or less, or functionTimeout to 00:10:01 or more"),
        (7200, {}, "Set UPLOADS_MAX_UPLOAD_SECONDS to 540 or less, or functionTimeout to 02:01:00 or more"),
        (7200, {TIMEOUT: "00:30:00"}, "to 1740 or less, or functionTimeout to 02:01:00 or more"),
        (540, {TIMEOUT.upper(): "00:05:00"}, "to 240 or less, or functionTimeout to 00:10:00 or more"),
        (100_000, {TIMEOUT: "1.00:00:00"}, "to 86340 or less, or functionTimeout to 1.03:47:40 or more"),
        (540, {TIMEOUT: "00:01:01"}, "Set UPLOADS_MAX_UPLOAD_SECONDS to 1 or less, or functionTimeout to 00:10:00"),
        # No upload can be so short.
        (540, {TIMEOUT: "00:01:00"}, "ends a function after 00:01:00 .*. Set functionTimeout to 00:10:00 or more"),
        (540, {TIMEOUT: "00:00:20"}, "ends a function after 00:00:20 .*. Set functionTimeout to 00:10:00 or more"),
    ],
)
def test_an_upload_that_can_take_longer_than_the_function_is_refused(
    host_json: Path, seconds: int, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        check_configuration(settings(max_upload_seconds=seconds), environment, host_json)


def test_a_download_that_the_host_could_end_too_late_is_refused(host_json: Path) -> None:
    """The host itself ends the request of a caller who reads nothing more, after 240 seconds."""
    check_configuration(settings(max_download_seconds=300), {}, host_json)
    check_configuration(settings(max_download_seconds=7200), {TIMEOUT: "-1"}, host_json)
    with pytest.raises(SettingsError, match="Set UPLOADS_MAX_DOWNLOAD_SECONDS to 300 or less, or functionTimeout to"):
        check_configuration(settings(max_download_seconds=301), {}, host_json)


@pytest.mark.parametrize(
    ("value", "timeout"),
    [
        ("00:10:00", timedelta(minutes=10)),
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-1", None),
    ],
)
def test_the_function_timeout_is_a_time_span(host_json: Path, value: str, timeout: timedelta | None) -> None:
    assert function_timeout({TIMEOUT: value}, host_json) == timeout


def test_without_a_function_timeout_the_shortest_default_applies(host_json: Path) -> None:
    host_json.write_text("{}")

    assert function_timeout({}, host_json) == timedelta(minutes=5)


def test_a_function_timeout_that_is_not_a_time_span_is_refused(host_json: Path) -> None:
    with pytest.raises(SettingsError, match="functionTimeout"):
        function_timeout({TIMEOUT: "ten minutes"}, host_json)


def test_a_file_that_needs_more_blocks_than_a_blob_can_have_is_refused(host_json: Path) -> None:
    check_configuration(settings(max_file_bytes=50_000 * 65_536, block_bytes=65_536), {}, host_json)

    with pytest.raises(
        SettingsError, match="Set UPLOADS_MAX_FILE_BYTES to 3276800000 or less, or UPLOADS_BLOCK_BYTES to 65537 or more"
    ):
        check_configuration(settings(max_file_bytes=50_000 * 65_536 + 1, block_bytes=65_536), {}, host_json)


def test_a_file_that_no_blob_can_hold_is_refused_without_a_word_on_blocks(host_json: Path) -> None:
    most = 50_000 * 100 * MIB

    with pytest.raises(SettingsError, match=f"Set UPLOADS_MAX_FILE_BYTES to {most} or less\\.$"):
        check_configuration(settings(max_file_bytes=most + 1, block_bytes=100 * MIB), {}, host_json)


@pytest.mark.parametrize(
    ("environment", "body_bytes"),
    [
        ({BODY_LIMIT: "107374182"}, 107_374_182),
        ({"WEBSITE_SITE_NAME": "uploads"}, 100 * MIB),
        ({BODY_LIMIT: "?"}, 100 * MIB),
    ],
    ids=["a byte too few", "the default in Azure", "not a number"],
)
def test_a_file_that_does_not_pass_the_host_even_compressed_is_a_warning(
    environment: dict[str, str], body_bytes: int
) -> None:
    (warning,) = warnings(settings(), environment)

    assert f"UPLOADS_MAX_FILE_BYTES to {body_bytes * 10} or less" in warning
    assert f"{BODY_LIMIT} to 107374183 or more" in warning


@pytest.mark.parametrize(
    ("environment", "max_file_bytes"),
    [({}, 1024 * MIB), ({BODY_LIMIT: "107374183"}, 1024 * MIB), ({"WEBSITE_SITE_NAME": "uploads"}, 1000 * MIB)],
)
def test_limits_that_fit_each_other_need_no_warning(environment: dict[str, str], max_file_bytes: int) -> None:
    assert list(warnings(settings(max_file_bytes=max_file_bytes), environment)) == []


def imported(**environment: str) -> "subprocess.CompletedProcess[str]":
    """The app, imported by a Python that has neither our host nor logging configured."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    ours["UPLOADS_PUBLIC_URL"] = "http://localhost"
    done = run_fork(["tests.support.imported"], ours | environment)
    assert done.returncode == 0
    return done


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"UPLOADS_AUTH": "open"}, "UPLOADS_AUTH: Input should be 'entra' or 'none'."),
        ({"UPLOADS_AUTH": "none", "UPLOADS_GRACE": "1"}, "UPLOADS_GRACE is not a setting. Did you mean UPLOADS_"),
        ({"UPLOADS_AUTH": "none", TIMEOUT: "ten minutes"}, "functionTimeout must be a time span"),
        (
            {"UPLOADS_AUTH": "none", "UPLOADS_PUBLIC_URL": ""},
            "The address of this service is not known. Set UPLOADS_PUBLIC_URL",
        ),
    ],
    ids=["a value that is not allowed", "an unknown setting", "a contradiction", "no address"],
)
def test_what_stops_the_start_is_on_stderr_when_the_app_is_imported(environment: dict[str, str], said: str) -> None:
    app = imported(**environment)

    assert app.stdout == "SettingsError\n"
    assert app.stderr.startswith(said)
    assert app.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "instead"),
    [
        ({"UPLOADS_AUTH": "platform"}, "Set UPLOADS_AUTH=entra, UPLOADS_TENANT_ID and UPLOADS_AUDIENCE"),
        ({"UPLOADS_AUTH": "Platform", "WEBSITE_AUTH_ENABLED": "True"}, "Set UPLOADS_AUTH=entra, UPLOADS_TENANT_ID"),
        ({"UPLOADS_AUTH": "none", "UPLOADS_FUNCTION_KEYS": "true"}, "Remove the setting"),
        ({"UPLOADS_AUTH": "none", "Uploads_Function_Keys": "false"}, "Remove the setting"),
    ],
)
def test_what_protected_an_app_of_an_earlier_version_stops_the_start_and_says_what_is_in_its_place(
    environment: dict[str, str], instead: str
) -> None:
    app = imported(**environment)

    assert app.stdout == "SettingsError\n"
    assert instead in app.stderr
    assert "is no longer supported" in app.stderr
    assert "docs/access-control.md" in app.stderr
    assert app.stderr.count("\n") == 1


def test_both_settings_of_an_earlier_version_are_named_at_once() -> None:
    app = imported(UPLOADS_AUTH="platform", UPLOADS_FUNCTION_KEYS="true")

    assert [line.split()[0] for line in app.stderr.splitlines()] == ["UPLOADS_AUTH=platform", "UPLOADS_FUNCTION_KEYS"]


def test_a_setting_of_an_earlier_version_without_a_value_is_not_set() -> None:
    app = imported(UPLOADS_AUTH="none", UPLOADS_FUNCTION_KEYS="")

    assert (app.stdout, app.stderr) == ("", "")


def test_a_warning_is_on_stderr_when_the_app_is_imported_and_does_not_prevent_the_start() -> None:
    app = imported(UPLOADS_AUTH="none", **{BODY_LIMIT: "1"})

    assert app.stdout == ""
    assert app.stderr.startswith("Warning: The Functions host refuses bodies larger than 1 bytes")
    assert app.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"UPLOADS_AUTH": "open"}, "UPLOADS_AUTH: "), ({BODY_LIMIT: "1"}, "Warning: The Functions host refuses bodies")],
)
def test_our_own_host_says_it_once(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    # Nothing listens there, and nothing asks.
    storage = {"UPLOADS_STORAGE": "UseDevelopmentStorage=true"}
    with subprocess.Popen(
        [sys.executable, "-m", "local", "--port", "0", "--data", str(tmp_path)],
        cwd=ROOT, env=ours | storage | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as host:  # fmt: skip
        assert host.stdout is not None
        host.stdout.readline()
        host.terminate()
        _, printed = host.communicate(timeout=30)

    assert printed.count(said) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"forward_url": "http://graph.microsoft.com/v1.0"}, "UPLOADS_FORWARD_URL is not valid"),
        ({"forward_url": "https://graph.microsoft.com/v1.0", "forward_scope": "none"}, "UPLOADS_FORWARD_SCOPE=none"),
        ({"forward_layouts": "graph,unknown"}, "UPLOADS_FORWARD_LAYOUTS has an unknown layout"),
        ({"events_url": "http://hooks.contoso.com"}, "UPLOADS_EVENTS_URL is not valid"),
        ({"events_url": "https://10.0.0.1/"}, "not a public one"),
        ({"events_url": "https://169.254.169.254/metadata/instance"}, "not a public one"),
        ({"events_url": "https://2852039166/"}, "not a public one"),
        ({"events_url": "https://0xa.1/"}, "not a public one"),
        ({"events_url": "https://[::ffff:10.0.0.1]/"}, "not a public one"),
        ({"events_url": "https://[64:ff9b::a9fe:a9fe]/"}, "not a public one"),
        ({"events_url": "https://user:secret@hooks.contoso.com/"}, "must not hold a user name"),
        ({"events_secret": "whsec_c2hvcnQ="}, "UPLOADS_EVENTS_SECRET is not valid"),
        ({"events_url": "https://168.63.129.16/"}, "not a public one"),
        ({"events_url": "https://[fec0::1]/"}, "not a public one"),
        ({"forward_url": "https://[fd00::1]/v1.0", "forward_scope": "none"}, "UPLOADS_FORWARD_SCOPE=none"),
    ],
)
def test_a_target_that_is_not_safe_is_refused(host_json: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        check_configuration(settings(**values), {}, host_json)
    assert "c2hvcnQ" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"forward_url": "https://graph.microsoft.com/v1.0"},
        {"forward_url": "http://127.0.0.1:7072/v1.0", "forward_scope": "none"},
        {"events_url": "https://intranet.contoso.com/", "events_allowed_hosts": "intranet.contoso.com"},
        {"events_url": "https://10.0.0.1/", "events_allowed_hosts": "10.0.0.1"},
        {"events_url": "https://[fd00::1]/", "events_allowed_hosts": "fd00::1"},
        {"forward_url": "https://[fd00::1]/v1.0"},
        {"forward_url": "http://[::1]:7072/v1.0", "forward_scope": "none"},
        {"forward_url": "https://uploads.contoso.com:8443/v1.0"},
        {"forward_url": "https://graph.microsoft.com/v1.0", "retention_seconds": 86400},
        {"events_url": "https://hooks.contoso.com/events?code=abc", "retention_seconds": 1},
    ],
)
def test_targets_that_are_safe_or_allowed_are_accepted(host_json: Path, values: dict[str, object]) -> None:
    check_configuration(settings(**values), {}, host_json)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"forward_url": "https://graph.microsoft.com/v1.0?code=abc"}, "must not have a query"),
        ({"forward_url": "https://graph.microsoft.com/v1.0#abc"}, "must not have a query"),
        ({"forward_url": "http://localhost:7071/v1.0"}, "UPLOADS_FORWARD_URL is the address of this service"),
        ({"events_url": "http://LOCALHOST:7071/events"}, "UPLOADS_EVENTS_URL is the address of this service"),
        (
            {"forward_url": "https://graph.microsoft.com/v1.0", "retention_seconds": 3600},
            "UPLOADS_RETENTION_SECONDS is 3600.*UPLOADS_DELIVERY_SECONDS .86400.",
        ),
    ],
)
def test_a_target_that_can_never_work_is_refused(host_json: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_configuration(settings(**values), {}, host_json)


def test_a_loopback_receiver_has_to_be_allowed_in_azure(host_json: Path) -> None:
    azure, tenant = {"WEBSITE_SITE_NAME": "uploads"}, "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
    values = {"auth": "entra", "tenant_id": tenant, "audience": tenant, "events_url": "http://localhost:7072/events"}
    check_configuration(settings(**values), {}, host_json)
    with pytest.raises(SettingsError, match="loopback address, and WEBSITE_SITE_NAME shows"):
        check_configuration(settings(**values), azure, host_json)
    check_configuration(settings(**values, events_allowed_hosts="localhost"), azure, host_json)
