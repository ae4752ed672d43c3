"""The process is killed before and after every call of a completion and its delivery."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.service import ROOT
from tests.deliveries.cases import Places
from tests.faults.cases import KILLS, Outcome
from tests.faults.transport import Fault

# How many calls the cases of a full run are apart; with TEST_FAULTS_STEP=1 every call is one.
STEP = int(os.environ.get("TEST_FAULTS_STEP", "3"))

Record = Callable[[str, object], None]


@pytest.mark.parametrize("fault", KILLS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("step", [13, pytest.param(STEP, marks=pytest.mark.slow("of kills during deliveries"))])
def test_no_kill_changes_the_end(
    places: Places, fault: Fault, step: int, tmp_path: Path, record_property: Record
) -> None:
    command = [sys.executable, "-m", "tests.deliveries", places.storage, places.upstream, places.events]
    with (tmp_path / "log").open("w") as log:
        ran = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"UPLOADS_AUTH": "none"},
            input=json.dumps([fault.name, step]),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, (tmp_path / "log").read_text()[-3000:]
    outcome = Outcome(**json.loads(ran.stdout))
    record_property("cases", outcome.cases)
    assert outcome.failures == [], "\n".join(outcome.failures)
    assert outcome.cases >= 3
