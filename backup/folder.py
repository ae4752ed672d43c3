"""The folder of a backup: rows with their types, the list of blobs with their digests, and the blobs themselves.

``tables/NAME.jsonl.gz`` has a row a line, ``tables/blobs.jsonl.gz`` a blob a line, ``tables/backup.json`` what it is;
all of ``tables`` is replaced at once when a backup is complete. ``blobs`` has the bytes, under the names that they have
in storage, where they never change: the next backup copies new ones only.
"""

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from uuid import UUID

from azure.data.tables import EdmType, EntityProperty

Row = Mapping[str, Any]
FORMAT = 1


class BackupError(Exception):
    """The backup cannot be made or used; the message says why, and what to do."""


class CopiedBlob(NamedTuple):
    """A blob of a backup: its name in storage, its bytes and their SHA-256."""

    name: str
    size: int
    sha256: str


class Folder:
    """A folder with a backup, or for one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path / "tables.new"
        self._tables = path / "tables"
        self._old = path / "tables.old"
        if self._old.exists() and not self._tables.exists():
            # A process that died in ``finish`` has left it.
            self._old.rename(self._tables)

    def begin(self) -> None:
        """Begin a new backup. The one that is there stays complete until ``finish``."""
        self._path.mkdir(parents=True, exist_ok=True)
        strangers = {each.name for each in self._path.iterdir()} - {"tables", "tables.new", "tables.old", "blobs"}
        if strangers:
            raise BackupError(f"{self._path} has other files than those of a backup. Choose an empty folder.")
        shutil.rmtree(self._new, ignore_errors=True)
        self._new.mkdir()

    def new_table(self, name: str) -> TextIO:
        """A file for the rows of a table, to be written with ``line``."""
        return gzip.open(self._new / f"{name}.jsonl.gz", "wt", encoding="utf-8", compresslevel=6)

    def finish(self, about: Mapping[str, Any]) -> None:
        """Make the new backup the one of this folder, and remove the blobs that it does not have."""
        (self._new / "backup.json").write_text(json.dumps({"format": FORMAT, **about}, indent=2) + "\n")
        shutil.rmtree(self._old, ignore_errors=True)
        if self._tables.exists():
            self._tables.rename(self._old)
        self._new.rename(self._tables)
        shutil.rmtree(self._old, ignore_errors=True)
        kept = {blob.name for blob in self.blobs()}
        for file in (self._path / "blobs").glob("**/*"):
            if file.is_file() and str(file.relative_to(self._path / "blobs")) not in kept:
                file.unlink()

    def about(self) -> dict[str, Any]:
        """What the backup is.

        Raises:
            BackupError: there is none, or a newer version of the program made it.
        """
        try:
            about: dict[str, Any] = json.loads((self._tables / "backup.json").read_text())
        except OSError:
            raise BackupError(f"{self._path} has no complete backup.") from None
        if about["format"] > FORMAT:
            raise BackupError(f"A newer version of this program made the backup in {self._path}. Update this one.")
        return about

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of a table."""
        for text in self._lines(name):
            yield {key: _from_json(value) for key, value in json.loads(text).items()}

    def blobs(self) -> Iterator[CopiedBlob]:
        """The list of the blobs."""
        for text in self._lines("blobs"):
            yield CopiedBlob(*json.loads(text))

    def file(self, blob: str) -> Path:
        """Where the bytes of a blob are. Its name is made of GUIDs and fixed words."""
        return self._path / "blobs" / blob

    def _lines(self, name: str) -> Iterator[str]:
        with gzip.open(self._tables / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from lines


def line(row: Row) -> str:
    """A row as a line of JSON, with the types that JSON does not have."""
    return json.dumps({key: _to_json(value) for key, value in row.items()}, separators=(",", ":")) + "\n"


def _to_json(value: Any) -> Any:
    """A property: strings, Booleans and Int32 as they are; others as an array of type and text."""
    match value:
        case EntityProperty(value=inner, edm_type=kind):
            return [EdmType(kind).value, str(inner)]
        case datetime():
            return [EdmType.DATETIME.value, datetime.combine(value.date(), value.time(), UTC).isoformat()]
        case bytes():
            return [EdmType.BINARY.value, value.hex()]
        case UUID():
            return [EdmType.GUID.value, str(value)]
        case float():
            return [EdmType.DOUBLE.value, repr(value)]
    return value


def _from_json(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, text = EdmType(value[0]), value[1]
    match kind:
        case EdmType.DATETIME:
            return datetime.fromisoformat(text)
        case EdmType.BINARY:
            return bytes.fromhex(text)
        case EdmType.GUID:
            return UUID(text)
        case EdmType.DOUBLE:
            return float(text)
    return EntityProperty(int(text), kind)
