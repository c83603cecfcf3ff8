"""Which runs may be compared with each other.

Runs that differ in more than depth and seed are never averaged. Of several protocols (batch size,
epochs, steps or FLOPs, what widths were solved for, the learning rates that were tried, dtype,
device, machine) the one that covers most depths is taken; of several optimizers and learning rates
the best at each depth, as a fair comparison of depths tunes each.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .tables import SPLITS, Row, grouped

PROTOCOL = (
    "metric", "batch_size", "epochs", "train_for", "match", "match_reference_depth", "tuned_from",
    "dtype", "device", "machine",
)  # fmt: skip
# Of these one is chosen or none, and what a run has without.
CHOSEN = {
    "epochs": "",
    "train_for": "",
    "match": "the family's own width",
    "match_reference_depth": "",
    "tuned_from": "one learning rate",
}
TUNED = ("optimizer", "learning_rate", "weight_decay")
# Summed over the rows, so the rows need an order: any total one.
ORDERED_BY = (*PROTOCOL, *TUNED, "seed", *SPLITS, "status", "reason")


def in_order(rows: Iterable[Row]) -> list[Row]:
    """The rows in a fixed order: whatever order they came in, the same sums follow."""
    return sorted(rows, key=lambda row: [row["depth"], *(repr(row[name]) for name in ORDERED_BY)])


def one_protocol(rows: Sequence[Row]) -> tuple[list[Row], dict[str, Any], tuple[str, ...]]:
    """The rows of the protocol that covers most depths, then most runs; the protocol; notes."""

    def rank(item: tuple[tuple[Any, ...], list[Row]]) -> tuple[int, int, str]:
        key, group = item
        depths, runs = _covered(group)
        return -depths, -runs, repr(key)

    (key, chosen), *others = sorted(grouped(rows, PROTOCOL), key=rank)
    protocol = dict(zip(PROTOCOL, key, strict=True))
    notes = []
    for _, group in others:
        share = "as much" if _covered(group) == _covered(chosen) else "more"
        notes.append(f"{_left_out(protocol, group)}, which covers {share}.")
    return chosen, protocol, tuple(notes)


def _covered(rows: Sequence[Row]) -> tuple[int, int]:
    """Depths and runs that ended well."""
    finished = [row for row in rows if row["status"] == "ok"]
    return len({row["depth"] for row in finished}), len(finished)


def _left_out(protocol: Mapping[str, Any], rows: Sequence[Row]) -> str:
    differing = [name for name in PROTOCOL if rows[0][name] != protocol[name]]
    runs = "1 run" if len(rows) == 1 else f"{len(rows)} runs"
    return (
        f"{runs} with {_protocol_words(rows[0], differing)} left out: the verdict is for "
        f"{_protocol_words(protocol, differing)}"
    )


def _protocol_words(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """As `settings_words`; what was not chosen is left out or said to be as it is without."""
    said = [name for name in names if values[name] is not None or name not in CHOSEN]
    usual = [CHOSEN[name] for name in names if values[name] is None and CHOSEN.get(name)]
    rates = values["tuned_from"] if "tuned_from" in said else None
    tuned = [f"a learning rate chosen from {min(rates):g} to {max(rates):g}"] if rates else []
    settings = settings_words(values, [name for name in said if name != "tuned_from"])
    return ", ".join(filter(None, [settings, *usual, *tuned])) or "no known training length"


def settings_words(values: Mapping[str, Any], names: Iterable[str]) -> str:
    """Settings as `name=value, name=value`."""
    pairs = ((name, values[name]) for name in names)
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in pairs
    )


def best_tuned(rows: Sequence[Row], split: str) -> list[Row]:
    """The rows of the optimizer settings with most finished seeds, then the best mean."""

    def rank(item: tuple[tuple[Any, ...], list[Row]]) -> tuple[int, float, int, str]:
        key, group = item
        finished = one_per_seed(group, split)
        mean = statistics.fmean(row[split] for row in finished) if finished else 0.0
        return -len(finished), -mean, -len(group), repr(key)

    return min(grouped(rows, TUNED), key=rank)[1]


def one_per_seed(rows: Sequence[Row], split: str) -> list[Row]:
    """The finished runs, one row a seed: a seed that is there twice is no second training.

    Rows without a seed (of a CSV table) are trainings of their own.
    """
    known = [row for row in rows if is_finished(row, split)]
    unseeded = [row for row in known if row["seed"] is None]
    seeded = [row for row in known if row["seed"] is not None]
    return unseeded + [_merged(group) for _, group in grouped(seeded, ("seed",))]


def is_finished(row: Row, split: str) -> bool:
    """Did the run end well, with an accuracy on this split?"""
    return row["status"] == "ok" and row[split] is not None


def _merged(rows: Sequence[Row]) -> Row:
    numbers = (*SPLITS, "train_seconds", "train_flops")
    return rows[0] | {name: mean_of(rows, name) for name in numbers if len(rows) > 1}


def mean_of(rows: Iterable[Row], name: str) -> float | None:
    """The mean of a column where it is known."""
    values = [row[name] for row in rows if row[name] is not None]
    return statistics.fmean(values) if values else None
