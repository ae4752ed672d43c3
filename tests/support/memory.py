"""The memory of a process."""

import re
from pathlib import Path


def resident(pid: int) -> int:
    """What a process holds in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024
