"""The two versions of Graph's API that the service implements."""

from enum import StrEnum


class Dialect(StrEnum):
    """A version of Graph; the value is the first segment of its paths."""

    V1 = "v1.0"
    BETA = "beta"
