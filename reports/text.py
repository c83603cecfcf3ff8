"""Findings as text: for the terminal (rich) and as Markdown (tabulate).

Both draw the same blocks, so that they cannot say different things. Nothing is computed here:
numbers are only given their units and digits. Names come from other people's files and may hold
markup; they are shown as they are and never interpreted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from reports.best_depth import DepthRow, Gain, Verdict
from reports.costs import CostTable, DepthCost, Setting
from reports.estimates import Estimate
from reports.findings import Findings, Warned
from reports.words import paragraph, title

# A pipe has no width; this one fits a terminal, a mail and a CI log.
PIPE_WIDTH = 100
LEGEND = {
    "*": "* best depth",
    "°": "° sufficient depth: the shallowest that the evidence cannot tell from the best",
}
INTERVALS = "in brackets: 95% intervals, and the interquartile range of a latency"


@dataclass(frozen=True)
class Block:
    """A heading with a table, paragraphs and a list, each of which may be empty."""

    heading: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    caption: str = ""
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class _Column:
    """A column of a table: its heading and the text of a row (empty where unknown)."""

    heading: str
    text: Callable[[Any], str]


def blocks(findings: Findings) -> tuple[Block, ...]:
    """The report, top to bottom: verdicts, other costs, and what a reader should know of them."""
    return (
        *(_verdict_block(verdict) for verdict in findings.verdicts),
        *(_cost_block(table) for table in findings.costs),
        *_list_block("Notes", findings.notes),
        *_list_block("Excluded", [_excluded(row) for row in findings.excluded]),
        *_list_block("Warnings", [_warning(warned) for warned in findings.warnings]),
        *_list_block("Measured on", [_machine(each) for each in findings.environments]),
    )


def _list_block(heading: str, items: Sequence[str]) -> Iterator[Block]:
    if items:
        yield Block(heading, items=tuple(items))


def _verdict_block(verdict: Verdict) -> Block:
    header, rows = _table(_verdict_columns(verdict), verdict.rows)
    return Block(
        heading=title(verdict),
        header=header,
        rows=rows,
        caption=_caption(verdict),
        paragraphs=(paragraph(verdict),),
        items=verdict.notes,
    )


def _cost_block(table: CostTable) -> Block:
    header, rows = _table(_cost_columns(table.setting), table.depths)
    caption = "; ".join(filter(None, (setting_words(table.setting), INTERVALS)))
    return Block(f"Costs of {table.family}", header, rows, caption)


def _table(
    columns: Sequence[_Column], rows: Sequence[Any]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The columns that say anything."""
    texts = [(column.heading, [column.text(row) for row in rows]) for column in columns]
    filled = [(heading, column) for heading, column in texts if any(column)]
    return (
        tuple(heading for heading, _ in filled),
        tuple(zip(*(column for _, column in filled), strict=True)),
    )


def _verdict_columns(verdict: Verdict) -> list[_Column]:
    error = verdict.metric == "error"
    name = verdict.metric.removesuffix("_accuracy")
    return [
        _Column("depth", lambda row: f"{row.depth} {_mark(verdict, row.depth)}".rstrip()),
        *_cost_columns(verdict.setting)[1:],
        _Column(
            "train error %" if error else "train acc. %", lambda row: _accuracy(row.train, error)
        ),
        _Column(
            f"{name} %" if name in ("error", "accuracy") else f"{name} acc. %",
            lambda row: _accuracy(row.accuracy, error),
        ),
        _Column(f"gain/doubling of {verdict.doubling_of}", lambda row: _gain(row.gain)),
    ]


def _cost_columns(setting: Setting | None) -> list[_Column]:
    def cost(draw: Callable[[Any], str]) -> Callable[[DepthRow | DepthCost], str]:
        return draw

    batch = setting.batch_size if setting else None
    known = "" if batch is None else f" (batch {batch})"
    return [
        _Column("depth", lambda row: str(row.depth)),
        _Column("parameters", cost(lambda row: _number(row.parameters, 1, ",.0f"))),
        _Column(f"step MFLOPs{known}", cost(lambda row: _number(row.step_flops, 1e6, ",.1f"))),
        _Column(
            "forward MFLOPs a sample",
            cost(lambda row: "" if row.step_flops else _number(row.flops, 1e6, ",.2f")),
        ),
        _Column("forward ms", cost(_latency)),
        _Column("peak MB", cost(lambda row: _number(row.peak_bytes, 1e6, ",.1f"))),
    ]


def _number(value: float | None, unit: float, digits: str) -> str:
    return "" if value is None else format(value / unit, digits)


def _latency(row: DepthRow | DepthCost) -> str:
    if row.latency_seconds is None:
        return ""
    median = f"{1e3 * row.latency_seconds:#.3g}".rstrip(".")
    if row.iqr_seconds is None:
        return median
    decimals = len(median.partition(".")[2])
    return f"{median} [{1e3 * row.iqr_seconds:.{max(decimals, 1)}f}]"


def _accuracy(estimate: Estimate | None, error: bool) -> str:
    if estimate is None:
        return ""
    mean, low, high = estimate.mean, estimate.low, estimate.high
    if error:
        mean, low, high = 1 - mean, _rest(high), _rest(low)
    digits = 2 if error else 1
    if low is None or high is None:
        return f"{100 * mean:.{digits}f}"
    return f"{100 * mean:.{digits}f} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _gain(gain: Gain | None) -> str:
    if gain is None or gain.points is None:
        return ""
    if gain.low is None or gain.high is None:
        return f"{gain.points:+.1f}"
    return f"{gain.points:+.1f} [{gain.low:.1f}, {gain.high:.1f}]"


def _mark(verdict: Verdict, depth: int) -> str:
    marks = {"*": verdict.best_depth, "°": verdict.sufficient_depth}
    return "".join(mark for mark, marked in marks.items() if marked == depth)


def _caption(verdict: Verdict) -> str:
    shown = "".join(_mark(verdict, row.depth) for row in verdict.rows)
    legend = [words for mark, words in LEGEND.items() if mark in shown]
    where = setting_words(verdict.setting) if verdict.setting else ""
    return "; ".join([*legend, INTERVALS, *([where] if where else [])])


def setting_words(setting: Setting) -> str:
    """Where costs were measured, as far as it is known."""
    parts = {
        "batch": setting.batch_size,
        "dtype": setting.dtype,
        "device": setting.device,
        "threads": setting.threads,
        "machine": setting.machine,
    }
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


def _excluded(row: Mapping[str, Any]) -> str:
    place = [f"{row['family']} at depth {row['depth']}"]
    place += [str(row["pass"])] if row.get("pass") else []
    place += [f"batch {row['batch_size']}"] if row.get("batch_size") else []
    place += [str(row["device"])] if row.get("device") else []
    place += [f"on {row['task']}"] if row.get("task") else []
    place += [f"seed {row['seed']}"] if row.get("seed") is not None else []
    reason = f" ({row['reason']})" if row["reason"] else ""
    return f"{row['kind']} {', '.join(place)}: {row['status']}{reason}"


def _warning(warned: Warned) -> str:
    cells = "1 cell" if warned.count == 1 else f"{warned.count} cells"
    return f"{cells}: {warned.text}" + (" (and alike)" if warned.similar else "")


def _machine(environment: Mapping[str, Any]) -> str:
    known = {name: value for name, value in environment.items() if value not in (None, "", [], {})}
    drawn = [
        ("cpu_model", "{}"), ("gpu", "{}"), ("cores", "{} cores"), ("threads", "{} threads"),
        ("memory_bytes", "{} of memory"), ("torch", "torch {}"), ("python", "Python {}"),
        ("platform", "{}"), ("git_commit", "commit {}"), ("load", "load {}"),
    ]  # fmt: skip
    shown = (words.format(_shown(name, known[name])) for name, words in drawn if name in known)
    return f"{environment.get('source', '')}: {', '.join(shown)}"


def _shown(name: str, value: Any) -> str:
    if name == "memory_bytes" and isinstance(value, int | float):
        return f"{value / 2**30:.1f} GiB"
    if name == "git_commit":
        return str(value)[:12]
    if isinstance(value, Mapping):
        return str(value.get("name", value))
    if isinstance(value, list | tuple):
        return " ".join(_shown(name, each) for each in value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def print_report(findings: Findings, file: IO[str] | None = None) -> None:
    """The report on a terminal, or as plain lines in a pipe."""
    from rich.console import Console

    console = Console(file=file, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(
            file=file, width=PIPE_WIDTH, highlight=False, markup=False, emoji=False, no_color=True
        )
    for place, block in enumerate(blocks(findings)):
        if place:
            console.print()
        _print_block(console, block)


def _print_block(console: Any, block: Block) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Text(block.heading, style="bold"))
    if block.rows:
        console.print(_rich_table(block))
        console.print(Text(block.caption, style="dim"))
    for words in block.paragraphs:
        console.print()
        console.print(Text(words))
    if block.rows and block.items:
        console.print()
    for item in block.items:
        console.print(Padding(Text(f"- {item}"), (0, 0, 0, 2)))


def _rich_table(block: Block) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for heading in block.header:
        table.add_column(Text(heading), justify="left" if heading == "depth" else "right")
    for row in block.rows:
        table.add_row(*(Text(text) for text in row))
    return table


def markdown(findings: Findings) -> str:
    """The report as Markdown."""
    from tabulate import tabulate

    parts = ["# How deep?"]
    for block in blocks(findings):
        parts.append(f"## {_escaped(block.heading)}")
        if block.rows:
            rows = [[_escaped(text) for text in row] for row in block.rows]
            header = [_escaped(text) for text in block.header]
            align = ["left"] + ["right"] * (len(header) - 1)
            parts.append(
                tabulate(rows, header, tablefmt="github", disable_numparse=True, colalign=align)
            )
            parts.append(_escaped(block.caption))
        parts += [_escaped(words) for words in block.paragraphs]
        parts.append("\n".join(f"- {_escaped(item)}" for item in block.items))
    return "\n\n".join(part for part in parts if part) + "\n"


def _escaped(text: str) -> str:
    r"""Text that Markdown shows as it is: `a|b` must not end a cell, `*` not start an emphasis."""
    for mark in "\\`*_|<>[]#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
