"""What the documents say of settings, operations, errors, tests and the version is what the code has."""

import ast
import re
from pathlib import Path

import pytest

from shared.core import errors
from shared.core.environment import REMOVED
from shared.core.errors import Problem
from shared.core.settings import Settings
from shared.core.version import VERSION
from shared.storage.azure.connections import Names
from tests.docs.documents import ROOT, documents, name_of
from tests.docs.reference import SECTIONS, names_of_sections, with_sections

API = ROOT / "docs" / "api.md"

_ERROR_ROW = re.compile(r"^\| (\d{3}) \| `(\w+)` \| `(\w+)` \|", re.MULTILINE)
_TEST = re.compile(r"`((?:tests/)?[\w/]*test_\w+\.py)(?:::(\w+))?`")
_PATH = re.compile(r"`((?:shared|local|bench|check|tests|samples|infra|client|page)/[\w/.-]+)`")
_SETTING = re.compile(r"\bUPLOADS_\w*[A-Za-z0-9]\b")


def test_every_section_has_a_place() -> None:
    placed = [name for path in documents() for name in names_of_sections(path.read_text())]

    assert sorted(placed) == sorted(SECTIONS)


@pytest.mark.parametrize("path", [path for path in documents() if names_of_sections(path.read_text())], ids=name_of)
def test_generated_sections_are_current(path: Path) -> None:
    text = path.read_text()

    assert with_sections(text) == text, "run: .venv/bin/python -m tests.docs"


def test_the_table_of_errors_has_every_error_of_the_catalogue() -> None:
    catalogue = {
        (str(problem.status), problem.code, problem.inner_code)
        for problem in vars(errors).values()
        if isinstance(problem, Problem)
    }

    assert set(_ERROR_ROW.findall(API.read_text())) == catalogue


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_settings_that_a_document_names_exist(path: Path) -> None:
    """Those that are gone are named where a reader who has them is told what to set instead."""
    known = {str(field.validation_alias) for field in Settings.model_fields.values()} | REMOVED.keys()

    assert set(_SETTING.findall(path.read_text())) <= known


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_tests_that_a_document_names_exist(path: Path) -> None:
    tests = [test.relative_to(ROOT).as_posix() for test in ROOT.glob("tests/**/test_*.py")]

    for name, function in _TEST.findall(path.read_text()):
        found = [test for test in tests if f"/{test}".endswith(f"/{name}")]
        assert len(found) == 1, f"{name} names {found or 'no test module'}"
        if function:
            tree = ast.parse((ROOT / found[0]).read_text())
            defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert function in defined, f"{found[0]} has no {function}"


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_files_that_a_document_names_exist(path: Path) -> None:
    missing = [name for name in _PATH.findall(path.read_text()) if not (ROOT / name).exists()]

    assert missing == []


def test_the_design_lists_every_table_and_kind_of_row() -> None:
    design = (ROOT / "docs" / "design.md").read_text()
    storage = "".join(path.read_text() for path in (ROOT / "shared" / "storage").rglob("*.py"))
    kinds = re.findall(r'(?:return f|_PREFIX = )"(\w+):', storage)

    assert [name for name in Names.prefixed("") if f"`{name}`" not in design] == []
    assert [kind for kind in kinds if f"`{kind}:" not in design] == []
    assert len(kinds) > 5


def test_the_changelog_begins_with_what_is_unreleased_and_then_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[:2] == ["Unreleased", VERSION]
