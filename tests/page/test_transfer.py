"""Files on their way: several at once, a network that fails, a large file with its progress, and what loading costs."""

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.support.access_files import access_file, access_file_of
from tests.support.client import Session

# What the first useful view may cost over the wire, without a library for signing in.
MAX_TRANSFER_BYTES = 90_000


def test_five_files_at_once_survive_a_network_that_fails_for_one(app: App, session: Session) -> None:
    failed = 0

    def fail_twice(route: Route) -> None:
        nonlocal failed
        if b'filename="c.csv"' in (route.request.post_data_buffer or b"") and failed < 2:
            failed += 1
            route.abort("connectionreset")
        else:
            route.continue_()

    app.open_session(session)
    app.page.route("**/uploadFile", fail_twice)
    app.choose(*(payload(f"{letter}.csv", access_file(5)) for letter in "abcde"))
    expect(app.file("accepted")).to_have_count(5, timeout=30_000)
    assert failed == 2
    assert sorted(session.file_names()) == [f"{letter}.csv" for letter in "abcde"]


def test_an_upload_that_gives_up_is_tried_again_without_the_others(app: App, session: Session) -> None:
    uploads: list[str] = []

    def lose(route: Route) -> None:
        uploads.append("lost")
        route.abort("internetdisconnected")

    app.page.clock.install()
    app.open_session(session)
    app.choose(payload("done.csv", access_file()))
    expect(app.file("accepted")).to_have_count(1)
    app.page.route("**/uploadFile", lose)
    app.choose(payload("lost.csv", access_file()))
    # The page tries again by itself, after pauses that grow.
    for tries in range(1, 4):
        while len(uploads) < tries:
            app.page.wait_for_timeout(20)
        app.page.clock.fast_forward(30_000)
    failed = app.file("failed", "lost.csv")
    expect(failed).to_contain_text("The service cannot be reached")
    assert len(uploads) == 4
    app.page.unroute("**/uploadFile")
    failed.get_by_role("button", name=re.compile("Try again")).click()
    expect(app.file("accepted")).to_have_count(2)
    assert sorted(session.file_names()) == ["done.csv", "lost.csv"]


def test_an_answer_that_is_lost_counts_the_file_once(app: App, session: Session) -> None:
    lost = 0

    def lose_answer(route: Route) -> None:
        nonlocal lost
        if lost == 0:
            lost += 1
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    app.open_session(session)
    app.page.route("**/uploadFile", lose_answer)
    app.choose(payload("once.csv", access_file()))
    expect(app.file("accepted", "once.csv")).to_be_visible(timeout=30_000)
    assert session.read()["stats"]["filesUploaded"] == 1


@pytest.mark.parametrize("megabytes", [200])
def test_a_large_file_shows_its_progress_and_can_be_cancelled(
    app: App, session: Session, tmp_path: Any, megabytes: int
) -> None:
    large = tmp_path / "large.csv"
    one = access_file_of(1_000_000)
    header, rows = one[: one.index(b"\n") + 1], one[one.index(b"\n") + 1 :].rstrip(b"\n") + b"\n"
    with large.open("wb") as file:
        file.write(header)
        for _ in range(megabytes):
            file.write(rows)
    app.open_session(session)
    app.choose(large)
    bar = app.file("sending", "large.csv").get_by_role("progressbar")
    expect(bar).to_have_js_property("max", large.stat().st_size)
    expect(app.file("sending", "large.csv")).to_contain_text(re.compile(r"[1-9]\d MB of 2\d\d MB"), timeout=30_000)
    app.page.get_by_role("button", name="Cancel large.csv").click()
    cancelled = app.file("cancelled", "large.csv")
    expect(cancelled).to_be_visible()
    assert session.file_names() == []
    cancelled.get_by_role("button", name=re.compile("Dismiss")).click()
    app.choose(payload("small.csv", access_file()))
    expect(app.file("accepted", "small.csv")).to_be_visible()


def test_the_first_view_is_small_and_needs_few_round_trips(app: App) -> None:
    app.open_home()
    entries: list[dict[str, Any]] = app.page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(({ name, transferSize, startTime, responseEnd }) => ({ name, transferSize, startTime, responseEnd }))"
    )
    # The list of applications is as long as the tests that ran before have made it.
    assert sum(entry["transferSize"] for entry in entries if "/v1.0/" not in entry["name"]) < MAX_TRANSFER_BYTES
    # The document names every module and style that is needed before the applications are there, so that all of them
    # are asked for at once. What comes later is for the governance team.
    document = app.page.content()
    (answered,) = (entry["responseEnd"] for entry in entries if "/v1.0/uploads/resources" in entry["name"])
    modules = {
        entry["name"].split("/uploads/")[1]
        for entry in entries
        if entry["name"].endswith((".js", ".css")) and entry["startTime"] < answered
    }
    assert modules
    assert all(module in document for module in modules)
