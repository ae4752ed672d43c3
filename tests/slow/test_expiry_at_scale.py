"""What a tick costs, over fewer sessions."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.azurite import azurite
from local.service import ROOT


@pytest.mark.slow("of expiry at scale")
def test_a_tick_costs_what_is_due_and_not_what_is_stored(tmp_path: Path) -> None:
    with azurite(tmp_path) as account:
        command = [sys.executable, "-m", "tests.slow.expiry_at_scale", account.connection_string]
        done = subprocess.run(
            [*command, "--finished", "2000", "--due", "60"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
