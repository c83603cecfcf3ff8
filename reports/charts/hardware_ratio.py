"""How much longer each cell takes than on the base, with intervals and geometric means."""

from collections.abc import Iterator, Mapping, Sequence

import altair as alt

from ..hardware import Comparison
from ..hardware_cells import Series
from ..hardware_pairs import Mean, Pair
from ..hardware_words import milliseconds, ratio_words
from ..labels import labels
from ..machine_names import short
from ..median_ratio import Ratio
from .figure import Figure
from .forest import Value, forest
from .hardware_names import by_network, network, others, some
from .style import log_axis

MOST_ROWS = 40
"""Cells in one picture; of more, those whose ratios lie farthest from 1 either way."""

LONGEST_BENCHMARK = 30

MEAN = "geometric mean"


def draw(found: Comparison) -> Iterator[Figure]:
    """A figure for each family and pass, or each group of benchmarks."""
    for place, series in enumerate(by_network(found), 1):
        pairs = [p for p in found.pairs if p.series == series and p.machine in others(found)]
        if pairs:
            yield _figure(f"ratio-{place}", found, series, pairs)


def _figure(key: str, found: Comparison, series: Series, pairs: Sequence[Pair]) -> Figure:
    means = [m for m in found.means if m.series == series and m.machine in others(found)]
    shown = _farthest(pairs)
    of_pass = f" of {series.pass_}" if series.pass_ else ""
    return Figure(
        key=key,
        group=network(found, series),
        title=f"Time{of_pass} over that of {short(found.base)}",
        words=_words(found, means, len({p.key for p in shown}), len({p.key for p in pairs})),
        spec=forest(
            found,
            _values(found, shown, means),
            alt.X(**log_axis("value", f"time over that of {short(found.base)}")),
            title="" if pairs[0].key.depth is None else "depth",
            reference=1.0,
        ),
        header=_header(found, pairs),
        rows=tuple(_row(found, pair) for pair in _ordered(pairs)),
    )


def _farthest(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """All; of many the cells with the smallest and the largest ratios on any machine."""
    keys = list(dict.fromkeys(p.key for p in sorted(pairs, key=lambda pair: pair.ratio.value)))
    if len(keys) <= MOST_ROWS:
        return pairs
    kept = {*keys[: MOST_ROWS // 2], *keys[-MOST_ROWS // 2 :]}
    return [pair for pair in pairs if pair.key in kept]


def _ordered(pairs: Sequence[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (pair.key.depth or 0, pair.key.name or ""))


def _values(found: Comparison, pairs: Sequence[Pair], means: Sequence[Mean]) -> list[Value]:
    names, machines = _cell_names(pairs), others(found)
    cells = [
        _value(names[_name(pair)], machines[pair.machine], pair.ratio) for pair in _ordered(pairs)
    ]
    marked = [Value(MEAN, machines[mean.machine], mean.geometric_mean, mean=True) for mean in means]
    return cells + marked


def _value(row: str, series: str, ratio: Ratio) -> Value:
    return Value(row, series, ratio.value, ratio.low, ratio.high)


def _name(pair: Pair) -> str:
    return str(pair.key.depth) if pair.key.depth is not None else pair.key.name or ""


def _cell_names(pairs: Sequence[Pair]) -> Mapping[str, str]:
    """Depths; of benchmarks what follows their file, where that tells them apart."""
    names = list(dict.fromkeys(map(_name, _ordered(pairs))))
    tails = [name.rpartition("::")[2] for name in names]
    if len(set(tails)) == len(names):
        short_tails = labels(tails, LONGEST_BENCHMARK)
        return {name: short_tails[tail] for name, tail in zip(names, tails, strict=True)}
    return labels(names, LONGEST_BENCHMARK)


def _header(found: Comparison, pairs: Sequence[Pair]) -> tuple[str, ...]:
    what = "depth" if pairs[0].key.depth is not None else "benchmark"
    return what, "machine", "ms", f"ms on {short(found.base)}", "ratio", "low", "high", "verdict"


def _row(found: Comparison, pair: Pair) -> tuple[str, ...]:
    ratio = pair.ratio
    return (
        labels([_name(pair)], 120)[_name(pair)],
        others(found)[pair.machine],
        milliseconds(pair.other.median.seconds),
        milliseconds(pair.base.median.seconds),
        ratio_words(ratio.value),
        "" if ratio.low is None else ratio_words(ratio.low),
        "" if ratio.high is None else ratio_words(ratio.high),
        ratio.verdict,
    )


def _words(found: Comparison, means: Sequence[Mean], shown: int, cells: int) -> str:
    machines = others(found)
    told = ", ".join(
        f"{machines[mean.machine]} {ratio_words(mean.geometric_mean)}" for mean in means
    )
    folded = f" Of {cells} the {shown} are drawn that lie farthest out." if shown < cells else ""
    return (
        f"Left of 1 is faster than {short(found.base)}; lines are 95% intervals. "
        f"Geometric mean: {told}.{folded}{some(found)}"
    )
