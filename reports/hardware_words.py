"""A comparison of machines in sentences, derived from its numbers."""

from collections.abc import Iterator, Sequence

from .hardware import Comparison
from .hardware_budgets import UnderBudget
from .hardware_cause import KERNELS, Cause
from .hardware_cells import Series, series_words
from .hardware_pairs import Mean, Pair
from .hardware_scaling import MOST_MISFIT, Crossing, Line
from .machine_names import names_words, short
from .words import budget_words

_REFERENCES = {"matmul": "reference matrix product", "copy": "reference copy", "launch": "launch"}


def ratio_words(value: float) -> str:
    """`1.31x`, `0.0123x`, `184x`: three digits."""
    return f"{value:,.0f}x" if value >= 100 else f"{value:#.3g}x".replace(".x", "x")


def milliseconds(seconds: float | None) -> str:
    """In three digits; what rounds to nothing has no sign."""
    if seconds is None:
        return ""
    value = 1e3 * seconds
    return f"{value:z,.0f}" if abs(value) >= 1000 else f"{value:z#.3g}".rstrip(".")


def summary(found: Comparison, mean: Mean) -> str:
    """One machine against the base, over all cells."""
    base, other = short(found.base), short(mean.machine)
    noun = "cell" if any(pair.key.depth for pair in found.pairs) else "benchmark"
    cells = f"the 1 {noun}" if mean.cells == 1 else f"{mean.cells} {noun}s"
    counts = [
        f"{word} in {count}"
        for word, count in (("faster", mean.faster), ("slower", mean.slower))
        if count
    ]
    if mean.undecided:
        counts.append(f"undecided in {mean.undecided}")
    warned = ""
    if mean.warned:
        of = f"{mean.warned} of the {mean.faster + mean.slower} cells"
        warned = f" Trust them less: {of} that are decided carry warnings (see the notes)."
    return (
        f"{other} takes {ratio_words(mean.geometric_mean)} the time of {base} (geometric mean of "
        f"{cells} that both have): {', '.join(counts)}.{warned}"
    )


def covers_words(found: Comparison) -> str:
    """What the intervals hold for, and what they leave out."""
    covers = {mean.covers for mean in found.means if mean.series is None and mean.pass_ is None}
    if covers == {"processes"}:
        return "intervals are from several processes of each machine, and hold for another process"
    if covers == {None}:
        return "no interval: the files hold too few rounds to know a median by"
    return (
        "95% intervals are from the rounds of one process: how much another process of the same "
        "cell would differ is not in them (give several files of a machine as NAME=FILE NAME=FILE)"
    )


def scaling_sentence(found: Comparison, crossing: Crossing, told: Sequence[str]) -> str:
    """Where two lines cross, what was measured there, and why."""
    words = [_crossing(found, crossing), *_measured(found, crossing), *_why(found, crossing)]
    return f"{series_words(crossing.series, told)}: {' '.join(words)}"


def _crossing(found: Comparison, each: Crossing) -> str:
    reach = f"between depth {each.first:g} and {each.last:g}"
    if each.kind == "not straight":
        return f"no crossing is read off: {_crooked(found, each)}."
    if each.kind == "none":
        return f"the lines do not cross {reach}: that of {short(each.faster_deep)} is lower."
    if each.depth is None or each.low is None or each.high is None:
        return f"whether the lines cross {reach} cannot be told."
    return (
        f"the lines cross at depth {each.depth:.3g} (95% interval "
        f"{_bounded(each.low, each.first, 'below')} to {_bounded(each.high, each.last, 'above')}): "
        f"shallower {short(each.faster_shallow)} is faster, deeper {short(each.faster_deep)}."
    )


def _bounded(depth: float, limit: float, side: str) -> str:
    """Nothing is said of depths far from those measured."""
    beyond = depth < limit if side == "below" else depth > limit
    return f"{side} {limit:g}" if beyond else f"{depth:.3g}"


def _crooked(found: Comparison, each: Crossing) -> str:
    lines = [_line(found, name, each.series) for name in (each.base, each.machine)]
    off = [line for line in lines if line and line.misfit > MOST_MISFIT]
    words = " and ".join(f"{line.misfit:.0%} off its line on {short(line.machine)}" for line in off)
    return f"time is not straight in depth (a depth lies {words})"


def _line(found: Comparison, machine: str, series: Series) -> Line | None:
    wanted = (machine, series)
    return next((each for each in found.lines if (each.machine, each.series) == wanted), None)


def _measured(found: Comparison, each: Crossing) -> Iterator[str]:
    """The depths at which either was measured to be faster."""
    ours = [
        pair for pair in found.pairs if (pair.machine, pair.series) == (each.machine, each.series)
    ]
    places = {each.base: _depths(ours, "slower"), each.machine: _depths(ours, "faster")}
    words = [f"{short(name)} is faster at {depths}" for name, depths in places.items() if depths]
    if words:
        yield f"Measured: {'; '.join(words)}."


def _depths(found: Sequence[Pair], verdict: str) -> str:
    return ", ".join(str(pair.key.depth) for pair in found if pair.ratio.verdict == verdict)


def _why(found: Comparison, each: Crossing) -> Iterator[str]:
    """What binds the cells of both, and how the machines compare at just that."""
    known = {cause.machine: cause for cause in found.causes if cause.series == each.series}
    ours, theirs = known.get(each.base), known.get(each.machine)
    if ours is None or theirs is None or not ours.bounds or not theirs.bounds:
        return
    bound = {cause.machine: bounds_words(list(cause.bounds.items())) for cause in (ours, theirs)}
    if bound[each.base] == bound[each.machine]:
        yield f"Both are bound by {bound[each.base]}{_reference(theirs)}."
    else:
        words = ", ".join(f"by {what} on {short(name)}" for name, what in bound.items())
        yield f"Bound {words}{_reference(theirs)}."


def _reference(cause: Cause) -> str:
    if cause.reference_ratio is None or cause.deepest is None:
        return ""
    kernel = _REFERENCES[KERNELS[cause.deepest]]
    return (
        f", and a {kernel} takes {ratio_words(cause.reference_ratio)} the time on "
        f"{short(cause.machine)}"
    )


def bounds_words(bounds: Sequence[tuple[int, str]]) -> str:
    """`launches at 2 and compute at 4…16`: what binds the depths, shallowest first."""
    runs: list[tuple[str, int, int]] = []
    for depth, bound in bounds:
        if runs and runs[-1][0] == bound:
            runs[-1] = (bound, runs[-1][1], depth)
        else:
            runs.append((bound, depth, depth))
    if len(runs) < 2:
        return "".join(bound for bound, _, _ in runs)
    return " and ".join(
        f"{bound} at {first}" if first == last else f"{bound} at {first}…{last}"
        for bound, first, last in runs
    )


def budget_sentences(found: Comparison) -> Iterator[str]:
    """How the best depth moves, one sentence a budget, family and task."""
    groups: dict[tuple[object, ...], list[UnderBudget]] = {}
    for each in found.affordable:
        groups.setdefault((each.budgets, each.family, each.task), []).append(each)
    for same in groups.values():
        yield _moves(same)


def _moves(same: Sequence[UnderBudget]) -> str:
    first = same[0]
    bound = " and ".join(map(budget_words, first.budgets))
    judged = any(each.accuracies_of for each in same)
    name = "best depth" if judged else "deepest depth that is known to fit"
    family = f"{first.family} on {first.task}" if first.task else first.family
    by_depth: dict[int | None, list[str]] = {}
    for each in same:
        by_depth.setdefault(each.best_depth if judged else each.deepest, []).append(each.machine)
    if len(by_depth) == 1:
        (depth,) = by_depth
        where = "everywhere" if len(same) > 1 else f"on {short(first.machine)}"
        if depth is None:
            return f"With {bound}, no depth of {family} is known to fit {where}."
        return f"With {bound}, the {name} of {family} is {depth} {where}."
    places = [
        f"{'none known to fit' if depth is None else depth} on {names_words(names)}"
        for depth, names in by_depth.items()
    ]
    return f"With {bound}, the {name} of {family} moves: {'; '.join(places)}."
