"""The cases in which the process is killed at a storage call.

Each has two processes of its own: one that is killed, and one that starts after it. Both are forks of this process,
which has imported everything and has no thread and no connection.
"""

import asyncio
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import partial
from typing import Any

from tests.faults.cases import MOST_CALLS, Outcome, described, prepare, verify
from tests.faults.operations import Operation
from tests.faults.service import running
from tests.faults.transport import Fault, FaultyTransport, Plan
from tests.support.invariants import Storage

Tell = Callable[[object], None]


def kill_at_each_call(storage: str, operation: Operation) -> Outcome:
    """The operation again and again, each time killed before its next call, and in the end after its last one.

    What a kill after a call leaves is what one before the next call leaves.
    """
    outcome = Outcome()
    for index in range(MOST_CALLS):
        plan = Plan(Fault.KILLED_BEFORE, index)
        told, signalled = in_a_fork(partial(die, operation, plan))
        if not signalled:
            if told:
                raise RuntimeError(f"{operation.name} fails without any fault: {told!r}")
            plan = Plan(Fault.KILLED_AFTER, index - 1)
            told, signalled = in_a_fork(partial(die, operation, plan))
            if not signalled:
                # A tick makes fewer calls when it meets fewer of the sessions that other cases have left.
                return outcome
        failure, _ = in_a_fork(partial(come_after, storage, operation, told))
        outcome.add(plan, failure)
        if plan.fault is Fault.KILLED_AFTER:
            return outcome
    raise RuntimeError(f"{operation.name} makes more than {MOST_CALLS} calls")


async def die(operation: Operation, plan: Plan, tell: Tell) -> None:
    """Prepare, tell what was prepared, and die at the call of the plan; tells nothing more if there is none."""
    faulty = FaultyTransport()
    async with faulty.installed(), running() as service:
        case = await prepare(service, operation)
        tell((case, service.clock.ahead))
        faulty.plan = plan
        await operation.perform(service, case)
        faulty.plan = None
        tell(None)


async def come_after(storage: str, operation: Operation, was: Any, tell: Tell) -> None:
    """A new process: the client repeats its request."""
    case, ahead = was
    case.unanswered = True
    faulty = FaultyTransport()
    with closing(Storage(storage)) as audited:
        async with faulty.installed(), running() as service:
            service.clock.ahead = ahead
            try:
                await operation.perform(service, case)
                await verify(service, audited, operation, case)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's
                tell(described(error))


def in_a_fork(work: Callable[[Tell], Coroutine[Any, Any, None]]) -> tuple[Any, bool]:
    """What a forked process told last, and whether a signal ended it."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)

        def tell(what: object) -> None:
            with os.fdopen(os.dup(writing), "wb") as pipe:
                pickle.dump(what, pipe)

        code = 1
        try:
            asyncio.run(work(tell))
            code = 0
        except BaseException:  # noqa: BLE001
            tell(traceback.format_exc())
        finally:
            os._exit(code)
    os.close(writing)
    told = None
    with os.fdopen(reading, "rb") as pipe:
        while True:
            try:
                told = pickle.load(pipe)
            except EOFError:
                break
    _, status = os.waitpid(child, 0)
    return told, os.WIFSIGNALED(status)
