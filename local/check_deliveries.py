"""The invariants of deliveries, as a part of ``dev.py check``."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from local.account import Contents, Row


def broken_deliveries(contents: Contents, now: datetime, patience: timedelta) -> Iterator[str]:
    """A message for every broken invariant of one resource's deliveries and events."""
    ended = {(record["SessionId"], *_end(record)) for record in contents.rows["audit"].values()}
    for key, row in contents.rows["delivery"].items():
        session, _, target = key.partition(":")
        delivery = f"the delivery of session {session} to {target}"
        if row["State"] == "pending":
            yield from _broken_index(delivery, contents.waiting.get(session), now, patience)
            continue
        if row.get("ClaimedBy") or row.get("ClaimedUntil"):
            yield f"14: {delivery} is {row['State']}, and an attempt has not let go of it"
        if target == "graph" and row["State"] == "delivered" and not row.get("UpstreamId"):
            yield f"14: {delivery} is delivered, and it is not known to which session there"
        outcome = "success" if row["State"] == "delivered" else "refused"
        if (target == "graph" or outcome == "refused") and (session, target, outcome) not in ended:
            yield f"10: {delivery} is {row['State']} and has no audit record of that"
    waiting = {key.split(":")[0] for key in contents.rows["event"]}
    for session in sorted(waiting):
        state = contents.rows["delivery"].get(f"{session}:events", {}).get("State")
        if state not in ("pending", "failed"):
            yield f"13: events of session {session} wait, and nothing sends them: their delivery is {state}"


def _broken_index(delivery: str, due: datetime | None, now: datetime, patience: timedelta) -> Iterator[str]:
    if due is None:
        yield f"12: {delivery} is pending, and no index row makes the timer look at it: deliver it again"
    elif due < now - patience:
        yield f"12: {delivery} waits since {due:%Y-%m-%d %H:%M}: check that the timer runs, and that there is a target"


def _end(record: Row) -> tuple[Any, Any]:
    """The target and the outcome of a record of a delivery that has ended."""
    details = json.loads(record["Details"]) if record["Activity"] == "deliverSession" else {}
    return details.get("target"), record["Outcome"]
