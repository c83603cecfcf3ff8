"""What a comparison of machines leaves out and why, and what its reader should know of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .budget import Budget
from .findings import excluded
from .hardware_budgets import UnderBudget
from .hardware_cells import Points
from .hardware_pairs import series_rank
from .machine_names import names_words
from .machines import Machine
from .price import Price

MOST_NAMES = 3
"""Benchmarks of a machine that are named; the others are counted."""


@dataclass(frozen=True)
class Excluded:
    """What a machine's files hold that is not compared, and why."""

    machine: str
    what: str
    why: str


def holding(points: Points) -> str:
    """What a machine has: `mlp, resnet (forward, step; depth 2 to 32; batch 128; fp32)`."""
    series = sorted({point.series for point in points.by_key.values()}, key=series_rank)
    names = sorted(key.name for key in points.by_key if key.name is not None)
    if names:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        return ", ".join(names[:MOST_NAMES]) + more
    if not series:
        return "no timed cell"
    depths = sorted({key.depth for key in points.by_key if key.depth is not None})
    parts = (
        ", ".join(dict.fromkeys(each.pass_ or "" for each in series)),
        f"depth {depths[0]}" + (f" to {depths[-1]}" if len(depths) > 1 else ""),
        "batch " + _values(each.batch_size for each in series),
        _values(each.dtype or "unknown dtype" for each in series),
        *dict.fromkeys(each.variants for each in series if each.variants),
        *dict.fromkeys(f"{each.match} matched" for each in series if each.match),
    )
    return f"{', '.join(dict.fromkeys(each.family for each in series))} ({'; '.join(parts)})"


def _values(given: Iterable[int | str | None]) -> str:
    return " and ".join(dict.fromkeys("unknown" if each is None else str(each) for each in given))


def left_out(machines: Sequence[Machine], points: Sequence[Points]) -> Iterator[Excluded]:
    """Impossible statistics, cells in several settings, cells and runs without a result."""
    for machine, theirs in zip(machines, points, strict=True):
        for name, why in machine.flawed:
            yield Excluded(machine.name, name, why)
        for words in theirs.mixed:
            yield Excluded(
                machine.name, words, "measured in more than one of these: which to take?"
            )
        for row in excluded(machine.tables):
            network = f"{row['family']} {row.get('pass') or 'training'} at depth {row['depth']}"
            reason = f" ({row['reason']})" if row["reason"] else ""
            yield Excluded(machine.name, network, f"{row['status']}{reason}")


def notes_on(
    machines: Sequence[Machine],
    points: Sequence[Points],
    budgets: Sequence[Budget],
    prices: Sequence[Price],
    afforded: Sequence[UnderBudget],
) -> Iterator[str]:
    """What a reader should know beside the figures."""
    for machine in machines:
        yield from (f"{machine.name}: {note}" for note in machine.tables.notes)
    if any(key.name for each in points for key in each.by_key):
        yield (
            "Not every file is a study of howdeep: benchmarks are matched by their names, and "
            "nothing is said of depth."
        )
    if any(not each.by_key for each in points):
        names = ", ".join(each.machine for each in points if not each.by_key)
        yield f"No timed cell: {names}."
    yield from _unsaid(points)
    yield from _borrowed(afforded)
    if budgets and not any(each.accuracies_of for each in afforded):
        said = "only the deepest depth that fits" if afforded else "nothing"
        yield f"There are no accuracies: {said} is said of a budget."
    untrained = [machine.name for machine in machines if not len(machine.tables.runs)]
    unpriced = [price.machine for price in prices if price.machine in untrained]
    if unpriced:
        yield f"No training was measured on {', '.join(unpriced)}: a run has no price there."


def _unsaid(points: Sequence[Points]) -> Iterator[str]:
    """Cells of an unknown setting are matched with each other: that it is the same is not known."""
    for name, words in (("batch_size", "batch size"), ("dtype", "dtype")):
        silent = [
            each.machine
            for each in points
            if any(key.series and getattr(key.series, name) is None for key in each.by_key)
        ]
        if len(silent) > 1:
            yield (
                f"The {words} of cells is unknown on {names_words(silent)}: they are compared as "
                "if it were the same."
            )


def _borrowed(afforded: Sequence[UnderBudget]) -> Iterator[str]:
    """Whose accuracies stand for whom."""
    lent: dict[str, list[str]] = {}
    for each in afforded:
        if each.accuracies_of is not None and each.accuracies_of != each.machine:
            lent.setdefault(each.accuracies_of, []).append(each.machine)
    for lender, borrowers in lent.items():
        names = list(dict.fromkeys(borrowers))
        words = names_words(names)
        yield f"The accuracies of {lender} stand for {words} too: there were no trainings."
    own = list(dict.fromkeys(e.machine for e in afforded if e.accuracies_of == e.machine))
    if len(own) > 1:
        yield (
            f"{names_words(own)} have trainings of their own: a best depth may move from one to "
            "another also by the noise of trainings."
        )
