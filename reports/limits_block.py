"""The verdict on limits as blocks: the answer, the six limits, the remedies, the outlook."""

from collections.abc import Iterator

from .block import Block, Column, header_and_rows
from .case import ALPHA
from .limits_verdict import LimitFinding, LimitsVerdict
from .remedies import RemedyFinding

MOST_REMEDIES = 12

BINDS = (
    f"binds: its metric no longer improves with depth, its symptom fires and its p, after "
    f"Holm's correction over such limits, is below {ALPHA}"
)

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
    return (_answer(verdict), *_limits(verdict), *_remedies(verdict), *_more(verdict))


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


def _limits(verdict: LimitsVerdict) -> Iterator[Block]:
    if all(each.binds is None and not each.symptoms for each in verdict.limits):
        return  # nothing was trained
    columns = [
        Column("limit", lambda each: each.name),
        Column("binds", _binds),
        Column("p", lambda each: _p_value(each.p_value)),
        Column("best remedy", lambda each: each.remedy or ""),
        Column("share\nrecovered", _recovered),
    ]
    header, rows = header_and_rows(columns, verdict.limits)
    captions = [BINDS]
    if verdict.reference_depth is not None:
        captions.append(
            f"against depth {verdict.reference_depth}, the best of the shallower ones tried"
        )
    symptoms = tuple(f"{e.name}: {'; '.join(e.symptoms)}." for e in verdict.limits if e.symptoms)
    yield Block("The six limits", header, rows, captions=tuple(captions), items=symptoms)


def _recovered(each: LimitFinding) -> str:
    return "" if each.share is None else _whole_percent(each.share.mean)


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
        Column("points\nwon", lambda each: f"{each.points:+.1f}"),
        Column("share of the\nloss recovered", _share),
        Column("training\ntime", _cost),
        Column("fresh\nseeds", lambda each: str(each.seeds)),
    ]
    shown = verdict.remedies[:MOST_REMEDIES]
    header, rows = header_and_rows(columns, shown)
    changes = tuple(f"{each.name}: {each.change}" for each in shown if each.change != each.name)
    captions = tuple(_remedy_captions(verdict, shown))
    yield Block("Remedies, each alone", header, rows, captions=captions, items=changes)


def _remedy_captions(verdict: LimitsVerdict, shown: tuple[RemedyFinding, ...]) -> Iterator[str]:
    yield (
        "points of training accuracy for gradients, optimization and degradation, else of accuracy "
        "on data held out; a…b: one-sided 95% bounds"
    )
    if any(each.seeds == 0 for each in shown):
        yield "0 fresh seeds: tried only on the seed that chooses, which flatters the best"
    more = len(verdict.remedies) - len(shown)
    if more > 0:
        yield f"{more} more that recovered less are in the JSON"


def _share(each: RemedyFinding) -> str:
    if each.recovered_share is None:
        return ""
    if each.low is None or each.high is None:
        return _whole_percent(each.recovered_share)
    bounds = "…".join(map(_whole_percent, (each.low, each.high)))
    return f"{_whole_percent(each.recovered_share)} ({bounds})"


def _whole_percent(share: float) -> str:
    return f"{round(100 * share)}%"  # never "-0%"


def _cost(each: RemedyFinding) -> str:
    return "" if each.cost_ratio is None else f"{each.cost_ratio:.2f}x"


def _more(verdict: LimitsVerdict) -> Iterator[Block]:
    for heading, lines in (
        ("Outlook", verdict.outlook),
        ("Hints of the structure", verdict.hints),
    ):
        if lines:
            yield Block(heading, items=tuple(f"{each}." for each in lines))
