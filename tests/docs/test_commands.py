"""The commands in the documents work as they are written, and a second time too.

A block that is marked ``<!-- tested -->`` is run; one that cannot be says why: ``<!-- not tested: reason -->``.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, code_blocks, documents, name_of

COMMANDS = ("bash", "console", "powershell", "python", "sh", "shell")
LOCAL = "http://127.0.0.1:7071"

# What the tested blocks of a document print, in this order.
PRINTED = {
    "README.md": (
        '"code": "invalidRequest"',
        '"target": "line 42, principalId"',
        '"uploadSessionIncomplete"',
        '"filesUploaded":1',
        '"status":"complete"',
        '"name":"crm-access-faulty.csv"',
    ),
    "docs/api.md": (
        '"status": "active"',
        '"rowCount":3600',
        '"filesUploaded":1',
        '"name":"building-access.csv"',
        '"@odata.count":1',
        '"status":"complete"',
        '"displayName":"Building access"',
    ),
    "docs/rows.md": (
        '"columns": [',
        '"Benutzer"',
        '"firstRows": [',
        '"ignoreOtherColumns":true',
    ),
    "docs/directory.md": (
        '"users": 300',
        '"name": "Mail"',
        '"users":300',
        '"accountCount":4',
        "svc-wiki-backup,-",
        '"CustomData": "',
    ),
}


def script_of(path: Path) -> str:
    """The tested blocks of a document, as one script."""
    return "".join(block.text for block in code_blocks(path) if block.marker == "tested")


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_every_block_of_commands_is_tested_or_says_why_not(path: Path) -> None:
    unmarked = [
        block.place
        for block in code_blocks(path)
        if block.language in COMMANDS and block.marker != "tested" and not block.marker.startswith("not tested: ")
    ]

    assert unmarked == []


def run(script: str, service: str) -> str:
    """What a script prints when it is run against the service."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(LOCAL, service)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", [path for path in documents() if script_of(path)], ids=name_of)
def test_tested_blocks_run_as_they_are_written_and_again(service: str, path: Path) -> None:
    for _ in range(2):
        printed = run(script_of(path), service)

        in_order(printed, PRINTED[name_of(path)])


def in_order(text: str, parts: Sequence[str]) -> None:
    """See that a text has these parts, one after the other."""
    for part in parts:
        _, found, text = text.partition(part)
        assert found, f"{part} is not there, or not in its place"


def test_the_sample_of_the_graph_sdk_runs_and_runs_again(service: str) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "samples/graph_sdk.py", service],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        in_order(done.stdout, ("Active", "crm-access.csv", "Complete"))


def test_the_readme_installs_the_graph_sdk_that_the_tests_use() -> None:
    pinned = re.search(r"^msgraph-sdk==\S+", (ROOT / "requirements" / "test.txt").read_text(), re.MULTILINE)

    assert pinned
    assert f"pip install {pinned[0]}" in (ROOT / "README.md").read_text()
