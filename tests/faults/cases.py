"""What the cases of both kinds have in common: preparing, checking what is stored, and the outcome."""

import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from tests.faults.operations import Case, Operation
from tests.faults.service import Service
from tests.faults.transport import Fault, Plan
from tests.support.invariants import Storage

KILLS = (Fault.KILLED_BEFORE, Fault.KILLED_AFTER)
# What is late is tried in ``tests/api/test_late_reads.py``: other requests come in between.
ANSWERS = tuple(fault for fault in Fault if fault not in (*KILLS, Fault.LATE))

# Four ways to be told that storage did nothing. The app handles them alike, so that the
# calls of an operation take turns with them, and each operation begins with another one.
NOT_DONE = (Fault.NOT_SENT_ALWAYS, Fault.TIMEOUT_ALWAYS, Fault.UNAVAILABLE_ALWAYS, Fault.BROKEN_ALWAYS)

# More calls than any operation makes: a plan that is never past its last call is a defect of the harness.
MOST_CALLS = 200


@dataclass(slots=True)
class Outcome:
    """How many cases there were of one operation and one kind of fault, and which failed."""

    cases: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, plan: Plan, failure: str | None) -> None:
        """Count a case."""
        self.cases += 1
        if failure is not None:
            self.failures.append(f"call {plan.index + 1}, {plan.fault}: {failure}")


async def prepare(service: Service, operation: Operation) -> Case:
    """What has to be stored before the operation; nothing fails here."""
    case = Case()
    for step in operation.prepare:
        await step(service, case)
    return case


async def verify(service: Service, storage: Storage, operation: Operation, case: Case) -> None:
    """Check that everything acknowledged is stored, and that after a sweep nothing is left over."""
    for step in operation.verify:
        await step(service, case)
    broken = partial(storage.broken, case.catalog, case.resource, directory=operation.has_directory)
    assert (found := broken()) == [], found
    await sweep(service)
    assert (found := broken(swept=True)) == [], found


async def sweep(service: Service) -> None:
    """Let the timer do everything that there is to do."""
    service.clock.ahead += timedelta(days=3)
    for _ in range(5):
        if not await service.tick():
            break


def described(error: BaseException) -> str:
    """A failure, short enough for a report."""
    return "".join(traceback.format_exception(error)[-3:])
