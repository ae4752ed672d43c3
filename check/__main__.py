"""``python3 dev.py check``: reads a storage account directly and reports every broken invariant.

``docs/invariants.md`` lists the invariants with the numbers that are used here. The check changes nothing and may run
at any time. While requests are in progress it may report their sessions wrongly: run it again.
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from azure.core.exceptions import AzureError

from check.account import Account
from check.directory import directory_violations
from check.invariants import unlisted, violations
from local.azurite import AzuriteError, configured_or_local
from local.service import ROOT
from shared.core.environment import SettingsError
from shared.core.errors import counted
from shared.core.settings import load_settings
from shared.storage.azure.table import NewerFormatError


class NoDataError(Exception):
    """Nothing is stored where the settings point to."""


def check(account: Account, *, quick: bool) -> int:
    """Check everything and print each violation. Returns their number.

    Raises:
        NoDataError: there is nothing to check.
    """
    found = sessions = files = blobs = 0
    empty = True
    for contents in account.contents():
        empty = False
        sessions += len(contents.rows["session"])
        files += len(contents.rows["file"])
        blobs += sum(len(names) for names in contents.blobs.values())
        for violation in violations(contents, account, quick=quick):
            found += 1
            print(f"{contents.catalog}/{contents.resource}: {violation}", flush=True)
    for violation in (*unlisted(account), *directory_violations(account)):
        found += 1
        print(violation, flush=True)
    if empty and not found:
        raise NoDataError(
            f"The account {account.uploads.account_name} has no rows in table {account.sessions.table_name} and no "
            f"blobs in container {account.uploads.container_name}. Check the connection and UPLOADS_NAME_PREFIX."
        )
    verdict = f"{counted(found, 'violation')}; see docs/invariants.md" if found else "no violations"
    print(f"{counted(sessions, 'session')}, {counted(files, 'file')}, {counted(blobs, 'blob')}: {verdict}")
    return found


def main() -> int:
    """Check the account that the arguments or the environment name. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py check", description="Check what is stored against the invariants.")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of Azurite's data (default .data)")
    parser.add_argument("--quick", action="store_true", help="do not read the files' bytes")
    arguments = parser.parse_args()
    try:
        with (
            configured_or_local(load_settings(), arguments.data) as settings,
            closing(Account.connect(settings)) as account,
        ):
            return 1 if check(account, quick=arguments.quick) else 0
    except (AzuriteError, AzureError, NewerFormatError, NoDataError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
