"""Runs the cases: ``python -m tests.faults answers|kills CONNECTION-STRING [OPERATION ...]``."""

import asyncio
import os
import pickle
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any

from tests.faults.operations import OPERATIONS, Case, Operation
from tests.faults.service import Service, configure, running
from tests.faults.transport import Fault, FaultyTransport, Plan
from tests.support.invariants import Storage

KILLS = (Fault.KILLED_BEFORE, Fault.KILLED_AFTER)
ANSWERS = tuple(fault for fault in Fault if fault not in KILLS)

# More calls than any operation makes: a plan that is never past its last call is a defect of the harness.
_MOST_CALLS = 200


class Report:
    """How many cases there were, of what kind, and which failed."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.cases: Counter[Fault] = Counter()
        self.failures: list[str] = []

    def add(self, operation: Operation, plan: Plan, failure: str | None) -> None:
        """Count a case."""
        self.cases[plan.fault] += 1
        self.calls[operation.name] = max(self.calls[operation.name], plan.index + 1)
        if failure:
            self.failures.append(f"{operation.name}, call {plan.index + 1}, {plan.fault}: {failure}")
            print(self.failures[-1], flush=True)

    def print(self, seconds: float) -> None:
        """Tell all of it."""
        print("storage calls spoiled, by operation:")
        for name, calls in self.calls.items():
            print(f"  {calls:4} {name}")
        print("cases, by what happened to the call:")
        for fault, cases in self.cases.items():
            print(f"  {cases:4} {fault}")
        print(f"{self.cases.total()} cases, {len(self.failures)} failed, {seconds:.0f} s")


async def prepare(service: Service, operation: Operation) -> Case:
    """What has to be there, without a fault."""
    case = Case()
    for step in operation.prepare:
        await step(service, case)
    return case


async def verify(service: Service, storage: Storage, operation: Operation, case: Case) -> None:
    """See that all is as was acknowledged, and after a sweep that nothing is left over."""
    for step in operation.verify:
        await step(service, case)
    assert (found := storage.broken(case.catalog, case.resource)) == [], found
    await sweep(service)
    assert (found := storage.broken(case.catalog, case.resource, swept=True)) == [], found


async def sweep(service: Service) -> None:
    """Let the timer do all that there is to do."""
    service.pass_time(timedelta(days=3))
    for _ in range(5):
        if not await service.tick():
            break


async def spoil_answers(storage: Storage, operations: list[Operation], report: Report) -> None:
    """Every case in which the process lives on."""
    faulty = FaultyTransport()
    async with faulty.installed(), running() as service:
        for operation in operations:
            for fault in ANSWERS:
                for index in range(_MOST_CALLS):
                    service.reset_clock()
                    case = await prepare(service, operation)
                    plan = faulty.plan = Plan(fault, index)
                    failure = None
                    try:
                        await first_try(faulty, operation, service, case)
                        await verify(service, storage, operation, case)
                    except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's
                        failure = "".join(traceback.format_exception(error)[-3:])
                        faulty.plan = None
                        await sweep(service)
                    if plan.hit:
                        report.add(operation, plan, failure)
                    elif failure:
                        raise RuntimeError(f"{operation.name} fails without any fault: {failure}")
                    if plan.calls <= index:
                        break
                else:
                    raise RuntimeError(f"{operation.name} makes more than {_MOST_CALLS} calls")


async def first_try(faulty: FaultyTransport, operation: Operation, service: Service, case: Case) -> None:
    """The operation, with the fault in force until its first answer.

    A call that has succeeded and is answered 500 is no reason to trouble a client: the SDK repeats it, and what it has
    done is found. (Of a transaction whose answer never came the SDK does not know whether it may be repeated.)
    """
    real = service.once, service.tick
    done = faulty.plan is not None and faulty.plan.fault is Fault.DONE_BUT_BROKEN

    def ending_it(call: Callable[..., Any]) -> Callable[..., Any]:
        async def called(*arguments: Any, **options: Any) -> Any:
            try:
                answer = await call(*arguments, **options)
            finally:
                faulty.plan = None
            if done and getattr(answer, "status_code", 0) == 503:
                raise AssertionError("503 although the call had succeeded")
            return answer

        return called

    service.once, service.tick = ending_it(service.once), ending_it(service.tick)  # type: ignore[method-assign]
    try:
        await operation.perform(service, case)
    finally:
        service.once, service.tick = real  # type: ignore[method-assign]
        faulty.plan = None


def kill(storage: str, operations: list[Operation], report: Report) -> None:
    """Every case in which the process dies. Each has two processes of its own: one that dies, and one that comes after.

    Both are forks of this one, which has imported everything and holds no thread and no connection.
    """
    import function_app  # noqa: F401, PLC0415

    for operation in operations:
        for fault in KILLS:
            for index in range(_MOST_CALLS):
                plan = Plan(fault, index)
                told, signalled = in_a_fork(partial(die, operation, plan))
                if not signalled:
                    if told:
                        raise RuntimeError(f"{operation.name} fails without any fault: {told!r}")
                    break
                failure, _ = in_a_fork(partial(come_after, storage, operation, told))
                report.add(operation, plan, failure)


async def die(operation: Operation, plan: Plan, tell: Callable[[object], None]) -> None:
    """Prepare, tell what was prepared, and die at the call of the plan; tells nothing more if there is none."""
    faulty = FaultyTransport()
    async with faulty.installed(), running() as service:
        case = await prepare(service, operation)
        tell((case, service.ahead))
        faulty.plan = plan
        await operation.perform(service, case)
        faulty.plan = None
        tell(None)


async def come_after(storage: str, operation: Operation, was: Any, tell: Callable[[object], None]) -> None:
    """A new process: the client repeats its request."""
    case, ahead = was
    faulty = FaultyTransport()
    with closing(Storage(storage)) as audited:
        async with faulty.installed(), running() as service:
            service.pass_time(ahead)
            try:
                await operation.perform(service, case)
                await verify(service, audited, operation, case)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's
                tell("".join(traceback.format_exception(error)[-3:]))


def in_a_fork(work: Callable[[Callable[[object], None]], Coroutine[Any, Any, None]]) -> tuple[Any, bool]:
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


def main() -> int:
    """Run what the arguments ask for; gives the exit code."""
    how, storage, *names = sys.argv[1:]
    operations = [operation for operation in OPERATIONS if not names or operation.name in names]
    configure(storage)
    report = Report()
    began = time.monotonic()
    if how == "answers":
        with closing(Storage(storage)) as audited:
            asyncio.run(spoil_answers(audited, operations, report))
    else:
        kill(storage, operations, report)
    report.print(time.monotonic() - began)
    return 1 if report.failures or not report.cases else 0


if __name__ == "__main__":
    sys.exit(main())
