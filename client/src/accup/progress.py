"""Progress: bars on a terminal, and nothing elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from accup.local import LocalFile
from accup.screen import Screen, console, printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# The bar of all files, the command line above it, and the line below the last bar.
_OTHER_LINES = 3


class Reporter:
    """Is told how far each file is, from several threads. This one shows nothing."""

    def begins(self, file: LocalFile, what: str) -> Callable[[int], None]:
        """A check, an upload or a download begins; gives what takes the number of bytes done."""
        return lambda _: None

    def ended(self, file: LocalFile, *, accepted: bool) -> None:
        """A file was accepted or refused."""


class Bars(Reporter):
    """A bar for each file: one while it is checked, one while it is on its way; and one for all of several files.

    ``sizes`` are those of all files, in bytes. The bar of all is the first, and of more files than the terminal has
    lines the ones that are done give way, so that the terminal shows what is going on.
    """

    def __init__(self, progress: "Progress", sizes: Sequence[int]) -> None:
        self._progress = progress
        self._lock = Lock()
        self._count = len(sizes)
        self._total = progress.add_task("", total=sum(sizes) or 1, what="") if len(sizes) > 1 else None
        self._what = ""
        self._tasks: dict[str, TaskID] = {}
        self._over: list[str] = []
        self._ended: set[str] = set()
        self._done: dict[str, int] = {}

    def begins(self, file: LocalFile, what: str) -> Callable[[int], None]:
        """Show a bar in place of the file's last one."""
        with self._lock:
            if what != self._what:
                # Each file is checked before the first is sent: then all begins anew.
                self._what, self._over, self._ended, self._done = what, [], set(), {}
            if file.name in self._tasks:
                self._progress.remove_task(self._tasks.pop(file.name))
            while self._over and len(self._tasks) > self._progress.console.height - _OTHER_LINES:
                self._progress.remove_task(self._tasks.pop(self._over.pop(0)))
            task = self._progress.add_task(printable(file.name), total=file.size or 1, what=what)
            self._tasks[file.name] = task
            self._show_total()

        def goes_on(done: int) -> None:
            self._progress.update(task, completed=done)
            with self._lock:
                self._done[file.name] = done
                self._show_total()

        return goes_on

    def ended(self, file: LocalFile, *, accepted: bool) -> None:
        """Show how the file fared."""
        with self._lock:
            if file.name in self._tasks:
                good = "downloaded" if self._what == "downloading" else "accepted"
                what, style = (good, "green") if accepted else ("refused", "red")
                self._progress.update(self._tasks[file.name], what=f"[{style}]{what}[/]", completed=file.size)
                self._progress.stop_task(self._tasks[file.name])
                self._over.append(file.name)
            self._ended.add(file.name)
            self._done[file.name] = file.size
            self._show_total()

    def _show_total(self) -> None:
        if self._total is not None:
            of_all = f"{len(self._ended):,} of {self._count:,} files"
            done = sum(self._done.values())
            self._progress.update(self._total, description=of_all, what=self._what, completed=done)


@contextmanager
def reporter(screen: Screen, sizes: Sequence[int] = ()) -> Iterator[Reporter]:
    """What shows progress: bars while the block runs, if someone watches. ``sizes`` are those of all files (bytes)."""
    if not screen.shows_progress:
        yield Reporter()
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

    with Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(max_width=40, no_wrap=True)),
        TextColumn("{task.fields[what]}", table_column=Column(min_width=9)),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console(err=True),
    ) as progress:
        yield Bars(progress, sizes)
