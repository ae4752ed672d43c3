"""The cases in which the process is killed at a call to storage or to a target.

Each has two processes of its own, forks of this one: the first is killed, and the second starts after it.
"""

from functools import partial
from typing import Any
from uuid import uuid4

from shared.domain.sessions import SessionKey
from tests.deliveries.cases import QUEUES, Places, afterwards, check_end, complete_and_deliver
from tests.deliveries.here import running_here
from tests.faults.cases import MOST_CALLS, Outcome, described
from tests.faults.kills import Tell, in_a_fork
from tests.faults.transport import Fault, Plan

Files = dict[SessionKey, dict[str, bytes]]


def kill_at_each_call(places: Places, fault: Fault, step: int) -> Outcome:
    """A completion and its delivery again and again, each time killed at its next call, or at each ``step``-th."""
    outcome = Outcome()
    for index in range(0, MOST_CALLS, step):
        plan, prefix = Plan(fault, index), f"k{uuid4().hex[:12]}"
        told, signalled = in_a_fork(partial(die, places, prefix, plan))
        if not signalled:
            if isinstance(told, str):
                raise RuntimeError(f"it fails without any fault: {told}")
            return outcome
        failure, _ = in_a_fork(partial(come_after, places, prefix, index, told))
        outcome.add(plan, failure)
    raise RuntimeError(f"more than {MOST_CALLS} calls")


async def die(places: Places, prefix: str, plan: Plan, tell: Tell) -> None:
    """Prepare, tell what was prepared, and die at the call of the plan."""
    async with running_here(places.storage, name_prefix=prefix, **places.options) as here:
        key = await here.active()
        tell(here.files)
        here.calls.plan = here.http.plan = plan
        await complete_and_deliver(here, key)


async def come_after(places: Places, prefix: str, index: int, files: Any, tell: Tell) -> None:
    """A new process: the message that the first one had in hand comes again, is lost, or comes twice."""
    async with running_here(places.storage, name_prefix=prefix, **places.options) as here:
        here.files |= files
        (key,) = here.files
        queue = QUEUES[index % len(QUEUES)]
        try:
            if "lost" not in queue:
                await here.deliver(key)
            await afterwards(here, key, queue)
            await check_end(here, places, key)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's
            tell(f"{queue} {described(error)}")
