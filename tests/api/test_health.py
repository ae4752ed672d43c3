"""``GET /uploads/health``: open to everyone, whatever the service asks of others."""

import httpx
import pytest

from shared.core.version import VERSION
from tests.support.client import check_every_answer


@pytest.mark.parametrize("which", ["service", "guarded"])
def test_it_is_open_and_gives_the_version(request: pytest.FixtureRequest, which: str) -> None:
    url: str = request.getfixturevalue(which)

    answer = httpx.get(f"{url}/uploads/health", timeout=60)

    check_every_answer(answer)
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "version": VERSION}
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_token_that_is_no_token_changes_nothing(guarded: str) -> None:
    answer = httpx.get(f"{guarded}/uploads/health", headers={"Authorization": "Bearer nonsense"}, timeout=60)

    assert answer.status_code == 200


def test_only_get_is_served(service: str) -> None:
    answer = httpx.post(f"{service}/uploads/health", timeout=60)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
