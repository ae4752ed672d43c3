"""An HTTP proxy that cuts connections, delays, answers 503, and sends requests twice, as its dice say."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from tests.client.forwarding import ForwardingHandler, running

FAULTS = ("cut before", "cut after", "cut the answer", "busy", "delay", "twice")


class FaultProxy:
    """The proxy: its URL, and how often it did what."""

    def __init__(self, seed: int, share: float) -> None:
        self.url = ""
        self.counts: Counter[str] = Counter()
        self._share = share
        self._dice = random.Random(seed)
        self._lock = Lock()

    def fault(self) -> str | None:
        """What happens to the next request."""
        with self._lock:
            # The first request always, so that there is a fault in every run.
            hit = not self.counts or self._dice.random() < self._share
            chosen = self._dice.choice(FAULTS) if hit else None
            self.counts[chosen or "none"] += 1
            return chosen


class _Handler(ForwardingHandler):
    proxy: FaultProxy

    def serve(self) -> None:
        fault = self.proxy.fault()
        if fault == "cut before":
            # In the middle of the request's body.
            next(self.pieces(), None)
            self.close_connection = True
            return
        body = b"".join(self.pieces())
        if fault == "busy":
            self.start_answer((503, [("Retry-After", "0")], b""))
            return
        if fault == "delay":
            time.sleep(0.5)
        answer = self.forward(body)
        if fault == "twice":
            answer = self.forward(body)
        if fault == "cut after":
            self.close_connection = True
            return
        self.start_answer(answer)
        content = answer[2]
        if fault == "cut the answer":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)


@contextmanager
def fault_proxy(upstream: str, *, seed: int, share: float) -> Iterator[FaultProxy]:
    """The proxy while it runs; ``share`` of the requests meet a fault."""
    proxy = FaultProxy(seed, share)
    handler = type("Handler", (_Handler,), {"proxy": proxy, "upstream": upstream})
    with running(handler) as proxy.url:
        yield proxy
