"""Every storage call of every operation fails, and the process is killed before and after each: see ``__init__``."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local.azurite import azurite
from local.service import ROOT
from tests.faults.cases import ANSWERS, NOT_DONE, Outcome
from tests.faults.operations import OPERATIONS, Operation
from tests.faults.transport import Fault

# Each by itself, but for those that take turns.
FAULTS = [NOT_DONE, *((fault,) for fault in ANSWERS if fault not in NOT_DONE)]
# The calls of a variant take turns with what another operation has by itself: what was done although it does not look
# so, and what was not although it does.
LOST = (Fault.ANSWER_LOST, Fault.ANSWER_LOST_ALWAYS, Fault.DONE_BUT_BROKEN)
VARIANTS = [NOT_DONE, LOST, tuple(fault for fault in ANSWERS if fault not in (*NOT_DONE, *LOST))]
# The fault of the quick run: a change whose answer says that it failed.
QUICK = (Fault.DONE_BUT_BROKEN,)

Record = Callable[[str, object], None]


class Harness:
    """Runs cases on a storage of its own, in a process that is started again if a case has ended it."""

    def __init__(self, kind: str, storage: str, log: Path) -> None:
        self._command = [sys.executable, "-m", "tests.faults", kind, storage]
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def run(self, operation: Operation, faults: tuple[Fault, ...] = ()) -> Outcome:
        """Run every case of an operation and of faults that take turns."""
        self._process = self._process or self._started()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([operation.name, [fault.name for fault in faults]]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise AssertionError(f"the process of the cases has ended:\n{self._log.read_text()[-3000:]}")
        return Outcome(**json.loads(line))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _started(self) -> "subprocess.Popen[str]":
        with self._log.open("w") as log:
            return subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )


@contextmanager
def running_harness(kind: str, data: Path) -> Iterator[Harness]:
    with azurite(data) as storage, closing(Harness(kind, storage.connection_string, data / "harness.log")) as harness:
        yield harness


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with running_harness("answers", tmp_path_factory.mktemp("answers")) as harness:
        yield harness


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with running_harness("kills", tmp_path_factory.mktemp("kills")) as harness:
        yield harness


OF_VARIANTS = pytest.mark.slow("of variants of operations")
OF_FAULTS = pytest.mark.slow("of storage faults")


def _cases() -> Iterator[object]:
    for operation in OPERATIONS:
        for faults in VARIANTS if operation.is_variant else FAULTS:
            mark = OF_VARIANTS if operation.is_variant else OF_FAULTS
            name = "_or_".join(fault.name.lower() for fault in faults)
            marks = () if faults == QUICK else mark
            yield pytest.param(operation, faults, marks=marks, id=f"{operation.name}-{name}")


@pytest.mark.parametrize(("operation", "faults"), list(_cases()))
def test_no_fault_loses_doubles_or_leaves_anything(
    answers: Harness, operation: Operation, faults: tuple[Fault, ...], record_property: Record
) -> None:
    outcome = answers.run(operation, faults)

    record_property("cases", outcome.cases)
    assert outcome.failures == [], "\n".join(outcome.failures)
    assert outcome.cases or Fault.EMPTY_PAGE in faults, "only an operation without queries has no empty page"


@pytest.mark.slow("of kills")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_kill_loses_doubles_or_leaves_anything(
    kills: Harness, operation: Operation, record_property: Record
) -> None:
    outcome = kills.run(operation)

    record_property("cases", outcome.cases)
    assert outcome.failures == [], "\n".join(outcome.failures)
    assert outcome.cases
