"""``python3 dev.py backup FOLDER`` and ``python3 dev.py restore FOLDER``: docs/operate.md, Backup and restore."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from azure.core.exceptions import AzureError

from backup.copying import back_up
from backup.folder import BackupError, Folder
from backup.restoring import restore
from local.azurite import AzuriteError, configured_or_local
from local.service import ROOT
from shared.core.environment import SettingsError
from shared.core.errors import counted
from shared.core.settings import Settings, load_settings


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line, whose first word is ``backup`` or ``restore``."""
    parser = argparse.ArgumentParser(prog="dev.py", description="Copy what is stored, and bring it back.")
    commands = parser.add_subparsers(dest="command", required=True)
    backup = commands.add_parser(
        "backup",
        description="Copy the account of the settings into a folder, while the service runs. A later backup into the "
        "same folder copies new files only.",
    )
    back = commands.add_parser(
        "restore", description="Write a backup into the account of the settings, which is empty, with the app stopped."
    )
    back.add_argument("--again", action="store_true", help="go on with a restoration that was interrupted")
    for command in (backup, back):
        command.add_argument("folder", type=Path, help="folder of the backup")
        command.add_argument("--data", type=Path, default=ROOT / ".data", help="Azurite's data, if no account is set")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the command. Returns the exit code."""
    arguments = parsed(sys.argv[1:])
    try:
        with configured_or_local(load_settings(), arguments.data) as settings:
            if arguments.command == "backup":
                return _back_up(settings, Folder(arguments.folder))
            return _restore(settings, Folder(arguments.folder), again=arguments.again)
    except (AzuriteError, AzureError, BackupError, SettingsError, OSError) as error:
        sys.stderr.write(f"\n{error}\n")
        return 2


def _back_up(settings: Settings, folder: Folder) -> int:
    copied = asyncio.run(back_up(settings, folder, _tell))
    about = folder.about()
    print(
        f"\n{counted(len(copied.as_of), 'resource')}, {copied.rows} rows, {counted(copied.blobs, 'file')} (new: ",
        end="",
    )
    print(f"{copied.new_blobs}). It has every change before {about['oldest']}.")
    for name in copied.missing:
        print(f"missing in the account, too: {name}")
    return 1 if copied.missing else 0


def _restore(settings: Settings, folder: Folder, *, again: bool) -> int:
    about = folder.about()
    restored = asyncio.run(restore(settings, folder, _tell, again=again))
    print(f"\n{counted(restored.sessions, 'session')}, {restored.rows} rows, {counted(restored.blobs, 'file')}.")
    print(f"What was changed after {about['oldest']} may be missing; by resource, after:")
    for resource, moment in sorted(about["asOf"].items(), key=lambda each: each[1]):
        print(f"  {moment}  {resource.replace('_', '/')}")
    print("Next: python3 dev.py check, then start the app (docs/operate.md, Backup and restore).")
    return 0


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")


if __name__ == "__main__":
    sys.exit(main())
