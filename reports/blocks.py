"""Findings as headings, tables of text and paragraphs: what the terminal and Markdown both draw.

Nothing is computed here: numbers are only given their units and digits, and a column that says
nothing is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .bars import verdict_bars
from .block import Block, Column, header_and_rows, number, setting_words
from .costs import CostTable, DepthCost, Setting
from .efficiency_block import efficiency_block
from .estimates import Estimate
from .findings import Findings
from .gains import Gain
from .held_words import held_lines
from .limits_block import limits_blocks
from .verdict import Verdict
from .warned import Warned
from .words import paragraph, title

LEGEND = {
    "*": "* best depth",
    "°": "° sufficient depth: the shallowest that cannot be told from the best",
}
INTERVALS = "a…b: 95% interval"
QUARTILES = "(ms): interquartile range"


def blocks(findings: Findings) -> tuple[Block, ...]:
    """The report, top to bottom: verdicts, other costs, and what a reader should know of them."""
    return (
        *(verdict_block(verdict) for verdict in findings.verdicts),
        *(block for verdict in findings.limits for block in limits_blocks(verdict)),
        *(cost_block(table) for table in findings.costs),
        *(efficiency_block(table) for table in findings.efficiency),
        *circumstances(findings),
    )


def circumstances(findings: Findings) -> tuple[Block, ...]:
    """What a reader should know of the measurement: notes, what stayed out, warnings, machines."""
    return (
        *_list_block("Notes", findings.notes),
        *_list_block("Excluded", [_excluded(row) for row in findings.excluded]),
        *_list_block("Warnings", [_warning(warned) for warned in findings.warnings]),
        *_list_block("Measured on", [_machine(each) for each in findings.environments]),
    )


def _list_block(heading: str, items: Sequence[str]) -> Iterator[Block]:
    if items:
        yield Block(heading, items=tuple(items))


def verdict_block(verdict: Verdict) -> Block:
    """The table of one family on one task, and the answer in words."""
    header, rows = header_and_rows(_verdict_columns(verdict), verdict.rows)
    return Block(
        heading=title(verdict),
        header=header,
        rows=rows,
        captions=tuple(filter(None, _captions(verdict))),
        paragraphs=(paragraph(verdict),),
        items=verdict.notes,
        bars=verdict_bars(verdict),
    )


def cost_block(table: CostTable) -> Block:
    """The costs of one family in a setting that no verdict shows."""
    columns = [Column("depth", lambda row: str(row.depth)), *_cost_columns(table.setting)]
    header, rows = header_and_rows(columns, table.depths)
    captions = (setting_words(table.setting), QUARTILES)
    return Block(f"Costs of {table.family}", header, rows, tuple(filter(None, captions)))


def _verdict_columns(verdict: Verdict) -> list[Column]:
    error = verdict.metric == "error"
    split, _, measure = verdict.metric.rpartition("_")
    return [
        Column("depth", lambda row: f"{row.depth} {_marks(verdict, row.depth)}".rstrip()),
        *map(_of_row, _cost_columns(verdict.setting)),
        Column(f"train\n{measure} %", lambda row: _accuracy(row.train, error)),
        Column(f"{split}\n{measure} %".strip(), lambda row: _accuracy(row.accuracy, error)),
        Column(
            f"points a doubling\nof {verdict.doubling_of}",
            lambda row: _gain(row.gain),
        ),
    ]


def _cost_columns(setting: Setting | None) -> list[Column]:
    batch = f"\n(batch {setting.batch_size})" if setting and setting.batch_size else ""
    return [
        Column("params", lambda row: _count(row.parameters)),
        Column(f"step\nMFLOPs{batch}", lambda row: number(row.step_flops, 1e6, ",.1f")),
        Column(
            "forward\nMFLOPs\na sample",
            lambda row: "" if row.step_flops else number(row.flops, 1e6, ",.2f"),
        ),
        Column("forward ms", _latency),
        Column("peak\nMB", lambda row: number(row.peak_bytes, 1e6, ",.1f")),
    ]


def _of_row(column: Column) -> Column:
    """A column of costs for the lines of a verdict."""
    return Column(column.heading, lambda row: column.text(row.cost))


def _count(value: float | None) -> str:
    """A number of parameters in four digits: `269.7k`, `1.728M`."""
    if value is None:
        return ""
    for factor, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.4g}{suffix}"
    return f"{value:.0f}"


def _latency(row: DepthCost) -> str:
    if row.latency_seconds is None:
        return ""
    # Three digits, and the interquartile range as precise as the median before it.
    median = f"{1e3 * row.latency_seconds:#.3g}".rstrip(".")
    decimals = len(median.partition(".")[2])
    return median + (
        f" ({1e3 * row.iqr_seconds:.{decimals}f})" if row.iqr_seconds is not None else ""
    )


def _accuracy(estimate: Estimate | None, error: bool) -> str:
    if estimate is None:
        return ""
    shares = (estimate.mean, estimate.low, estimate.high)
    if error:
        mean, low, high = (None if share is None else 1 - share for share in shares)
        return _with_interval(mean, high, low, 100, ".2f")
    return _with_interval(*shares, 100, ".1f")


def _gain(gain: Gain | None) -> str:
    return "" if gain is None else _with_interval(gain.points, gain.low, gain.high, 1, "+.1f")


def _with_interval(
    value: float | None, low: float | None, high: float | None, factor: float, digits: str
) -> str:
    if value is None:
        return ""
    shown = format(factor * value, digits)
    if low is None or high is None:
        return shown
    return f"{shown} {format(factor * low, digits)}…{format(factor * high, digits)}"


def _marks(verdict: Verdict, depth: int) -> str:
    marked = {"*": verdict.best_depth, "°": verdict.sufficient_depth}
    return "".join(mark for mark, of in marked.items() if of == depth)


def _captions(verdict: Verdict) -> Iterator[str]:
    shown = "".join(_marks(verdict, row.depth) for row in verdict.rows)
    yield "; ".join(words for mark, words in LEGEND.items() if mark in shown)
    times = [QUARTILES] if any(row.cost.iqr_seconds is not None for row in verdict.rows) else []
    yield "; ".join([INTERVALS, *times])
    if verdict.setting and setting_words(verdict.setting):
        yield f"costs: {setting_words(verdict.setting)}"
    yield from held_lines(verdict.held)


def _excluded(row: Mapping[str, Any]) -> str:
    words = {
        "pass": "{}",
        "batch_size": "batch {}",
        "dtype": "{}",
        "device": "{}",
        "match": "{} matched",
        "task": "on {}",
        "seed": "seed {}",
    }
    place = [text.format(row[name]) for name, text in words.items() if row.get(name) is not None]
    reason = f" ({row['reason']})" if row["reason"] else ""
    network = f"{row['family']} at depth {row['depth']}"
    return f"{row['kind']} {', '.join([network, *place])}: {row['status']}{reason}"


def _warning(warned: Warned) -> str:
    where = f"{warned.rows} ({_networks(warned.depths)})"
    return f"{where}: {warned.text}" + (" (and alike)" if warned.similar else "")


def _networks(depths: Mapping[str, Sequence[int]]) -> str:
    """`mlp, resnet at depth 2, 4; vit at depth 8`."""
    families: dict[str, list[str]] = {}
    for family, found in depths.items():
        families.setdefault(", ".join(map(str, found)), []).append(family)
    return "; ".join(f"{', '.join(names)} at depth {at}" for at, names in families.items())


def _machine(environment: Mapping[str, Any]) -> str:
    words = {
        "cpu_model": "{}",
        "gpu": "{}",
        "cores": "cores: {}",
        "threads": "threads: {}",
        "memory_bytes": "{} of memory",
        "torch": "torch {}",
        "python": "Python {}",
        "platform": "{}",
        "git_commit": "commit {}",
        "load": "load {}",
    }
    known = {name: environment.get(name) for name in words}
    shown = [
        words[name].format(_shown(name, value))
        for name, value in known.items()
        if value not in (None, "", [], {})
    ]
    return f"{environment.get('source', '')}: {', '.join(shown)}"


def _shown(name: str, value: Any) -> str:
    if name == "memory_bytes" and isinstance(value, int | float):
        return f"{value / 2**30:.1f} GiB"
    if name == "git_commit":
        return str(value)[:12] + ("-dirty" if str(value).endswith("-dirty") else "")
    if isinstance(value, Mapping):
        return str(value.get("name", value))
    if isinstance(value, list | tuple):
        return ", ".join(_shown(name, each) for each in value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)
