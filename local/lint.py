"""Checks style, formatting, types and the direction of imports: ``python3 dev.py lint``."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "."], ["lint-imports"])


def main() -> int:
    """Run every check, also after one has failed; gives the exit code."""
    programs = Path(sys.executable).parent
    return max(subprocess.call([programs / name, *arguments], cwd=ROOT) for name, *arguments in CHECKS)


if __name__ == "__main__":
    sys.exit(main())
