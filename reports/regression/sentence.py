"""The answer of a check in one sentence: what regressed, or why that cannot be told, or that
nothing did; then how much of the rest is known to be as it was."""

from collections.abc import Iterator, Sequence

from ..labels import shortened
from .finding import (
    ACCURACY,
    EQUIVALENT,
    EXACT,
    FINE,
    IMPROVED,
    INCOMPARABLE,
    INCONCLUSIVE,
    MISSING,
    NEW,
    OVERHEAD,
    PER_LAYER,
    REGRESSED,
    Answer,
    Finding,
)
from .folding import Group, folded, of_all_depths
from .quantities import (
    finite,
    is_accuracy,
    margin_words,
    metric_words,
    sides_and_change,
    size,
    size_words,
)

LONGEST_REASON = 120
"""Characters."""


def headline(answer: Answer) -> str:
    """`1 regression`, `Cannot tell` or `No regression`: what `details` then tells."""
    worse, changed, better = _changed(answer)
    if worse:
        return _counted(len(worse), "regression")
    if changed:
        return f"{_counted(len(changed), 'exact count')} fell"
    if answer.exit_code != FINE:
        return "Cannot tell"
    return f"No regression, {_counted(len(better), 'improvement')}" if better else "No regression"


def details(answer: Answer) -> str:
    """`mlp step is 10.2% slower at every depth (9.1 to 11.4%); 7 of 8 cells are equivalent within
    3%`."""
    worse, changed, better = _changed(answer)
    told = [_first(groups) for groups in (worse or changed or better,) if groups]
    if worse and changed:
        told.append(f"{_counted(len(changed), 'exact count')} fell")
    untold = list(_untold(answer))
    if not answer.findings and not untold:
        untold = ["nothing was compared"]
    parts = [*told, *untold] if worse or changed else [*untold, *told]
    return "; ".join([*parts, *_tail(answer.findings)])


def sentence(answer: Answer) -> str:
    """Both as one: `1 regression: mlp step is …`."""
    return f"{headline(answer)}: {details(answer)}"


def phrase(group: Group) -> str:
    """What one finding says: `mlp step is 10.2% slower at depth 8 (9.1 to 11.4%)`."""
    finding = group.finding
    does = _does(finding)
    if not does:
        change = sides_and_change(finding) or finding.verdict
        words = f"{_subject(finding)}{_where(finding)}: {metric_words(finding.metric)} {change}"
        more = len(group.depths)
        return f"{words}, and at {_counted(more, 'more depth')}" if more else words
    within = size_words(finding)
    words = f"{_subject(finding)} {does}{_where(finding)}"
    return f"{words} ({within})" if within else words


def _does(finding: Finding) -> str:
    """The verb of a change that has one."""
    change = finite(finding.change)
    if change is None or finding.lane == EXACT:
        return ""
    more = change > 0
    if finding.metric == "time":
        return f"is {size(finding)} {'slower' if more else 'faster'}"
    if finding.metric == "peak_bytes":
        return f"needs {size(finding)} {'more' if more else 'less'} memory"
    if is_accuracy(finding.metric):
        return f"is {size(finding)} {'more' if more else 'less'} accurate"
    return ""


def _subject(finding: Finding) -> str:
    on = f" on {finding.task}" if finding.task else ""
    return f"{finding.family}{on}" + (f" {finding.pass_}" if finding.pass_ else "")


def _where(finding: Finding) -> str:
    if finding.depth is not None:
        return f" at depth {finding.depth}"
    if finding.metric == "best_accuracy":
        return " at its best depth"
    if not of_all_depths(finding) or finding.lane == ACCURACY:
        return ""
    places = {None: " at every depth", PER_LAYER: " per layer", OVERHEAD: " in its overhead"}
    return places.get(finding.part, f" in its {finding.part}")


def _changed(answer: Answer) -> tuple[list[Group], list[Group], list[Group]]:
    """What regressed, the exact counts that fell, and what else improved."""
    groups = folded(answer.findings)
    better = [each for each in groups if each.finding.verdict == IMPROVED]
    return (
        [each for each in groups if each.finding.verdict == REGRESSED],
        [each for each in better if each.finding.fails],
        [each for each in better if not each.finding.fails],
    )


def _untold(answer: Answer) -> Iterator[str]:
    if answer.cannot_tell:
        reason = shortened(answer.cannot_tell[0], LONGEST_REASON)
        more = len(answer.cannot_tell) - 1
        yield f"{reason}, and {_counted(more, 'more reason')}" if more else reason
    for verdict in (MISSING, INCOMPARABLE):
        found = [each for each in answer.findings if each.verdict == verdict]
        if found:
            verb = "is" if len(found) == 1 else "are"
            yield f"{_counted(len(found), 'comparison')} {verb} {verdict} ({_places(found)})"


def _tail(findings: Sequence[Finding]) -> Iterator[str]:
    """How much of what was compared is known to be unchanged."""
    noisy = [each for each in findings if each.lane != EXACT and each.verdict != NEW]
    cells = [each for each in noisy if not of_all_depths(each)]
    if noisy:
        word = "cell" if cells else "comparison"
        yield _equivalent(cells or noisy, word)
    exact = [each for each in findings if each.lane == EXACT and each.verdict != NEW]
    if exact:
        alike = sum(each.verdict == EQUIVALENT for each in exact)
        yield f"{_share(alike, len(exact), 'exact count')} unchanged"


def _equivalent(cells: Sequence[Finding], word: str) -> str:
    alike = [each for each in cells if each.verdict == EQUIVALENT]
    margins = {margin_words(each.metric, each.margin) for each in alike} - {""}
    within = " within their margins" if margins else ""
    if len(margins) == 1:
        within = f" within {margins.pop()}"
    words = f"{_share(len(alike), len(cells), word)} equivalent{within}"
    undecided = sum(each.verdict == INCONCLUSIVE for each in cells)
    verb = "is" if undecided == 1 else "are"
    return f"{words}, {undecided:,} {verb} inconclusive" if undecided else words


def _share(some: int, whole: int, word: str) -> str:
    """`7 of 8 cells are`, `all 8 cells are`, `none of 8 cells is`."""
    plural = word if whole == 1 else f"{word}s"
    if some == whole > 1:
        return f"all {whole:,} {plural} are"
    verb = "are" if some > 1 else "is"
    return f"{f'{some:,}' if some else 'none'} of {whole:,} {plural} {verb}"


def _first(groups: Sequence[Group]) -> str:
    more = f", and {len(groups) - 1:,} more" if len(groups) > 1 else ""
    return f"{phrase(groups[0])}{more}"


def _places(findings: Sequence[Finding]) -> str:
    first = f"{findings[0].place} {metric_words(findings[0].metric)}"
    return f"{first}, …" if len(findings) > 1 else first


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
