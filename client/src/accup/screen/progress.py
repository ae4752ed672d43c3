"""Progress bars on a terminal, and nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from accup.local.files import LocalFile
from accup.screen.console import Screen
from accup.screen.wording import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Silent:
    """Shows nothing."""

    def checking(self, file: LocalFile) -> Callable[[int], None]:
        """Take no notice."""
        return lambda _: None

    def uploading(self, file: LocalFile) -> Callable[[int], None]:
        """Take no notice."""
        return lambda _: None

    def ended(self, file: LocalFile, *, accepted: bool) -> None:
        """Take no notice."""


class Bars:
    """A bar for each file: one while it is checked, one while it is uploaded."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def checking(self, file: LocalFile) -> Callable[[int], None]:
        """A bar for a check."""
        return self._bar(file, "checking")

    def uploading(self, file: LocalFile) -> Callable[[int], None]:
        """A bar for an upload."""
        return self._bar(file, "uploading")

    def ended(self, file: LocalFile, *, accepted: bool) -> None:
        """Show how the file fared."""
        if file.name in self._tasks:
            what, style = ("accepted", "green") if accepted else ("refused", "red")
            self._progress.update(self._tasks[file.name], what=f"[{style}]{what}[/]", completed=file.size)
            self._progress.stop_task(self._tasks[file.name])

    def _bar(self, file: LocalFile, what: str) -> Callable[[int], None]:
        known = self._tasks.get(file.name)
        if known is not None:
            self._progress.remove_task(known)
        task = self._tasks[file.name] = self._progress.add_task(printable(file.name), total=file.size or 1, what=what)
        return lambda done: self._progress.update(task, completed=done)


@contextmanager
def reporter(screen: Screen) -> Iterator[Silent | Bars]:
    """What shows progress: bars while the block runs, if someone watches."""
    if not screen.shows_progress:
        yield Silent()
        return
    from rich.progress import (  # noqa: PLC0415  # only a terminal needs it
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(max_width=40, no_wrap=True)),
        TextColumn("{task.fields[what]}", table_column=Column(min_width=9)),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=screen.err(),
    )
    with progress:
        yield Bars(progress)
