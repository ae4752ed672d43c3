"""The browser, and a page for each person of a test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.page.app import App
from tests.page.browser import launch, watched_page
from tests.support.client import Resource

Open = Callable[..., App]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. For no other tests: Playwright keeps an event loop running, beside which no async test can run."""
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


@pytest.fixture
def people(browser: Browser, service: str) -> Iterator[Open]:
    """Opens the page for one more person: a browser context of their own, with what is given for it."""
    with ExitStack() as stack:

        def opened(url: str = service, *, watched: bool = True, **options: Any) -> App:
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = stack.enter_context(watched_page(context)) if watched else context.new_page()
            return App(page, url)

        yield opened


@pytest.fixture
def app(people: Open) -> App:
    """The page, open for one person."""
    return people()


@pytest.fixture
def named(resource: Resource) -> Resource:
    """A resource that has a name."""
    path = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}"
    answer = resource.http.put(
        path, json={"displayName": f"Application {uuid4()}", "contact": "governance@fabrikam.example"}
    )
    assert answer.status_code == 200, answer.text
    return resource
