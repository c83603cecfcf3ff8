"""Shows how far a study is: a bar in a terminal, plain lines in a pipe.

What is left is estimated for each kind of work from its own pace so far, each item weighted by
its size. A kind of which nothing is finished yet is named instead of guessed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn


@dataclass
class _Kind:
    weight: float
    done: float = 0.0
    started: float | None = None
    latest: float | None = None


@dataclass
class Estimate:
    """Seconds left of work of several kinds, done one kind after the other.

    Args:
        weights: the sum of the weights of all items, by kind, in the order of the work.
        now: a clock in seconds.
    """

    weights: Mapping[str, float]
    now: Callable[[], float] = time.monotonic
    _kinds: dict[str, _Kind] = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = {kind: _Kind(weight) for kind, weight in self.weights.items() if weight}
        self._last = self.now()

    def done(self, kind: str, weight: float) -> None:
        """An item of `kind` was finished; its work began when the one before it ended."""
        state = self._kinds[kind]
        state.started = self._last if state.started is None else state.started
        state.done += weight
        state.latest = self._last = self.now()

    def seconds_left(self) -> tuple[float, tuple[str, ...]]:
        """Seconds for the kinds whose pace is known, and the kinds of which nothing is done."""
        known, unknown = 0.0, []
        for kind, state in self._kinds.items():
            if state.started is None or state.latest is None:
                unknown.append(kind)
            else:
                pace = (state.latest - state.started) / state.done
                known += pace * max(state.weight - state.done, 0.0)
        return known, tuple(unknown)

    def text(self) -> str:
        """`about 2 min left`, `about 40 s left, then accuracy`, or nothing at the end."""
        seconds, unknown = self.seconds_left()
        parts = [f"about {_duration(seconds)} left"] if seconds >= 1 else []
        parts += [f"then {' and '.join(unknown)}"] if unknown else []
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


class View(Protocol):
    """Something that shows that an item is finished."""

    def finished(self, number: int, total: int, line: str, left: str) -> None: ...

    def close(self) -> None: ...


class Lines:
    """One plain line an item."""

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write_line = write_line

    def finished(self, number: int, total: int, line: str, left: str) -> None:
        """Write `[ 3/60] line (about 2 min left)`."""
        width = len(str(total))
        ending = f" ({left})" if left else ""
        self._write_line(f"[{number:{width}}/{total}] {line}{ending}")

    def close(self) -> None:
        """Nothing to take back."""


class Bar:
    """The lines above, and below them a bar with what is left."""

    def __init__(self, file: IO[str]) -> None:
        console = Console(file=file, force_terminal=True)
        columns = (
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.description}"),
        )
        self._progress = Progress(*columns, console=console, transient=True, auto_refresh=False)
        self._task: TaskID | None = None

    def finished(self, number: int, total: int, line: str, left: str) -> None:
        """Write `line` above the bar and move the bar."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=total)
        self._progress.console.print(line, markup=False, highlight=False, emoji=False)
        self._progress.update(self._task, completed=number, description=left, refresh=True)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()


class Report:
    """Counts items, keeps the estimate and tells the view."""

    def __init__(self, view: View, total: int, estimate: Estimate) -> None:
        self._view = view
        self._total = total
        self._estimate = estimate
        self._number = 0

    def done(self, kind: str, weight: float, line: str) -> None:
        """An item of `kind` is finished; `line` says how it went."""
        self._number += 1
        self._estimate.done(kind, weight)
        self._view.finished(self._number, self._total, line, self._estimate.text())

    def close(self) -> None:
        """The work is over."""
        self._view.close()
