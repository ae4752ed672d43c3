"""Runs calls in several threads, so that Ctrl-C ends them at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

# Waiting without a limit cannot be interrupted with Ctrl-C on Windows.
_WAIT_SECONDS = 0.5


def run_all(calls: Sequence[Callable[[], object]], at_once: int) -> None:
    """Run all calls, ``at_once`` at a time.

    After an error no further call is started; it is raised once the running ones have ended. After Ctrl-C nothing is
    waited for.
    """
    pool = ThreadPoolExecutor(at_once)
    running = {pool.submit(call) for call in calls}
    failed: BaseException | None = None
    try:
        while running:
            ended, running = wait(running, _WAIT_SECONDS, FIRST_EXCEPTION)
            for call in ended:
                failed = failed or call.exception()
            if failed is not None:
                running = {call for call in running if not call.cancel()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failed is not None:
        raise failed
