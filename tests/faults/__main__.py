"""Runs cases: ``python -m tests.faults answers|kills CONNECTION-STRING``.

Each line of standard input is JSON, the names of an operation and of faults, which is none for kills; the outcome is
written as a line of JSON.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

from tests.faults.answers import fail_each_call
from tests.faults.cases import Outcome
from tests.faults.kills import kill_at_each_call
from tests.faults.operations import OPERATIONS, Operation
from tests.faults.service import configure, prepare_to_run, running
from tests.faults.transport import Fault, FaultyTransport
from tests.support.invariants import Storage

Work = Iterator[tuple[Operation, list[Fault]]]


def work() -> Work:
    """What standard input asks for."""
    operations = {operation.name: operation for operation in OPERATIONS}
    for line in sys.stdin:
        operation, faults = json.loads(line)
        yield operations[operation], [Fault[fault] for fault in faults]


def tell(outcome: Outcome) -> None:
    """Write an outcome."""
    print(json.dumps(asdict(outcome)), flush=True)


async def run_answers(storage: str) -> None:
    """The cases in which the process goes on."""
    faulty = FaultyTransport()
    with closing(Storage(storage)) as audited:
        async with faulty.installed(), running() as service:
            for operation, faults in work():
                tell(await fail_each_call(faulty, service, audited, operation, faults))


def run_kills(storage: str) -> None:
    """The cases in which the process is killed."""
    prepare_to_run()
    for operation, _ in work():
        tell(kill_at_each_call(storage, operation))


def main() -> None:
    """Run until standard input ends."""
    kind, storage = sys.argv[1:]
    configure(storage)
    if kind == "answers":
        asyncio.run(run_answers(storage))
    else:
        run_kills(storage)


if __name__ == "__main__":
    main()
