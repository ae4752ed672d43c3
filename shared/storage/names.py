"""The names of the tables and the container, which begin with ``UPLOADS_NAME_PREFIX``."""

from typing import NamedTuple


class Names(NamedTuple):
    """The names that one deployment of the service uses in a storage account."""

    sessions: str
    expiry: str
    activity: str
    grants: str
    access: str
    callers: str
    deliveries: str
    uploads: str

    @classmethod
    def prefixed(cls, prefix: str) -> "Names":
        """The names with a prefix, which may be empty."""
        return cls(
            sessions=f"{prefix}uploadsessions",
            expiry=f"{prefix}expiry",
            activity=f"{prefix}activity",
            grants=f"{prefix}grants",
            access=f"{prefix}access",
            callers=f"{prefix}callers",
            deliveries=f"{prefix}deliveries",
            uploads=f"{prefix}uploads",
        )

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of all tables."""
        return (self.sessions, self.expiry, self.activity, self.grants, self.access, self.callers, self.deliveries)
