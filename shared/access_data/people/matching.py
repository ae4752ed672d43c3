"""Decides whose an account is: by the application's own list, then as an object id, then by attributes in their order.

Every comparison is that of ``comparing``. The first attribute of which any user has the account decides: one user is a
match, several are ambiguous.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..careful.cells import GUID, Fault
from ..codes import Code
from ..findings import shown
from ..steps.principals import Match
from .comparing import comparable, stripped
from .digests import digests
from .exceptions import MAX_ACCOUNT, MAX_ACCOUNTS, NOT_A_PERSON, Accounts
from .index import Attribute
from .snapshots import Snapshot

BY_EXCEPTION = "accounts"
BY_OBJECT_ID = "objectId"

# The users that are named where several have an account.
MAX_CANDIDATES = 5

# The attribute by which a principal of the application's list that is no object id is found.
USER_PRINCIPAL_NAME = "userPrincipalName"

_OBJECT_ID = re.compile(GUID)

_LIST = "the application's list of accounts"
_DISABLED = Fault(
    Code.DISABLED_PRINCIPAL,
    "The user is disabled in the directory. Does the application still need the account?",
)


class Matcher:
    """Matches the accounts of one file (``PrincipalMatcher``).

    ``snapshot`` is the directory that it uses; ``None`` if there is none, or one that is too old.
    """

    def __init__(
        self,
        match_by: Sequence[str],
        accounts: Accounts,
        snapshot: Snapshot | None,
        *,
        too_old_days: int | None = None,
    ) -> None:
        """Match by a declaration.

        Args:
            match_by: names of attributes, in their order.
            accounts: the application's own list.
            snapshot: the directory, with the attributes that it has of ``match_by``, and ``USER_PRINCIPAL_NAME``;
                ``None`` if there is none, or if it is too old.
            too_old_days: the limit, in days, if there is one that is too old.
        """
        self._exceptions = {comparable(account): principal for account, principal in accounts.items()}
        self.snapshot = snapshot
        self._attributes: list[tuple[str, Attribute]] = []
        self._names: Attribute | None = None
        if snapshot is not None:
            found = ((name, snapshot.attributes.get(comparable(name))) for name in match_by)
            self._attributes = [(name, attribute) for name, attribute in found if attribute is not None]
            self._names = snapshot.attributes.get(comparable(USER_PRINCIPAL_NAME))
        self._why_unmatched = _why_unmatched([name for name, _ in self._attributes], match_by, snapshot, too_old_days)
        # By the text that is compared: the application's list has each account once.
        self._unmatched: dict[str, str] = {}

    def match(self, accounts: Sequence[str]) -> list[Match]:
        """Whose each of some accounts is; none of them is blank."""
        compared = list(map(comparable, accounts))
        found: dict[int, Match] = {}
        self._match_listed(compared, found)
        ids = {place: stripped(accounts[place]) for place, text in _left(compared, found) if _OBJECT_ID.fullmatch(text)}
        self._match_ids(ids, BY_OBJECT_ID, found)
        for name, attribute in self._attributes:
            left = dict(_left(compared, found))
            if not left:
                break
            self._match_values(left, attribute, name, found)
        matches = [found.get(place) or self._unknown(account) for place, account in enumerate(accounts)]
        for account, text, match in zip(accounts, compared, matches, strict=True):
            if match.principal is None and match.fault is not None and len(self._unmatched) < MAX_ACCOUNTS:
                self._unmatched.setdefault(text, account)
        return matches

    @property
    def unmatched(self) -> list[str]:
        """The accounts that have no principal, each once, as many as the application's list may have."""
        return [account for account in self._unmatched.values() if len(account) <= MAX_ACCOUNT]

    def _unknown(self, account: str) -> Match:
        code, message = self._why_unmatched
        return Match(None, fault=Fault(code, f"'{shown(account)}' is not matched: {message}"))

    def _match_listed(self, compared: Sequence[str], found: dict[int, Match]) -> None:
        """Match the accounts that the application's list has."""
        listed = {place: self._exceptions[text] for place, text in enumerate(compared) if text in self._exceptions}
        ids: dict[int, str] = {}
        names: dict[int, str] = {}
        for place, principal in listed.items():
            if principal == NOT_A_PERSON:
                found[place] = Match(None, BY_EXCEPTION)
            elif _OBJECT_ID.fullmatch(principal):
                ids[place] = principal
            elif self._names is None:
                found[place] = Match(principal, BY_EXCEPTION)
            else:
                names[place] = comparable(principal)
        self._match_ids(ids, BY_EXCEPTION, found)
        if names and self._names is not None:
            self._match_values(names, self._names, BY_EXCEPTION, found)
            for place in names:
                found.setdefault(place, _not_there(BY_EXCEPTION, listed[place]))

    def _match_ids(self, ids: Mapping[int, str], by: str, found: dict[int, Match]) -> None:
        """Take object ids that the directory has, or all if there is none."""
        if not ids:
            return
        if self.snapshot is None:
            found.update((place, Match(object_id, by)) for place, object_id in ids.items())
            return
        users, are_there = self.snapshot.users.find(list(ids.values()))
        disabled = iter(self.snapshot.users.are_disabled(users[are_there]))
        for (place, object_id), is_there in zip(ids.items(), are_there.tolist(), strict=True):
            found[place] = _user(object_id, by, disabled=next(disabled)) if is_there else _not_there(by, object_id)

    def _match_values(self, texts: Mapping[int, str], attribute: Attribute, by: str, found: dict[int, Match]) -> None:
        """Match the comparable texts that users have as an attribute."""
        assert self.snapshot is not None  # noqa: S101  # of which the attribute is
        everyone, places = self.snapshot.users, list(texts)
        first, last = attribute.values.find(digests(texts.values(), self.snapshot.key))
        single = np.flatnonzero(last - first == 1)
        users = attribute.users[first[single]]
        matches = zip(single.tolist(), everyone.ids.texts(users), everyone.are_disabled(users), strict=True)
        for number, object_id, disabled in matches:
            found[places[number]] = _user(object_id, by, disabled=disabled)
        for number in np.flatnonzero(last - first > 1).tolist():
            holders = np.sort(attribute.users[first[number] : last[number]])
            found[places[number]] = _ambiguous(by, len(holders), everyone.ids.texts(holders[:MAX_CANDIDATES]))


def _why_unmatched(
    attributes: Sequence[str], match_by: Sequence[str], snapshot: Snapshot | None, too_old_days: int | None
) -> Fault:
    """What is wrong with an account that nothing has matched.

    Args:
        attributes: those that the directory has.
        match_by: those that are declared.
        snapshot: the directory.
        too_old_days: as for ``Matcher``.
    """
    otherwise = f"or say in {_LIST} whose it is."
    if too_old_days is not None:
        message = f"the directory is older than {too_old_days} days (UPLOADS_DIRECTORY_MAX_AGE_DAYS). Have it uploaded"
        return Fault(Code.DIRECTORY_TOO_OLD, f"{message} again, {otherwise}")
    if snapshot is None:
        return Fault(Code.NO_DIRECTORY, f"there is no directory. Have one uploaded, {otherwise}")
    if not attributes:
        names = ", ".join(map(shown, match_by))
        message = f"the directory has none of the attributes {names}. Declare another one, {otherwise}"
        return Fault(Code.NO_DIRECTORY, message)
    names = " or ".join(map(shown, attributes))
    return Fault(Code.UNKNOWN_PRINCIPAL, f"no user of the directory has it as {names}. Correct it, {otherwise}")


def _user(object_id: str, by: str, *, disabled: bool) -> Match:
    return Match(object_id, by, _DISABLED if disabled else None)


def _ambiguous(by: str, number: int, candidates: Sequence[str]) -> Match:
    """The match of an account that a number of users have, of whom some are named."""
    attribute = USER_PRINCIPAL_NAME if by == BY_EXCEPTION else by
    some = ", ".join(candidates) + (", and more" if number > len(candidates) else "")
    message = f"{number} users have this {shown(attribute)}: {some}. Say in {_LIST} whose it is."
    return Match(None, by, Fault(Code.AMBIGUOUS_PRINCIPAL, message))


def _not_there(by: str, principal: str) -> Match:
    """The match of a principal that the directory does not have."""
    if by == BY_OBJECT_ID:
        message = f"No user of the directory has this object id. Correct it, or say in {_LIST} whose it is."
    else:
        message = f"The directory does not have {principal}, which {_LIST} gives for this account. Correct the list."
    return Match(None, by, Fault(Code.UNKNOWN_PRINCIPAL, message))


def _left(compared: Sequence[str], found: Mapping[int, Match]) -> Iterator[tuple[int, str]]:
    """The accounts that are not decided yet, with their places."""
    return ((place, text) for place, text in enumerate(compared) if place not in found)
