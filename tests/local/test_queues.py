"""The local host's queue triggers."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.functions.queue import QueueMessage
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from local.host.queues import QueueTrigger
from tests.support.invariants import Storage

LOG = "local.host.queues"
OPTIONS = {"batchSize": 2, "maxDequeueCount": 2, "visibilityTimeout": "00:00:00"}


async def test_messages_that_come_one_by_one_are_handled_a_few_at_a_time(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_QUEUE_STORAGE", storage.connection_string)
    running = most = handled = 0
    released = asyncio.Event()

    async def function(message: QueueMessage) -> None:
        nonlocal running, most, handled
        running += 1
        most = max(most, running)
        await released.wait()
        running -= 1
        handled += 1
        if message.get_body() == b"3":
            raise RuntimeError("not this one")
        if message.get_body() == b"4" and handled < 6:
            raise ServiceRequestError("the connection was closed")

    name = f"q{uuid4().hex}"
    trigger: Any = SimpleNamespace(name="message", queue_name=name, connection="TEST_QUEUE_STORAGE")
    serving = asyncio.create_task(QueueTrigger("function", trigger, function, OPTIONS).serve())
    connection = storage.connection_string
    with QueueClient.from_connection_string(connection, name, message_encode_policy=TextBase64EncodePolicy()) as queue:
        await asyncio.sleep(0.5)
        for number in range(6):
            queue.send_message(str(number))
            await asyncio.sleep(0.3)
        released.set()
        for _ in range(100):
            if handled == 8:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert queue.get_queue_properties().approximate_message_count == 0
    with QueueClient.from_connection_string(connection, f"{name}-poison") as poison:
        assert poison.get_queue_properties().approximate_message_count == 1
    assert (handled, most) == (8, 2)
    # What comes of an outage is told in a line, all else with its traceback.
    told = [(record.getMessage(), record.exc_info is not None) for record in caplog.records if record.name == LOG]
    assert Counter(told) == {
        ("function did not reach storage: ServiceRequestError", False): 1,
        ("function failed", True): 2,
    }
