"""The verdict on limits as blocks: the answer, the six limits, the remedies, the hints."""

from collections.abc import Iterator

from .block import Block, Column, header_and_rows
from .limits import LimitFinding, LimitsVerdict
from .remedies import RemedyFinding

MOST_REMEDIES = 12

WORDS = {
    "gradients": "vanishing or exploding gradients",
    "overfitting": "overfitting",
    "degradation": "the degradation problem: it trains worse than a shallower network",
    "compute": "compute: a further doubling brings less than it costs",
    "optimization": "optimization: the optimizer or its settings, not the network",
    "data": "too few data for this depth",
}


def limits_blocks(verdict: LimitsVerdict) -> tuple[Block, ...]:
    """The verdict on one network, top to bottom."""
    return (_answer(verdict), _limits(verdict), *_remedies(verdict), *_hints(verdict))


def sentence(verdict: LimitsVerdict) -> str:
    """What stops the network, in one sentence."""
    about = f"{verdict.family} at depth {verdict.depth} on {verdict.task}"
    if verdict.name == "none":
        return f"Nothing stops {about} yet: going deeper still pays ({verdict.confidence})."
    if verdict.name == "undetermined":
        return f"What stops {about} is undetermined."
    return f"What stops {about} is {WORDS[verdict.name]} ({verdict.confidence} evidence)."


def _answer(verdict: LimitsVerdict) -> Block:
    settle = [f"To settle it: {each}." for each in verdict.settle]
    return Block(
        heading=f"{verdict.family} at depth {verdict.depth} on {verdict.task}: {verdict.name}",
        paragraphs=(sentence(verdict),),
        items=(*(f"{each}." for each in verdict.evidence), *settle),
    )


def _limits(verdict: LimitsVerdict) -> Block:
    columns = [
        Column("limit", lambda each: each.name),
        Column("binds", _binds),
        Column("p (Holm)", lambda each: _p_value(each.p_value)),
        Column("symptom", _symptom),
    ]
    header, rows = header_and_rows(columns, verdict.limits)
    against = (
        ()
        if verdict.reference_depth is None
        else (f"against depth {verdict.reference_depth}, the best of the shallower ones tried",)
    )
    return Block("The six limits", header, rows, captions=against)


def _symptom(each: LimitFinding) -> str:
    return "; ".join(each.symptoms) or "none fires"


def _binds(each: LimitFinding) -> str:
    return {True: "yes", False: "no", None: "not tested"}[each.binds]


def _p_value(p: float | None) -> str:
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def _remedies(verdict: LimitsVerdict) -> Iterator[Block]:
    if not verdict.remedies:
        return
    columns = [
        Column("remedy", lambda each: each.name),
        Column("against", lambda each: each.limit),
        Column("change", lambda each: each.change),
        Column("points\nwon", lambda each: f"{each.points:+.1f}"),
        Column("share of the\nloss recovered", _share),
        Column("training\ntime", _cost),
        Column("fresh\nseeds", lambda each: str(each.seeds) if each.seeds else "0 (chosen by 1)"),
    ]
    header, rows = header_and_rows(columns, verdict.remedies[:MOST_REMEDIES])
    caption = (
        "points of training accuracy for gradients, optimization and degradation, else of accuracy "
        "on data held out; a…b: one-sided 95% bounds"
    )
    more = len(verdict.remedies) - MOST_REMEDIES
    captions = (caption, f"{more} more that won less are in the JSON") if more > 0 else (caption,)
    yield Block("Remedies, each alone", header, rows, captions=captions)


def _share(each: RemedyFinding) -> str:
    if each.recovered_share is None:
        return ""
    bounds = "" if each.low is None or each.high is None else f" ({each.low:.0%}…{each.high:.0%})"
    return f"{each.recovered_share:.0%}{bounds}"


def _cost(each: RemedyFinding) -> str:
    return "" if each.cost_ratio is None else f"{each.cost_ratio:.2f}x"


def _hints(verdict: LimitsVerdict) -> Iterator[Block]:
    if verdict.hints:
        yield Block("Hints of the structure", items=tuple(f"{each}." for each in verdict.hints))
