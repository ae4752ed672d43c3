"""Rows of sessions in real Table Storage: values at the limits of their types."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.core.settings import Settings
from shared.domain.sessions import Refusal, ResourceKey, SessionKey
from shared.storage.account import Storage
from shared.storage.resource_partition.rows import refusal_entity, refusal_of
from tests.support.invariants import Storage as Stored


@pytest.mark.parametrize("findings", [1, 2**31 - 1, 2**31, 2**40])
async def test_a_refusal_keeps_its_count_of_findings(storage: Stored, findings: int) -> None:
    """A file of blank lines has as many findings as bytes, and UPLOADS_MAX_FILE_BYTES may be beyond 2^31."""
    key = SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4()))
    refusal = Refusal("blank.csv", datetime(2026, 1, 1, tzinfo=UTC), findings)
    opened = Storage.connect(Settings().model_copy(update={"storage": storage.connection_string}))
    try:
        storage.sessions.create_entity(refusal_entity(key, refusal))

        assert await opened.sessions.refusals(key) == [refusal]
    finally:
        await opened.close()


def test_a_refusal_with_a_count_of_32_bits_is_read() -> None:
    """As stored by versions that did not expect more."""
    row = {"Name": "a.csv", "Refused": datetime(2026, 1, 1, tzinfo=UTC), "Findings": 3}

    assert refusal_of(row).findings == 3
