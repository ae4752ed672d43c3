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

__all__ = ["Validator"]
