"""A file that is uploaded again: with other content, under another name, twice at once, or instead of a workbook."""

import io
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.page.app import App, payload
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Session


def test_new_content_of_a_name_replaces_the_old_after_one_question(app: App, session: Session) -> None:
    session.uploaded("data.csv", access_file(20))
    app.open_session(session)
    app.choose(payload("data.csv", access_file(25)))
    taken = app.file("taken", "data.csv")
    expect(taken).to_contain_text("data.csv is already here with other content (20 rows")
    expect(app.finish_button).to_be_disabled()

    taken.get_by_role("button", name="Replace it").click()

    expect(app.file("accepted", "data.csv")).to_contain_text("25 rows")
    expect(app.file("taken")).to_have_count(0)
    app.choose(payload("data.csv", access_file(30)))
    app.file("taken").get_by_role("button", name="Keep the old one").click()
    expect(app.file("taken")).to_have_count(0)
    expect(app.file("accepted", "data.csv")).to_contain_text("25 rows")
    assert [file["@uploads.rowCount"] for file in session.read({"$expand": "files"})["files"]] == [25]
    expect(app.finish_button).to_be_enabled()


def test_a_faulty_file_of_an_accepted_name_says_what_counts(app: App, session: Session) -> None:
    session.uploaded("data.csv", access_file(20))
    app.open_session(session)
    app.choose(payload("data.csv", faulty_access_file(4)))
    expect(app.file("refused", "data.csv")).to_contain_text("accepted before is still here, and counts")
    app.replace("data.csv", access_file(21))
    app.file("taken", "data.csv").get_by_role("button", name="Replace it").click()
    expect(app.file("accepted", "data.csv")).to_contain_text("21 rows")


def test_two_files_of_one_name_are_both_answered(app: App, session: Session, tmp_path: Path) -> None:
    for folder, rows in (("one", 3), ("two", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.csv").write_bytes(access_file(rows))
    app.open_session(session)
    app.choose(tmp_path / "one" / "same.csv", tmp_path / "two" / "same.csv")
    expect(app.file("accepted", "same.csv")).to_contain_text("3 rows")
    expect(app.file("taken", "same.csv")).to_be_visible()
    expect(app.finish_button).to_be_disabled()


def workbook() -> bytes:
    """What Excel saves, as far as anybody looks at it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


def test_a_workbook_is_one_sentence_and_its_csv_file_has_its_own_name(app: App, session: Session) -> None:
    app.open_session(session)
    app.choose(payload("export.xlsx", workbook()))
    refused = app.file("refused", "export.xlsx")
    expect(refused.locator("h4")).to_have_text("This is an Excel workbook.")
    expect(refused.locator("h4")).to_be_focused()
    expect(refused).to_contain_text("Save as, and the type CSV UTF-8")
    expect(refused.locator("table")).to_have_count(0)
    expect(refused).not_to_contain_text("PK")

    app.replace("export.xlsx", access_file(6), file_name="export.csv")

    expect(app.file("accepted", "export.csv")).to_contain_text("6 rows")
    expect(app.file("refused")).to_have_count(0)
    expect(app.finish_button).to_be_enabled()
    assert session.file_names() == ["export.csv"]
