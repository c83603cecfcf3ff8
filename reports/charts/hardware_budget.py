"""The best depth under a budget, machine by machine."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ..hardware import Comparison
from ..hardware_budgets import UnderBudget
from ..labels import labels
from ..words import budget_words
from .figure import Figure
from .forest import Value, forest
from .hardware_names import drawn, some

LONGEST_NETWORK = 30
ROOM = 1.4
"""The axis begins and ends this far, as a factor, beyond the shallowest and the deepest."""


def draw(found: Comparison) -> Iterator[Figure]:
    """A figure for each budget, and for all together."""
    shown = [each for each in found.affordable if each.machine in drawn(found)]
    for place, budgets in enumerate(dict.fromkeys(each.budgets for each in shown), 1):
        same = [each for each in shown if each.budgets == budgets]
        if any(_depth(each) for each in same):
            yield _figure(f"budget-{place}", found, same)


def _figure(key: str, found: Comparison, same: Sequence[UnderBudget]) -> Figure:
    names = labels(map(_network, same), LONGEST_NETWORK)
    values = [
        _value(names[_network(each)], drawn(found)[each.machine], each, depth)
        for each in same
        if (depth := _depth(each)) is not None
    ]
    bound = " and ".join(map(budget_words, same[0].budgets))
    return Figure(
        key=key,
        group="",
        title=f"With {bound}",
        words=(
            "The best depth of each network on each machine, or the deepest that fits where there "
            "are no accuracies; a line reaches to the sufficient depth. No point: no depth is "
            f"known to fit.{some(found)}"
        ),
        spec=forest(found, values, _axis(values)),
        header=("network", "machine", "best depth", "sufficient", "deepest that fits"),
        rows=tuple(_row(found, names[_network(each)], each) for each in same),
    )


def _axis(values: Sequence[Value]) -> alt.X:
    depths = sorted({int(value.value) for value in values})
    lows = [value.low for value in values if value.low is not None]
    domain = [min(*lows, *depths) / ROOM if lows else depths[0] / ROOM, depths[-1] * ROOM]
    scale: Any = alt.Scale(type="log", base=2, domain=domain, nice=False)
    ticks = sorted({*depths, *map(int, lows)})
    return alt.X("value:Q", title="depth", scale=scale, axis=alt.Axis(values=ticks, format="d"))


def _network(each: UnderBudget) -> str:
    return f"{each.family} on {each.task}" if each.task else each.family


def _depth(each: UnderBudget) -> int | None:
    return each.best_depth if each.accuracies_of is not None else each.deepest


def _value(row: str, series: str, each: UnderBudget, depth: int) -> Value:
    return Value(row, series, depth, each.sufficient_depth, depth)


def _row(found: Comparison, network: str, each: UnderBudget) -> tuple[str, ...]:
    best = "" if each.accuracies_of is None else str(each.best_depth or "none")
    sufficient = str(each.sufficient_depth or "")
    return network, drawn(found)[each.machine], best, sufficient, str(each.deepest or "none")
