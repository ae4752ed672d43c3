"""A large file is forwarded in constant memory: the measurement in short."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.azurite import azurite
from local.service import ROOT
from tests.support.service import running_service

# By hand: TEST_FORWARD_MIB=1024.
MIB = os.environ.get("TEST_FORWARD_MIB", "150")


@pytest.mark.slow("of the memory of a forwarding")
def test_a_large_file_is_forwarded_in_constant_memory(tmp_path: Path) -> None:
    with azurite(tmp_path) as account:
        storage = account.connection_string
        with running_service(storage, name_prefix="upstream") as upstream:
            ran = subprocess.run(
                [sys.executable, "-m", "tests.slow.forward_memory", storage, upstream, "--mib", MIB],
                cwd=ROOT,
                env=os.environ | {"UPLOADS_AUTH": "none"},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout
