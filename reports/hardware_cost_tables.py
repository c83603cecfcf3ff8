"""What machines cost, as blocks of text: use, time against depth, budgets, training runs.

Nothing is computed here.
"""

from collections.abc import Sequence

from .block import Block, Column, header_and_rows, number, unrepeated
from .budget import Budget
from .hardware import Comparison
from .hardware_budgets import UnderBudget
from .hardware_cells import series_words
from .hardware_price import TrainingRun
from .hardware_scaling import Line
from .hardware_use import Use
from .hardware_words import milliseconds
from .machine_names import short
from .words import quantity


def use_block(told: Sequence[str], rows: Sequence[Use], which: str) -> Block:
    """Throughput, MFU, memory and energy."""
    columns = [
        Column("", lambda use: series_words(use.series, told)),
        Column("depth", lambda use: str(use.depth)),
        Column("machine", lambda use: short(use.machine)),
        Column("samples/s", lambda use: _thousands(use.samples_per_second)),
        Column("MFU %", lambda use: number(use.mfu, 0.01, ".1f")),
        Column("MFU %\nof published", lambda use: number(use.mfu_published, 0.01, ".1f")),
        Column("peak\nMB", lambda use: number(use.peak_bytes, 1e6, ",.1f")),
        Column("mJ\na sample", lambda use: number(use.joules_per_sample, 1e-3, ",.3g")),
        Column("bound by", lambda use: use.bound or ""),
    ]
    header, lines = header_and_rows(columns, rows)
    missing = [name for name, values in _unknown(rows) if not any(values)]
    caption = f"not known of any cell: {', '.join(missing)}" if missing else ""
    return Block(
        f"Throughput, MFU, memory and energy{which}", header, unrepeated(lines, 2),
        captions=tuple(filter(None, (caption,))),
    )  # fmt: skip


def _unknown(rows: Sequence[Use]) -> list[tuple[str, list[float | None]]]:
    return [
        ("MFU", [use.mfu for use in rows]),
        ("peak memory", [use.peak_bytes for use in rows]),
        ("energy", [use.joules_per_sample for use in rows]),
    ]


def _thousands(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def scaling_block(rows: Sequence[Line], told: Sequence[str]) -> Block:
    """A row a series and machine: overhead and time per layer."""
    columns = [
        Column("", lambda line: series_words(line.series, told)),
        Column("machine", lambda line: short(line.machine)),
        Column("overhead ms", lambda line: _span(line, "overhead")),
        Column("ms a layer", lambda line: _span(line, "per_layer")),
        Column("off the\nline", lambda line: f"{line.misfit:.0%}"),
    ]
    header, lines = header_and_rows(columns, rows)
    return Block("Time against depth", header, unrepeated(lines, 1))


# Of a fitted number: what is left beyond them is the rounding of the fit.
_MOST_DECIMALS = 12


def _span(line: Line, name: str) -> str:
    """The value and how far its interval reaches to either side."""
    value, high = (getattr(line, f"{name}_{part}") for part in ("seconds", "high"))
    reach = round(1e3 * (high - value), _MOST_DECIMALS)
    shown = f"{reach:,.0f}" if reach >= 100 else f"{reach:.2g}"
    return f"{milliseconds(round(value, _MOST_DECIMALS))} ±{shown}"


def budget_block(found: Comparison, machines: Sequence[str]) -> Block:
    """A row a family, budget and machine."""
    rows = [each for each in found.affordable if each.machine in machines]
    columns = [
        Column("", lambda row: f"{row.family} on {row.task}" if row.task else row.family),
        Column("at most", lambda row: ", ".join(map(_bound, row.budgets))),
        Column("machine", lambda row: short(row.machine)),
        Column("best\ndepth", _best),
        Column("accuracy\n%", lambda row: number(row.accuracy, 0.01, ".1f")),
        Column("sufficient\ndepth", lambda row: str(row.sufficient_depth or "")),
        Column("deepest\nthat fits", lambda row: str(row.deepest or "none")),
        Column("undecided", lambda row: ", ".join(map(str, row.cannot_tell))),
    ]
    header, lines = header_and_rows(columns, rows)
    settings = list(dict.fromkeys(row.setting for row in rows))
    caption = f"costs: {'; '.join(settings)}" if any(settings) else ""
    return Block(
        "The best depth under a budget", header, unrepeated(lines, 2),
        captions=tuple(filter(None, (caption,))),
    )  # fmt: skip


def _bound(budget: Budget) -> str:
    """`latency 1 ms`."""
    return f"{budget.name} {quantity(budget.column, budget.limit)}"


def _best(row: UnderBudget) -> str:
    if row.accuracies_of is None:
        return ""
    return str(row.best_depth) if row.best_depth is not None else "none"


def training_block(found: Comparison, machines: Sequence[str]) -> Block:
    """A row a family, depth and machine: seconds and cost of one run."""
    rows = [run for run in found.runs if run.machine in machines]
    columns = [
        Column("", lambda run: f"{run.family} on {run.task}" if run.task else run.family),
        Column("depth", lambda run: f"{run.depth}{' *' if run.best else ''}"),
        Column("machine", lambda run: short(run.machine)),
        Column("seconds a run", _seconds),
        Column("cost of a run", _cost),
    ]
    header, lines = header_and_rows(columns, rows)
    caption = "* the depth with the best accuracy there; a…b: one-sided 95% bounds on the mean"
    return Block("A training run", header, unrepeated(lines, 2), captions=(caption,))


def _seconds(run: TrainingRun) -> str:
    shown = f"{run.seconds:,.3g}" if run.seconds < 1000 else f"{run.seconds:,.0f}"
    if run.low is None or run.high is None:
        return shown
    return f"{shown} {run.low:,.3g}…{run.high:,.3g}"


def _cost(run: TrainingRun) -> str:
    if run.cost is None:
        return ""
    return f"{run.cost:,.3g} {run.currency}".strip()
