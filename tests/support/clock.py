"""A clock that tests move, in place of the one that the app reads (``shared.core.ids``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from shared.core import ids


@dataclass(slots=True)
class Clock:
    """The clock of this process, which starts at the present."""

    ahead: timedelta = timedelta()

    def move(self, **time: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**time)

    @contextmanager
    def installed(self) -> Iterator[Self]:
        """Let the app read this clock."""
        real = ids.clock

        def moved() -> datetime:
            return real() + self.ahead

        ids.clock = moved
        try:
            yield self
        finally:
            ids.clock = real
