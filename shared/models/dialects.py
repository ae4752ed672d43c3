"""The two versions of Graph that the service speaks."""

from enum import StrEnum


class Dialect(StrEnum):
    """Which of Graph's versions a path speaks; the value is the path's first segment."""

    V1 = "v1.0"
    BETA = "beta"
