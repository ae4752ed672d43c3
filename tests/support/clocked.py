"""Runs the service on a clock that tests move: ``python -m tests.support.clocked FILE``; FILE holds seconds to add."""

import sys
from datetime import datetime, timedelta
from pathlib import Path


def main() -> int:
    """Serve as ``python -m local`` does."""
    clock = Path(sys.argv.pop(1))
    from local import __main__ as local  # noqa: PLC0415
    from shared.core import ids  # noqa: PLC0415

    real = ids.utc_now

    def now() -> datetime:
        return real() + timedelta(seconds=float(clock.read_text()))

    # Before anything else of the app is imported, and so takes the real one.
    ids.utc_now = now
    return local.main()


if __name__ == "__main__":
    sys.exit(main())
