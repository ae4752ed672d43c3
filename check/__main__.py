"""``python3 dev.py check``: reads a storage account directly and reports every broken invariant.

``docs/invariants.md`` lists the invariants with the numbers that are used here. The check changes nothing and may run
at any time. While requests are in progress it may report their sessions wrongly: run it again.
"""

import argparse
import sys
from contextlib import closing, nullcontext
from pathlib import Path

from azure.core.exceptions import AzureError

from check.account import Account
from check.invariants import unlisted, violations
from local.azurite import AzuriteError, azurite
from local.service import ROOT
from shared.core.environment import SettingsError
from shared.core.errors import counted
from shared.core.settings import load_settings
from shared.storage.azure.table import NewerFormatError


def check(account: Account, *, quick: bool) -> int:
    """Check everything and print each violation. Returns their number."""
    found = sessions = files = blobs = 0
    for contents in account.contents():
        sessions += len(contents.rows["session"])
        files += len(contents.rows["file"])
        blobs += sum(len(names) for names in contents.blobs.values())
        for violation in violations(contents, account, quick=quick):
            found += 1
            print(f"{contents.catalog}/{contents.resource}: {violation}", flush=True)
    for violation in unlisted(account):
        found += 1
        print(violation, flush=True)
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
        settings = load_settings()
        with nullcontext() if settings.storage or settings.blob_endpoint else azurite(arguments.data) as own:
            if own is not None:
                settings = settings.model_copy(update={"storage": own.connection_string})
            with closing(Account.connect(settings)) as account:
                return 1 if check(account, quick=arguments.quick) else 0
    except (AzuriteError, AzureError, NewerFormatError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
