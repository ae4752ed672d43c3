"""The step ``principals``: what an application calls its users becomes their object ids."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..careful.cells import Fault


class Match(NamedTuple):
    """What becomes of the rows of one account.

    Attributes:
        principal: the object id that takes the account's place, or what the file has if it stays; ``None`` where the
            fault is a finding, or where the rows are left out since the account is not a person.
        by: what has matched: the name of an attribute, ``accounts`` or ``objectId``; ``None`` if nothing has.
        fault: a finding that refuses the rows, or a warning about them.
    """

    principal: str | None
    by: str | None = None
    fault: Fault | None = None

    @property
    def left_out(self) -> bool:
        """Whether the rows of this account are left out."""
        return self.principal is None and self.fault is None


class PrincipalMatcher(Protocol):
    """Matches the accounts of one file. Whatever it looks up is in memory: it waits for nothing."""

    def match(self, accounts: Sequence[str]) -> Sequence[Match]:
        """A match for each of the accounts, as the file has them; none of them is blank, and each occurs once.

        Called for a few thousand at a time. An account may come again in a later call.
        """
        ...
