"""A verdict in words: sentences that are derived from the numbers, never typed in."""

from collections.abc import Iterator

from .budget import Budget
from .estimates import ALPHA, Estimate
from .points import asked_points
from .verdict import DepthRow, Verdict
from .within_budget import Within

PRICED = {
    "flops": "FLOPs",
    "latency_seconds": "forward latency",
    "train_seconds": "training time",
}


def title(verdict: Verdict) -> str:
    """The family, and its task where that is known."""
    return f"{verdict.family} on {verdict.task}" if verdict.task else verdict.family


def paragraph(verdict: Verdict) -> str:
    """Best and sufficient depth, the shape, what deeper costs, and what was not tried."""
    if verdict.best_depth is None:
        return "No run gave an accuracy, so nothing can be said of depth."
    sentences = [
        f"The best depth is {verdict.best_depth}, with {_at(verdict, verdict.best_depth)} "
        f"{verdict.metric.replace('_', ' ')}.",
        *_sufficient(verdict),
        *_to_separate(verdict),
        *_within_margin(verdict),
        _shape(verdict),
        *_prices(verdict),
        *(f"Depth {depth} gave no accuracy ({end})." for depth, end in verdict.failed.items()),
        *_censored(verdict),
        *_budgets(verdict),
    ]
    return " ".join(sentences)


def percent(verdict: Verdict, estimate: Estimate | None) -> str:
    """The metric of one depth as it is shown: an error stays an error."""
    if estimate is None:
        return "unknown"
    if verdict.metric == "error":  # published errors have two decimals
        return f"{100 * (1 - estimate.mean):.2f}%"
    return f"{100 * estimate.mean:.1f}%"


def p_value(row: DepthRow) -> str:
    """That the depth is the best, as it is printed; corrected for all that it is compared with."""
    return _p_words(None if row.candidate is None else row.candidate.p_value)


def _p_words(value: float | None) -> str:
    if value is None:
        return "p unknown"
    return "p<0.001" if value < 0.001 else f"p={value:.2g}"


def _at(verdict: Verdict, depth: int) -> str:
    return percent(verdict, verdict.row(depth).accuracy)


def _sufficient(verdict: Verdict) -> Iterator[str]:
    depth = verdict.sufficient_depth
    if depth is None:
        yield "Whether a shallower one would do cannot be told: nothing is known of the noise."
    elif verdict.confidence_set == (verdict.best_depth,):
        if verdict.n_depths > 1:
            yield "Every other depth is significantly worse."
    elif depth == verdict.best_depth:
        others = [each for each in verdict.confidence_set if each != depth]
        yield f"No shallower one does as well; {_listed(others)} cannot be told from it at 95%."
    else:
        yield (
            f"Depth {depth} is sufficient: its {_at(verdict, depth)} cannot be told from the best "
            f"({p_value(verdict.row(depth))}; 95% confidence set: "
            f"{_listed(verdict.confidence_set)})."
        )


def _to_separate(verdict: Verdict) -> Iterator[str]:
    """For the sufficient depth: the others of the set are in the JSON."""
    for each in verdict.to_separate:
        if each.depth == verdict.sufficient_depth:
            if each.seeds is not None:
                yield f"To tell {each.depth} from it would take some {each.seeds:,} seeds a depth."
            elif each.examples is not None:
                yield f"To tell {each.depth} from it would take some {each.examples:,} examples."


def _within_margin(verdict: Verdict) -> Iterator[str]:
    """Where a depth beside the best is shown to be as good."""
    others = [each for each in verdict.within_margin if each != verdict.best_depth]
    if others:
        margin = asked_points(verdict.margin)
        yield f"Shown to be within {margin} of the best: {_listed(others)}."


def _listed(depths: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, depths))


def _shape(verdict: Verdict) -> str:
    if verdict.shape == "declining":
        return _decline(verdict)
    if verdict.shape == "rising":
        return "It still rises with depth: the last step pays."
    if verdict.shape == "plateau":
        return (
            f"It is a plateau: past depth {verdict.sufficient_depth} nothing gains significantly, "
            "and nothing past the best is significantly worse."
        )
    if verdict.n_depths < 2:
        return "The shape is undetermined: one depth is too few."
    return "The shape is undetermined: no depth stands out of the noise."


def _decline(verdict: Verdict) -> str:
    worse = [row for row in verdict.rows if _is_worse_beyond(verdict, row)]
    start = verdict.declines_from
    first = next((row for row in worse if row.depth == start), worse[0])
    shown = [first, *(worse[-1:] if worse[-1] is not first else [])]
    numbers = ", ".join(
        f"{percent(verdict, row.accuracy)} at {row.depth} ({_p_words(row.decline_p)})"
        for row in shown
    )
    if start is None:
        return f"A depth past it is significantly worse, yet the deepest is not: {numbers}."
    return f"It declines with depth, significantly from {start} on: {numbers}."


def _is_worse_beyond(verdict: Verdict, row: DepthRow) -> bool:
    beyond = verdict.best_depth is not None and row.depth > verdict.best_depth
    return beyond and row.decline_p is not None and row.decline_p < ALPHA


def _prices(verdict: Verdict) -> Iterator[str]:
    """What the best and the deepest depth cost, in multiples of the sufficient one."""
    start = verdict.sufficient_depth
    deepest = max(row.depth for row in verdict.rows if row.accuracy is not None)
    names = {verdict.best_depth: "the best", deepest: "the deepest"}
    if deepest == verdict.best_depth:
        names = {deepest: "the best and deepest"}
    prices = [
        f"depth {end} ({name}) costs {price}"
        for end, name in names.items()
        if start is not None and end is not None and end > start
        if (price := _price(verdict.row(start), verdict.row(end)))
    ]
    if prices:
        yield f"Against depth {start}, {'; '.join(prices)}."


def _price(low: DepthRow, high: DepthRow) -> str:
    pairs = [
        (words, getattr(low.cost, name), getattr(high.cost, name)) for name, words in PRICED.items()
    ]
    return ", ".join(f"{_times(b / a)} the {words}" for words, a, b in pairs if a and b)


def _times(ratio: float) -> str:
    return f"{ratio:.1f}x" if ratio < 10 else f"{ratio:.0f}x"


def _censored(verdict: Verdict) -> Iterator[str]:
    if verdict.censored and verdict.best_depth is not None:
        deeper = 2 * verdict.best_depth
        ours = verdict.metric.endswith("_accuracy")
        yield "No deeper network was tried, so where the returns end is unknown: " + (
            f"add --depths {deeper} (or the nearest the family has)."
            if ours
            else f"try one of about depth {deeper}."
        )


def _budgets(verdict: Verdict) -> Iterator[str]:
    """What each budget leaves, and what all of them together: there, how sure that is."""
    yield from (_within(verdict, each) for each in verdict.under_budget)
    together = verdict.within_all
    if together is not None and len(together.budgets) > 1:
        yield _together(together)
    if together is not None:
        yield from _sure_within(verdict, together)


def _within(verdict: Verdict, within: Within) -> str:
    (budget,) = within.budgets
    bound = budget_words(budget)
    if within.depth is not None:
        return f"With {bound}, the best depth is {within.depth} ({_at(verdict, within.depth)})."
    if within.nearest is None:
        return f"Whether any depth has {bound} is unknown: this cost was not measured."
    least = quantity(budget.column, within.nearest.needs[budget.column])
    return f"No depth has {bound}: the smallest need is {least}, at depth {within.nearest.depth}."


def _together(within: Within) -> str:
    if within.depth is not None:
        return f"With all budgets together, it is {within.depth}."
    if within.nearest is None:
        return "No depth is known to fit all budgets together."
    needs = within.nearest.needs
    words = [
        f"{each.words} of {quantity(each.column, needs[each.column])}" for each in within.budgets
    ]
    return (
        "No depth fits all budgets together: the nearest is depth "
        f"{within.nearest.depth}, with {' and '.join(words)}."
    )


def _sure_within(verdict: Verdict, within: Within) -> Iterator[str]:
    """The sufficient depth where it is not the best, and depths that may or may not fit."""
    sufficient = within.sufficient_depth
    if sufficient is not None and sufficient != within.depth:
        yield f"Of the depths that fit, {sufficient} ({_at(verdict, sufficient)}) is sufficient."
    if within.cannot_tell:
        depths = f"depth{'s' * (len(within.cannot_tell) > 1)} {_listed(within.cannot_tell)}"
        yield f"Whether {depths} fit{'s' * (len(within.cannot_tell) == 1)} cannot be told at 95%."


def budget_words(budget: Budget) -> str:
    """A budget as it is read aloud: `a forward latency of at most 5 ms`."""
    return f"{budget.words} of at most {quantity(budget.column, budget.limit)}"


def quantity(column: str, value: float) -> str:
    """A cost with a unit that fits its size; the column tells what it is a quantity of."""
    if column.endswith("_seconds"):
        return f"{1e3 * value:.4g} ms" if value < 1 else f"{value:,.4g} s"
    if column.endswith("_joules"):
        return f"{1e3 * value:.4g} mJ" if value < 1 else f"{value:,.4g} J"
    unit = "B" if column.endswith("_bytes") else "FLOPs"
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"
