"""The Chromium that the tests of the page drive."""

import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of a Chromium.

    Raises:
        pytest.UsageError: there is none; the message says how to get one.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise pytest.UsageError(
            "The tests of the page need Chromium, and there is none on the PATH. Install it (Debian, Ubuntu: "
            "apt-get install chromium), or run the tests without them: python3 dev.py test --no-browser"
        )
    return found
