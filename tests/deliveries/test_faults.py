"""Every storage call and every HTTP call of a completion and its delivery fails: see ``__init__``."""

import os
import traceback
from collections.abc import Callable

import pytest

from tests.deliveries.cases import QUEUES, Places, afterwards, check_end, complete_and_deliver
from tests.deliveries.here import Here, running_here
from tests.deliveries.http_faults import HttpFault, HttpPlan
from tests.faults.cases import ANSWERS, MOST_CALLS
from tests.faults.transport import Fault, Plan

# Each kind of fault meets every third call, and all kinds together every call; with TEST_FAULTS_STEP=1 each meets every
# call. Those of the quick run are one for storage and two for the target.
STEP = int(os.environ.get("TEST_FAULTS_STEP", "3"))
QUICK = ((Fault, Fault.DONE_BUT_BROKEN), (HttpFault, HttpFault.ANSWER_LOST), (HttpFault, HttpFault.CUT))

Record = Callable[[str, object], None]


def _params(faults: tuple[Fault | HttpFault, ...]) -> list[object]:
    slow = pytest.mark.slow("of faults of deliveries")
    # A member of one enumeration equals that of the other with the same words.
    marks = [() if (type(fault), fault) in QUICK else slow for fault in faults]
    return [pytest.param(fault, marks=mark, id=fault.name.lower()) for fault, mark in zip(faults, marks, strict=True)]


async def case(here: Here, places: Places, plan: Plan | HttpPlan) -> str | None:
    """One case; gives what went wrong."""
    here.files.clear()
    here.messages.clear()
    key = await here.active()
    if isinstance(plan, Plan):
        here.calls.plan = plan
    else:
        here.http.plan = plan
    queue = QUEUES[plan.index % len(QUEUES)]
    try:
        await complete_and_deliver(here, key)
        if plan.hit:
            await afterwards(here, key, queue)
            await check_end(here, places, key)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's
        return f"call {plan.index + 1} {queue}: " + "".join(traceback.format_exception(error)[-4:])
    return None


async def fail_each_call(
    places: Places, fault: Fault | HttpFault, make: Callable[[int], Plan | HttpPlan], record: Record
) -> None:
    """Case after case, each with its next call failing, until there is no such call."""
    failures: list[str] = []
    kinds = list(type(fault))
    # There are few calls that can be cut.
    step = 1 if fault is HttpFault.CUT else STEP
    cases = 0
    async with running_here(places.storage, **places.options) as here:
        for index in range(kinds.index(fault) % step, MOST_CALLS, step):
            plan = make(index)
            failure = await case(here, places, plan)
            if failure is not None:
                failures.append(failure)
            if not plan.hit:
                break
            cases += 1
    record("cases", cases)
    assert failures == [], "\n".join(failures)
    assert 0 < cases < MOST_CALLS - 1


@pytest.mark.parametrize("fault", _params(ANSWERS))
async def test_no_fault_of_storage_changes_the_end(places: Places, fault: Fault, record_property: Record) -> None:
    await fail_each_call(places, fault, lambda index: Plan(fault, index), record_property)


@pytest.mark.parametrize("fault", _params(tuple(HttpFault)))
async def test_no_fault_of_the_target_changes_the_end(
    places: Places, fault: HttpFault, record_property: Record
) -> None:
    await fail_each_call(places, fault, lambda index: HttpPlan(fault, index), record_property)
