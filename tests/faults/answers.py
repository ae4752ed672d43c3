"""The cases in which the process goes on after a storage call has failed."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from tests.faults.cases import MOST_CALLS, Outcome, described, prepare, sweep, verify
from tests.faults.operations import OPERATIONS, Case, Operation
from tests.faults.service import Service
from tests.faults.transport import Fault, FaultyTransport, Plan
from tests.support.invariants import Storage


async def fail_each_call(
    faulty: FaultyTransport, service: Service, storage: Storage, operation: Operation, faults: Sequence[Fault]
) -> Outcome:
    """The operation again and again, each time with its next call failing; the faults take turns."""
    outcome = Outcome()
    first = OPERATIONS.index(operation)
    for index in range(MOST_CALLS):
        service.clock.ahead = timedelta()
        case = await prepare(service, operation)
        plan = faulty.plan = Plan(faults[(first + index) % len(faults)], index)
        failure = None
        try:
            await first_try(faulty, operation, service, case)
            if plan.hit:
                await verify(service, storage, operation, case)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's
            failure = described(error)
            faulty.plan = None
            await sweep(service)
        if plan.hit:
            outcome.add(plan, failure)
        elif failure is not None:
            raise RuntimeError(f"{operation.name} fails without any fault: {failure}")
        if plan.calls <= index:
            return outcome
    raise RuntimeError(f"{operation.name} makes more than {MOST_CALLS} calls")


async def first_try(faulty: FaultyTransport, operation: Operation, service: Service, case: Case) -> None:
    """The operation, with the fault in force until its first answer.

    A call that has succeeded and is answered 500 must not concern a client: the SDK repeats it, and the app finds what
    it has done. (Of a transaction without an answer the SDK does not know whether it may be repeated.)
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
