"""Kills at each call: ``python -m tests.deliveries STORAGE UPSTREAM EVENTS``; a process without threads, for the forks.

Each line of standard input is JSON, the name of a fault and how many calls are passed over; the outcome is written as a
line of JSON.
"""

import json
import sys
from dataclasses import asdict

import httpx

from tests.deliveries.cases import Places
from tests.deliveries.kills import kill_at_each_call
from tests.faults.transport import Fault


def main() -> None:
    """Run until standard input ends."""
    storage, upstream, events = sys.argv[1:]
    places = Places(storage, upstream, events, httpx.Client(base_url=upstream))
    for line in sys.stdin:
        fault, step = json.loads(line)
        print(json.dumps(asdict(kill_at_each_call(places, Fault[fault], step))), flush=True)


if __name__ == "__main__":
    main()
