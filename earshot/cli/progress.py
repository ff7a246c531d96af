"""Progress bars on standard error, for a person at a terminal and nobody else."""

import contextlib
from collections.abc import Iterator
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from earshot.text import one_line


class Bars:
    """Bars that come and go; without a terminal nothing is drawn."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        self._progress = Progress(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,  # it would send results to standard error
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Nothing is drawn inside, so that lines can be printed."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def begin(self, name: str, total: int | None) -> TaskID:
        """A new bar; `total` None until it is known."""
        return self._progress.add_task(escape(one_line(name)), total=total)

    def move(self, bar: TaskID, amount: int) -> None:
        """Further by `amount`."""
        self._progress.advance(bar, amount)

    def show(self, bar: TaskID, done: int, total: int) -> None:
        """As far as `done` of `total`."""
        self._progress.update(bar, completed=done, total=total)

    def end(self, bar: TaskID) -> None:
        """Away with it."""
        self._progress.remove_task(bar)
