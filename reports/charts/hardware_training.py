"""What a training run takes and costs against depth, one line a machine."""

from collections.abc import Iterator, Sequence

from ..hardware import Comparison
from ..hardware_price import TrainingRun
from ..labels import shortened
from ..units import Unit, unit_of
from .figure import Figure
from .hardware_names import drawn, some
from .machine_lines import Reading, against_depth, deepest_words, depth_rows


def draw(found: Comparison) -> Iterator[Figure]:
    """Time and cost of each family on each task; a cost for each currency."""
    shown = [run for run in found.runs if run.machine in drawn(found)]
    networks = dict.fromkeys((run.family, run.task) for run in shown)
    for place, network in enumerate(networks, 1):
        same = [run for run in shown if (run.family, run.task) == network]
        if len({run.machine for run in same}) > 1:
            yield _time(f"training-{place}", found, same)
        priced = [run for run in same if run.cost is not None]
        for number, currency in enumerate(dict.fromkeys(run.currency for run in priced), 1):
            alike = [run for run in priced if run.currency == currency]
            yield _cost(f"price-{place}-{number}", found, alike, currency)


def _time(key: str, found: Comparison, runs: Sequence[TrainingRun]) -> Figure:
    readings = [Reading(r.machine, r.depth, r.seconds, r.low, r.high) for r in runs]
    unit = unit_of("train_seconds", [each.value for each in readings])
    return _figure(key, found, runs, readings, unit, "Time of a training run")


def _cost(key: str, found: Comparison, runs: Sequence[TrainingRun], currency: str) -> Figure:
    readings = [Reading(r.machine, r.depth, r.cost, None, None) for r in runs if r.cost]
    return _figure(key, found, runs, readings, Unit(1.0, currency), "Cost of a training run")


def _figure(
    key: str, found: Comparison, runs: Sequence[TrainingRun], readings: Sequence[Reading],
    unit: Unit, title: str,
) -> Figure:  # fmt: skip
    first = runs[0]
    on = f" on {shortened(first.task)}" if first.task else ""
    return Figure(
        key=key,
        group=f"{shortened(first.family)}{on}",
        title=title,
        words=f"{title} against depth, a mean over its seeds. "
        f"{deepest_words(found, readings, unit)}{some(found)}",
        spec=against_depth(found, readings, unit, title.split()[0].lower()),
        header=("depth", "machine", unit.name or "cost", "low", "high"),
        rows=tuple(depth_rows(found, readings, unit)),
    )
