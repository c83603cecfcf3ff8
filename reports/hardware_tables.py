"""The tables of a comparison of machines, as blocks of text.

Few machines stand side by side in columns; of many, a table has a row each, or shows the base, the
two fastest and the slowest. Nothing is computed here.
"""

from collections.abc import Sequence

from .block import Block, Column, header_and_rows, unrepeated
from .hardware import Comparison
from .hardware_cells import Series, series_words
from .hardware_environment import Difference
from .hardware_pairs import Mean, Pair
from .hardware_words import milliseconds, ratio_words
from .machine_names import names_words, short
from .median_ratio import Ratio

# The most machines that stand side by side in 100 columns.
WIDE = 4

# Values of one fact that are told of many machines; the others are counted.
MOST_VALUES = 6


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f" {ratio_words(low).removesuffix('x')}…{ratio_words(high).removesuffix('x')}"


def ratio_text(ratio: Ratio) -> str:
    """`1.31x 1.30…1.33`."""
    return ratio_words(ratio.value) + _interval(ratio.low, ratio.high)


def difference_block(found: Comparison) -> Block:
    """What is not the same everywhere, a column a machine; of many machines grouped by value."""
    heading = f"What differs: {names_words(found.machines)}"
    silent = tuple(
        f"The file says nothing of where it was measured: {names_words(found.silent)}."
        for _ in found.silent[:1]
    )
    if not found.differences:
        words = "Nothing that the files say of the machines differs."
        return Block(heading, paragraphs=(words, *silent))
    if len(found.machines) > WIDE:
        items = tuple(_difference_words(each) for each in found.differences)
        return Block(heading, items=(*items, *silent))
    header = ("", *map(short, found.machines))
    rows = tuple(
        (each.name, *(each.values[name] or "unknown" for name in found.machines))
        for each in found.differences
    )
    return Block(heading, header, rows, paragraphs=silent)


def _difference_words(difference: Difference) -> str:
    by_value: dict[str | None, list[str]] = {}
    for machine, value in difference.values.items():
        by_value.setdefault(value, []).append(machine)
    words = [f"{value or 'unknown'} ({names_words(names)})" for value, names in by_value.items()]
    return f"{difference.name}: {'; '.join(words[:MOST_VALUES])}" + (
        f"; and {len(words) - MOST_VALUES} more" if len(words) > MOST_VALUES else ""
    )


def series_block(found: Comparison, told: Sequence[str]) -> Block:
    """Geometric means by series: a row each, for each other machine."""
    series = [mean for mean in found.means if mean.series is not None]
    order = {each: place for place, each in enumerate(dict.fromkeys(m.series for m in series))}
    rows = [*sorted(series, key=lambda mean: order[mean.series]), *_overall(found)]
    several = len(found.machines) > 2
    columns = [
        Column("", lambda mean: _mean_name(mean, told)),
        Column("machine", lambda mean: short(mean.machine) if several else ""),
        *_mean_columns(),
    ]
    header, lines = header_and_rows(columns, rows)
    return Block(f"Time over that of {short(found.base)}", header, unrepeated(lines, 1))


def machines_block(found: Comparison) -> Block:
    """Geometric means of many machines: a row each, the fastest first."""
    overall = sorted(_overall(found), key=lambda mean: mean.geometric_mean)
    passes = list(dict.fromkeys(m.pass_ for m in found.means if m.pass_ and m.series is None))
    of_pass = {(m.machine, m.pass_): m for m in found.means if m.series is None}

    def mean_of(name: str) -> Column:
        return Column(
            name,
            lambda mean: (
                ratio_words(one.geometric_mean)
                if (one := of_pass.get((mean.machine, name)))
                else ""
            ),
        )

    columns = [
        Column("", lambda mean: short(mean.machine)),
        *map(mean_of, passes),
        *_mean_columns("all"),
    ]
    header, rows = header_and_rows(columns, overall)
    return Block(f"Time over that of {short(found.base)}", header, rows)


def _overall(found: Comparison) -> list[Mean]:
    return [mean for mean in found.means if mean.series is None and mean.pass_ is None]


def _mean_name(mean: Mean, told: Sequence[str]) -> str:
    return "all" if mean.series is None else series_words(mean.series, told)


def _mean_columns(name: str = "geometric\nmean") -> list[Column]:
    return [
        Column(name, lambda mean: ratio_words(mean.geometric_mean)),
        Column(
            "smallest…\nlargest",
            lambda mean: "" if mean.cells == 1 else _interval(mean.smallest, mean.largest).strip(),
        ),
        Column("cells", lambda mean: str(mean.cells)),
        Column("faster", lambda mean: str(mean.faster)),
        Column("slower", lambda mean: str(mean.slower)),
        Column("undecided", lambda mean: str(mean.undecided)),
    ]


def shown_machines(found: Comparison) -> tuple[str, ...]:
    """All where they are few; else the base, the two fastest and the slowest."""
    if len(found.machines) <= WIDE:
        return found.machines
    ranked = [mean.machine for mean in sorted(_overall(found), key=lambda m: m.geometric_mean)]
    return (found.base, *dict.fromkeys([*ranked[:2], *ranked[-1:]]))


def cell_block(
    found: Comparison, series: Series, told: Sequence[str], machines: Sequence[str]
) -> Block:
    """The cells of one series: a row each for each other machine."""
    pairs = [p for p in found.pairs if p.series == series and p.machine in machines]
    several = len({pair.machine for pair in pairs}) > 1
    columns = [
        Column(_cell_heading(pairs), _cell_name),
        Column(f"{short(found.base)} ms", lambda pair: milliseconds(pair.base.median.seconds)),
        Column("machine", lambda pair: short(pair.machine) if several else ""),
        Column(
            "ms" if several else f"{short(pairs[0].machine)} ms",
            lambda pair: milliseconds(pair.other.median.seconds),
        ),
        Column(f"over {short(found.base)}", lambda pair: ratio_text(pair.ratio)),
        Column("", lambda pair: pair.ratio.verdict),
    ]
    by_cell = sorted(pairs, key=lambda pair: (pair.key.depth or 0, pair.key.name or ""))
    header, rows = header_and_rows(columns, by_cell)
    lines = unrepeated(rows, 2) if several else rows
    return Block(f"{series_words(series, told)}, one by one", header, lines)


def _cell_heading(pairs: Sequence[Pair]) -> str:
    return "depth" if pairs[0].key.depth is not None else "benchmark"


def _cell_name(pair: Pair) -> str:
    return str(pair.key.depth) if pair.key.depth is not None else pair.key.name or ""
