"""Every storage call of every operation spoiled, and the process killed before and after each: see ``__init__``."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.azurite import azurite
from local.service import ROOT


def test_no_fault_loses_doubles_or_leaves_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two kinds of fault each on a storage of their own, at the same time."""
    with azurite(tmp_path / "answers") as one, azurite(tmp_path / "kills") as other:
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.faults", kind, storage.connection_string],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for kind, storage in (("answers", one), ("kills", other))
        ]
        told = [run.communicate()[0] for run in runs]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *(text.strip().splitlines()[-1] for text in told), ""]))
    assert [run.returncode for run in runs] == [0, 0], "\n".join(told)
