"""An application's own list of accounts, which says whose they are where the directory does not. Plain data."""

from typing import NamedTuple


class AccountList(NamedTuple):
    """A list: its CSV text in UTF-8, and the number of its accounts."""

    content: bytes
    accounts: int
    etag: str = ""
