"""Which limit stops a network, from the evidence: symptom, counterfactual and confidence.

A limit binds at a depth if the metric that it governs has stopped improving there, its symptom
fires, and its remedy alone wins: paired over seeds that did not choose the remedy, with a one-sided
95% bound above zero after Holm's correction over the limits. Without that the answer is
`undetermined` and says what would settle it; `none` where going deeper still pays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .case import ALPHA, Case
from .hints import structure_hints
from .limit_tests import HALF, TESTS, LimitTest
from .limits_verdict import LimitFinding, LimitsVerdict
from .margin import MARGIN
from .outlook import outlook
from .paired import Paired, holm
from .remedies import ranked
from .settle import FEWEST_SEEDS, NO_SIGN, settle
from .symptoms import gradient_symptoms, was_screened
from .tables import Row
from .trials import FIT, mean

STRONG_ALPHA = 0.01
"""Of the adjusted p value, for a verdict that is called strong."""

LEAST_SHARE: Mapping[str, float] = {"gradients": 0.25, "data": 0.0, "compute": 0.0}
"""That a remedy must recover, where it is not half. The symptom of gradients fires before any
training, and what else a network lacks is not theirs; that depth brings little is its own
explanation, and so is that data brings what depth does not."""

PRECEDENCE = ("gradients", "optimization", "degradation", "overfitting", "data", "compute")
"""Of limits that all explain the loss, the one named: a cause before what it causes. Vanishing
gradients degrade training, and a shortcut is a remedy for them too; a learning rate that is wrong
looks like degradation, of which only a shortcut is the remedy."""

EXPECTED: Mapping[str, tuple[str, ...]] = {
    "gradients": ("optimization", "degradation"),
    "optimization": ("degradation",),
}
"""Limits that bind too where another is the cause: they are no rivals of it."""


def judge(rows: Sequence[Row], *, margin: float = MARGIN) -> LimitsVerdict:
    """The verdict on the evidence of one subject.

    Args:
        rows: those of one family, task and asked depth.
        margin: the least accuracy (a fraction) that counts as better or worse.
    """
    case = Case(rows, margin)
    if not _comparable(case):
        untested = tuple(LimitFinding(name, None, (), None, None, None) for name in TESTS)
        return _verdict(case, "undetermined", None, _failures(case), untested, _NOTHING_TRAINED)
    tests = {name: test(case) for name, test in TESTS.items()}
    findings = _findings(tests)
    name, confidence = _named(case, tests, findings)
    return _verdict(
        case, name, confidence, _evidence(name, tests), findings,
        settle(case, name, confidence, tests, findings),
    )  # fmt: skip


def subjects(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows by what they are about and the file they come from, each subject in the order of its
    first row: two studies may differ in more than what their rows name."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        about = tuple(row.get(name) for name in ("source", "family", "task", "asked_depth"))
        found.setdefault(about, []).append(row)
    return list(found.values())


_NOTHING_TRAINED = ("one training of the network that ends with an accuracy",)


def _comparable(case: Case) -> bool:
    """Whether the network as asked has an accuracy, and it or a shallower one trained at all: that
    all depths diverge alike says nothing of depth."""
    asked, shallower = case.trials.asked, case.trials.shallower.values()
    ended = [row["status"] == "ok" for each in (asked, *shallower) for row in each.values()]
    return mean(asked, FIT) is not None and any(ended)


def _findings(tests: Mapping[str, LimitTest]) -> tuple[LimitFinding, ...]:
    """Holm's correction is over the limits that may bind."""
    possible = {name: test for name, test in tests.items() if test.stopped and test.symptoms}
    adjusted = holm({n: t.p_value for n, t in possible.items() if t.p_value is not None})
    return tuple(
        LimitFinding(
            name,
            _binds(name in possible, adjusted.get(name)),
            test.symptoms,
            adjusted.get(name, test.p_value),
            test.remedy,
            test.share,
        )
        for name, test in tests.items()
    )


def _binds(possible: bool, adjusted: float | None) -> bool | None:
    if not possible:
        return False
    return None if adjusted is None else adjusted < ALPHA


def _named(
    case: Case, tests: Mapping[str, LimitTest], findings: Sequence[LimitFinding]
) -> tuple[str, str | None]:
    """The limit that is named and how sure that is."""
    binding = {each.name: each for each in findings if each.binds}
    explaining = [n for n in PRECEDENCE if n in binding and _explains(n, tests[n])]
    if explaining:
        return explaining[0], _confidence(case, explaining[0], tests, binding)
    if binding:
        return max(binding, key=lambda name: _mean_share(tests[name])), "weak"
    gain = case.last_step
    if case.deeper_pays and gain is not None:
        clear = gain.low >= case.least_gain and gain.p_value < STRONG_ALPHA
        sure = clear and _enough_seeds(case, gain)
        return "none", "strong" if sure else "weak"
    return "undetermined", None


def _explains(name: str, test: LimitTest) -> bool:
    """Its remedy recovers enough of the loss."""
    return _mean_share(test) >= LEAST_SHARE.get(name, HALF)


def _mean_share(test: LimitTest) -> float:
    return 0.0 if test.share is None else test.share.mean


def _confidence(
    case: Case,
    name: str,
    tests: Mapping[str, LimitTest],
    binding: Mapping[str, LimitFinding],
) -> str:
    """Strong: beyond the noise by far, with seeds enough, most of the loss recovered, and no other
    limit that would explain it as well."""
    p, test = binding[name].p_value, tests[name]
    tested = test.share or case.last_step
    sure = p is not None and p < STRONG_ALPHA and _enough_seeds(case, tested)
    enough = _recovers_enough(case, name, test)
    others = {n for n in binding if n not in ("compute", *EXPECTED.get(name, ()))} - {name}
    doubts = (
        others,
        _may_be_gradients(case, name, tests),
        _better_optimized(name, tests, binding),
        _costs_generalization(case, name, test),
        _untried(case, name),
        name == "compute" and _wins_elsewhere(case),
    )
    return "strong" if sure and enough and not any(doubts) else "weak"


def _better_optimized(
    name: str, tests: Mapping[str, LimitTest], binding: Mapping[str, LimitFinding]
) -> bool:
    """An optimizer alone recovers more than the remedy for gradients."""
    better = _mean_share(tests["optimization"]) > _mean_share(tests[name])
    return name == "gradients" and "optimization" in binding and better


def _costs_generalization(case: Case, name: str, test: LimitTest) -> bool:
    """The remedy makes the network fit its data, and do worse on others."""
    held = case.held(name, test.remedy)
    return held is not None and held.mean < -case.margin


def _untried(case: Case, name: str) -> bool:
    """Degradation is what no other optimizer mends: one must have been tried."""
    tried = {row["remedy"] for row in case.trials.screened() if row["limit"] == "optimization"}
    return name == "degradation" and not tried


def _wins_elsewhere(case: Case) -> bool:
    """Some remedy wins the margin beyond the noise, on either split."""
    gains = (gain for key, gain in case.compared.items() if key.kind == "remedy")
    return any(gain.low >= case.margin for gain in gains)


def _recovers_enough(case: Case, name: str, test: LimitTest) -> bool:
    """That depth brings little needs no remedy; data must bring more here than at another depth;
    any other remedy must recover half of the loss, beyond the noise."""
    if name == "compute":
        return True
    if name == "data":
        more = case.doubled_more
        return more is not None and more.mean >= case.margin and more.p_value < STRONG_ALPHA
    return test.share is not None and test.share.low >= HALF


def _may_be_gradients(case: Case, name: str, tests: Mapping[str, LimitTest]) -> bool:
    """Their symptom fires at initialisation, and no remedy was tried or one shows a sign of an
    effect; or the layers could not be looked into, or the network diverges in training."""
    if name not in ("degradation", "optimization"):
        return False
    screen = tests["gradients"]
    tried = any(row["limit"] == "gradients" for row in case.trials.rows)
    sign = not tried or (screen.p_value is not None and screen.p_value < NO_SIGN)
    diverges = any(row["status"] == "diverged" for row in case.trials.asked.values())
    unknown = not was_screened(case.probes, case.depth)
    return unknown or (bool(screen.symptoms) and sign) or (name == "degradation" and diverges)


def _enough_seeds(case: Case, tested: Paired | None) -> bool:
    """Whether what was tested has pairs enough on seeds that chose nothing."""
    pairs = case.fresh_seeds if tested is None else tested.n
    return min(case.fresh_seeds, pairs) >= FEWEST_SEEDS


def _evidence(name: str, tests: Mapping[str, LimitTest]) -> tuple[str, ...]:
    if name in tests:
        return tuple(dict.fromkeys((*tests[name].symptoms, *tests[name].evidence)))
    return tests["compute"].evidence


def _failures(case: Case) -> tuple[str, ...]:
    """Why nothing could be compared."""
    probes = [row for row in case.probes if row["depth"] == case.depth]
    reasons = [*gradient_symptoms(probes)]
    reasons += [r["reason"] for r in case.trials.asked.values() if r["reason"]]
    reasons += [row["note"] for row in case.probes if row["quantity"] == "failed"]
    return tuple(dict.fromkeys(map(str, reasons)))[:3]


def _verdict(
    case: Case,
    name: str,
    confidence: str | None,
    evidence: tuple[str, ...],
    findings: tuple[LimitFinding, ...],
    settle: tuple[str, ...],
) -> LimitsVerdict:
    return LimitsVerdict(
        family=case.family,
        depth=case.depth,
        reference_depth=case.reference,
        task=case.task,
        name=name,
        confidence=confidence,
        evidence=evidence,
        limits=findings,
        remedies=ranked(case),
        settle=settle,
        outlook=outlook(case) if _comparable(case) else (),
        hints=structure_hints(case.probes, case.depth),
    )
