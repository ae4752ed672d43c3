"""What the app's services spend in the process of the tests: calls to storage, and rows that these read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from shared.storage.azure import table
from tests.faults.transport import FaultyTransport


@dataclass(slots=True)
class Costs:
    """The calls to storage, by method and URL, and the number of rows that they read."""

    calls: list[str] = field(default_factory=list)
    rows: int = 0

    def clear(self) -> None:
        """Count from now on."""
        self.calls.clear()
        self.rows = 0


@pytest.fixture
async def costs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Costs]:
    """What is spent, from the moment when a test clears it."""
    async with FaultyTransport().installed() as transport:
        spent = Costs(transport.made)
        check = table.check_format

        def counting(row: table.Row) -> None:
            spent.rows += 1
            check(row)

        monkeypatch.setattr(table, "check_format", counting)
        yield spent
