"""The service's own validator.

An installed client has it as ``accup.access_data`` (``hatch_build.py``); in a checkout it is ``shared.access_data``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.access_data.validator import Validator
else:
    try:
        from accup.access_data.validator import Validator
    except ModuleNotFoundError:
        from shared.access_data.validator import Validator

# glibc returns free memory at the end of the heap to the system if it is 128 KiB or more, and the validator needs it
# again a moment later: 90,000 page faults for 59 MB, a third of the time. Freeing one large block raises that limit to
# twice the block's size (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD).
bytearray(8 * 1024 * 1024)

__all__ = ["Validator"]
