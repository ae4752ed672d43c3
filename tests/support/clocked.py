"""Runs the service on a clock that tests move: ``python -m tests.support.clocked FILE``; FILE holds seconds to add."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from shared.core import ids


class Clock:
    """The clock of services that run by ``program``; it starts at the present.

    Under another host than our own they run on the real one. Tests that move the clock are marked ``own_host``.
    """

    def __init__(self, file: Path) -> None:
        # Imported here, since the services do not need it.
        from tests.support import service  # noqa: PLC0415

        self._file = file
        own = service.host == "local"
        self.program: tuple[str, ...] = ("tests.support.clocked", str(file)) if own else service.OWN_PROGRAM
        self.seconds = 0.0
        self.move(0)

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self._file.write_text(str(self.seconds))


def main() -> int:
    """Serve as ``python -m local`` does."""
    clock = Path(sys.argv.pop(1))
    from local import __main__ as local  # noqa: PLC0415

    real = ids.clock

    def moved() -> datetime:
        return real() + timedelta(seconds=float(clock.read_text()))

    ids.clock = moved
    return local.main()


if __name__ == "__main__":
    sys.exit(main())
