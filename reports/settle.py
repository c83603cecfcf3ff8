"""What would settle a verdict that is undetermined or weak: sentences that say what to do."""

from collections.abc import Iterator, Mapping, Sequence

from .case import Case
from .limit_tests import TESTS, LimitTest
from .limits_verdict import LimitFinding
from .paired import Paired
from .points import bounds, points

FEWEST_SEEDS = 3
"""Fresh seeds below which no verdict is strong."""

NO_SIGN = 0.25
"""A p value above which more seeds are not worth asking for: there is no sign of an effect."""


def settle(
    case: Case,
    name: str,
    confidence: str | None,
    tests: Mapping[str, LimitTest],
    findings: Sequence[LimitFinding],
) -> tuple[str, ...]:
    """What would settle it, where it is not settled."""
    if confidence == "strong":
        return ()
    return tuple(_unsettled(case, name, tests, findings))


def _unsettled(
    case: Case, name: str, tests: Mapping[str, LimitTest], findings: Sequence[LimitFinding]
) -> Iterator[str]:
    if not case.trials.shallower:
        yield "a depth that has shallower ones to compare with"
        return
    open_ = [each.name for each in findings if each.binds is None]
    tried = {str(row["limit"]) for row in case.trials.screened()}
    for limit in open_:
        if limit == "data":
            yield "more data than there is, to try it: data fires"
        elif limit in tried:
            yield f"another remedy for {limit}, which fires: those tried win less than a point"
        else:
            yield f"a remedy for {limit}, which fires: none was tried"
    missed = [e for e in findings if e.binds is False and e.symptoms and tests[e.name].stopped]
    yield from (_missed(case, each, tests[each.name]) for each in missed)
    if name == "undetermined" and not missed and not open_:
        gain = case.last_step
        if gain is not None and gain.low < case.least_gain < gain.high:
            yield _margin_unclear(case, gain)
        else:
            yield _unexplained(case)
    if name not in ("undetermined", "none") and case.fresh_seeds < FEWEST_SEEDS:
        yield f"at least {FEWEST_SEEDS} fresh seeds instead of {case.fresh_seeds}"


def _unexplained(case: Case) -> str:
    """What is missing where no symptom fires, or none whose remedy helps."""
    gains = [(gain, limit, name) for limit in TESTS for name, gain in case.remedies(limit).items()]
    gain, limit, name = max(gains, key=lambda each: each[0].mean, default=(None, "", ""))
    if gain is not None and gain.low >= case.margin:
        return (
            f"another look at {limit}: {name} wins {points(gain.mean)}, though the symptom of its "
            "limit does not fire"
        )
    if not (case.fits_worse or case.generalizes_worse):
        return "a smaller --margin: nothing that it would notice is lost"
    return "a remedy that was not tried: none of those tried wins back what is lost"


def _missed(case: Case, finding: LimitFinding, test: LimitTest) -> str:
    """What is missing to a limit whose symptom fires."""
    if finding.name == "compute" and case.last_step is not None:
        return _margin_unclear(case, case.last_step)
    if test.p_value is None or test.p_value > NO_SIGN:
        return f"another remedy for {finding.name}, which fires: {finding.remedy} wins nothing back"
    return (
        f"more fresh seeds than {case.fresh_seeds}: {finding.name} fires, but {finding.remedy} "
        f"wins too little for the noise (adjusted p = {finding.p_value:.2g})"
    )


def _margin_unclear(case: Case, gain: Paired) -> str:
    return (
        f"more fresh seeds than {case.fresh_seeds}: whether the last doubling of depth brought the "
        f"margin cannot be told ({bounds(gain.low, gain.high)} points)"
    )
