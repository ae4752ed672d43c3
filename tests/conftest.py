"""The fixtures of all tests: a real Azurite, and the service as a process of its own, on free ports.

Each process of a run (pytest-xdist) starts both once. ``http``, and all that is made with it, compares every response
with the OpenAPI document (``tests.support.contract``), so that no test has to.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

pytest_plugins = ("tests.support.selection", "tests.support.log_check", "tests.support.costs")

pytest.register_assert_rewrite("tests.support")

import tests.support.service  # noqa: E402
from local.azurite import azurite  # noqa: E402  # after the rewriting of asserts is registered
from tests.support.authority import Authority, running_authority  # noqa: E402
from tests.support.client import Resource, Session, http_client  # noqa: E402
from tests.support.invariants import Storage  # noqa: E402
from tests.support.log_check import FOLDER  # noqa: E402
from tests.support.service import running_service  # noqa: E402

# For tests that import the app itself, which would not start without a tenant and an address.
os.environ |= {"UPLOADS_AUTH": "none", "UPLOADS_PUBLIC_URL": "http://localhost"}


@pytest.fixture(scope="session", autouse=True)
def log_folder(pytestconfig: pytest.Config) -> Path:
    """Where the services that the tests start keep their logs."""
    tests.support.service.host = pytestconfig.getoption("host")
    tests.support.service.log_folder = folder = pytestconfig.stash[FOLDER]
    return folder


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """The storage account that the tests share; each test has resources of its own in it."""
    with azurite(tmp_path_factory.mktemp("azurite")) as account, closing(Storage(account.connection_string)) as opened:
        opened.create()
        yield opened


@pytest.fixture(scope="session")
def service(storage: Storage) -> Iterator[str]:
    """The URL of the service with its default settings."""
    with running_service(storage.connection_string) as url:
        yield url


@pytest.fixture(scope="session")
def http(service: str) -> Iterator[httpx.Client]:
    """A client of the service that checks of every answer what holds for every answer."""
    with http_client(service) as client:
        yield client


@pytest.fixture
def resource(http: httpx.Client) -> Resource:
    """A new resource."""
    return Resource(http)


@pytest.fixture
def session(resource: Resource) -> Session:
    """An active session without files."""
    return resource.new_session()


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """The issuer of the tokens that the guarded service accepts."""
    with running_authority() as running:
        yield running


@pytest.fixture(scope="session")
def guarded(storage: Storage, authority: Authority) -> Iterator[str]:
    """The URL of a service that requires tokens."""
    with running_service(storage.connection_string, **authority.settings) as url:
        yield url
