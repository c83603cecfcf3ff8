"""What a training run takes on each machine, and what it costs there.

Only trainings that were measured on a machine have a price there: nothing is derived from cells,
which know neither the loading of data nor the evaluation between epochs. Times of trainings with
other settings (epochs, batch size, …) are never set side by side.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .held_equal import Held
from .machines import Machine
from .price import Price
from .sweep import Sweep, sweeps

# What a training's time depends on beside the network and the machine.
_SETTINGS = ("epochs", "steps", "batch_size", "optimizer", "n_train", "match")


@dataclass(frozen=True)
class TrainingRun:
    """A training of one depth on one machine, as a mean over its runs; null is unknown.

    Attributes:
        low, high: bounds on the mean, each of which holds alone with 95%.
        cost: of one run, in `currency`.
        best: whether this depth has the best accuracy there.
    """

    machine: str
    family: str
    task: str | None
    depth: int
    seconds: float
    low: float | None
    high: float | None
    cost: float | None
    currency: str
    best: bool


def training_runs(
    machines: Sequence[Machine], prices: Sequence[Price]
) -> tuple[tuple[TrainingRun, ...], tuple[str, ...]]:
    """The runs of each family, task and depth; notes on what was not set side by side."""
    by_name = {price.machine: price for price in prices}
    found: list[TrainingRun] = []
    notes: list[str] = []
    for group in _timed_sweeps(machines):
        first_machine, first = group[0]
        for machine, sweep in group:
            differing = _differing(first, sweep)
            if differing:
                notes.append(
                    f"Trainings of {_network(sweep)} on {machine} are left out: they differ from "
                    f"those on {first_machine} in {', '.join(differing)}."
                )
            else:
                found += _runs(machine, sweep, by_name.get(machine))
    found.sort(key=lambda run: (run.family, run.task or "", run.depth))
    return tuple(found), tuple(notes)


def _timed_sweeps(machines: Sequence[Machine]) -> list[list[tuple[str, Sweep]]]:
    """Of each family and task, the machines that know how long its trainings took."""
    groups: dict[tuple[str, str | None], list[tuple[str, Sweep]]] = {}
    for machine in machines:
        for sweep in sweeps(machine.tables):
            if any(cost.train_seconds is not None for cost in sweep.training_costs.values()):
                groups.setdefault((sweep.family, sweep.task), []).append((machine.name, sweep))
    return [groups[key] for key in sorted(groups, key=repr)]


def _network(sweep: Sweep) -> str:
    return f"{sweep.family} on {sweep.task}" if sweep.task else sweep.family


def _differing(first: Sweep, other: Sweep) -> list[str]:
    ours, theirs = _settings(first), _settings(other)
    return [name for name in _SETTINGS if ours.get(name) != theirs.get(name)]


def _settings(sweep: Sweep) -> Mapping[str, Any]:
    """By name; of steps those of each depth."""

    def said(held: Held) -> Any:
        return sorted(set(map(repr, held.values)))

    return {held.name: said(held) for held in sweep.held}


def _runs(machine: str, sweep: Sweep, price: Price | None) -> Iterator[TrainingRun]:
    best = max(sweep.estimates, key=lambda each: (each.mean, -each.depth), default=None)
    for depth, cost in sorted(sweep.training_costs.items()):
        if cost.train_seconds is None:
            continue
        bounds = cost.bounds.get("train_seconds")
        yield TrainingRun(
            machine=machine,
            family=sweep.family,
            task=sweep.task,
            depth=depth,
            seconds=cost.train_seconds,
            low=bounds.low if bounds else None,
            high=bounds.high if bounds else None,
            cost=price.of(cost.train_seconds) if price else None,
            currency=price.currency if price else "",
            best=best is not None and best.depth == depth,
        )
