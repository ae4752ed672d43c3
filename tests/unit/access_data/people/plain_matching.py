"""The rules of matching once more, with ``csv`` and dictionaries: what ``test_matching`` compares the matcher with."""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import StringIO

from shared.access_data.codes import Code

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def trimmed(text: str) -> str:
    while text and (WHITE_SPACE.match(text[0]) or unicodedata.category(text[0]) == "Cf"):
        text = text[1:]
    while text and (WHITE_SPACE.match(text[-1]) or unicodedata.category(text[-1]) == "Cf"):
        text = text[:-1]
    return text


def same(text: str) -> str:
    return unicodedata.normalize("NFC", trimmed(unicodedata.normalize("NFC", text)).casefold())


class PlainMatcher:
    """Answers with a principal, what has matched, and a code."""

    def __init__(self, match_by: Sequence[str], accounts: Mapping[str, str], directory: str | None) -> None:
        self.match_by = match_by
        self.accounts = {same(account): principal for account, principal in accounts.items()}
        self.enabled: dict[str, bool] | None = None
        self.holders: dict[str, dict[str, list[str]]] = {}
        if directory is not None:
            self.enabled = {}
            for row in csv.DictReader(StringIO(directory)):
                user = trimmed(row.pop("id")).lower()
                self.enabled[user] = same(row.pop("accountEnabled", None) or "") != "false"
                for name, value in row.items():
                    holders = self.holders.setdefault(name.lower(), defaultdict(list))
                    if same(value):
                        holders[same(value)].append(user)

    def match(self, account: str) -> tuple[str | None, str | None, Code | None]:
        listed = self.accounts.get(same(account))
        if listed == "-":
            return None, "accounts", None
        if listed is not None and (GUID.fullmatch(listed) or "userprincipalname" not in self.holders):
            return self.checked(listed, "accounts") if GUID.fullmatch(listed) else (listed, "accounts", None)
        if listed is not None:
            return self.only(self.holders["userprincipalname"].get(same(listed), []), "accounts")
        if GUID.fullmatch(trimmed(account)):
            return self.checked(trimmed(account), "objectId")
        known = [name for name in self.match_by if name.lower() in self.holders]
        for name in known:
            found = self.holders[name.lower()].get(same(account), [])
            if found:
                return self.only(found, name)
        return None, None, Code.UNKNOWN_PRINCIPAL if known else Code.NO_DIRECTORY

    def checked(self, object_id: str, by: str) -> tuple[str | None, str | None, Code | None]:
        if self.enabled is None:
            return object_id, by, None
        if object_id.lower() not in self.enabled:
            return None, by, Code.UNKNOWN_PRINCIPAL
        return object_id, by, None if self.enabled[object_id.lower()] else Code.DISABLED_PRINCIPAL

    def only(self, users: Sequence[str], by: str) -> tuple[str | None, str | None, Code | None]:
        if not users:
            return None, by, Code.UNKNOWN_PRINCIPAL
        if len(users) > 1:
            return None, by, Code.AMBIGUOUS_PRINCIPAL
        assert self.enabled is not None
        return users[0], by, None if self.enabled[users[0]] else Code.DISABLED_PRINCIPAL
