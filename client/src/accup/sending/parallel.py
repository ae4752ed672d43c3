"""Runs calls on a few threads. The threads never keep the process from ending, as those of the standard library do."""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")

# Waiting without a limit cannot be interrupted with Ctrl-C on Windows.
_WAIT_SECONDS = 0.5


class _Done(Generic[T]):
    """One call's end: its result, or its error."""

    def __init__(self, result: T | None, error: BaseException | None) -> None:
        self.result = result
        self.error = error


def run_all(calls: Sequence[Callable[[], T]], at_once: int) -> list[T]:
    """Run all calls, ``at_once`` at a time, and give their results in order of completion.

    After an error no further call is started; it is raised once the running ones have ended.
    """
    waiting: SimpleQueue[Callable[[], T]] = SimpleQueue()
    ended: SimpleQueue[_Done[T]] = SimpleQueue()
    for call in calls:
        waiting.put(call)

    def work() -> None:
        while True:
            try:
                call = waiting.get_nowait()
            except Empty:
                return
            try:
                ended.put(_Done(call(), None))
            except BaseException as error:  # noqa: BLE001  # it is raised in the main thread
                ended.put(_Done(None, error))

    threads = [Thread(target=work, daemon=True) for _ in range(min(at_once, len(calls)))]
    for thread in threads:
        thread.start()
    results: list[T] = []
    failed: BaseException | None = None
    expected = len(calls)
    while expected:
        try:
            done = ended.get(timeout=_WAIT_SECONDS)
        except Empty:
            continue
        expected -= 1
        if done.error is None:
            results.append(done.result)  # type: ignore[arg-type]  # without an error it is a result
            continue
        failed = failed or done.error
        while True:
            try:
                waiting.get_nowait()
            except Empty:
                break
            expected -= 1
    if failed is not None:
        raise failed
    return results
