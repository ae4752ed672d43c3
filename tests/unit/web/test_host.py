"""What the Functions host lets through, and what clients are told of it."""

import pytest

from page.configuration import page_configuration
from shared.core.settings import Settings
from shared.web.host import max_body_bytes

BODY_LIMIT = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
IN_AZURE = {"WEBSITE_SITE_NAME": "uploads"}


@pytest.mark.parametrize(
    ("environment", "limit"),
    [
        ({}, None),
        ({BODY_LIMIT: "33554432"}, 33_554_432),
        ({BODY_LIMIT: "33554432"} | IN_AZURE, 33_554_432),
        (IN_AZURE, 104_857_600),
        # The host takes its default in place of what is no number.
        ({BODY_LIMIT: "32 MB"}, 104_857_600),
    ],
)
def test_the_largest_body_is_known_where_the_host_says_it_and_in_azure(
    environment: dict[str, str], limit: int | None
) -> None:
    assert max_body_bytes(environment) == limit


@pytest.mark.parametrize(("environment", "limit"), [({}, None), ({BODY_LIMIT: "33554432"}, 33_554_432)])
def test_clients_are_told_the_largest_body(environment: dict[str, str], limit: int | None) -> None:
    config = Settings.model_validate({"auth": "none", "max_files": 5, "max_file_bytes": 1_000_000})

    assert page_configuration(config, environment)["limits"] == {
        "maxFiles": 5,
        "maxFileBytes": 1_000_000,
        "maxBodyBytes": limit,
    }
