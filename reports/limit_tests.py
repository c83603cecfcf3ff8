"""The six tests, one a limit: has its metric stopped improving, its symptom fired, its remedy won?

Each gives the test's p value before Holm's correction, None where the test could not be made.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .case import Case
from .paired import Paired
from .points import bounds, points
from .symptoms import divergence, gradient_symptoms
from .trials import EARLY_STOPPING, FIT, HELD_OUT, MORE_DATA, mean, mean_loss

FAR_BELOW = 0.02
"""Of the learning rate asked for: one down to which a network must diverge for that to say that its
gradients explode."""

HALF = 0.5
"""The share of the loss that a remedy must recover to explain it."""


@dataclass(frozen=True)
class LimitTest:
    """What speaks for one limit.

    Attributes:
        stopped: the metric that it governs has stopped improving, or is worse.
        symptoms: sentences; none means that none fired.
        p_value: that its remedy wins nothing, one-sided; None if none was tried on fresh seeds. For
            compute, whose remedy is to stay, that the last step in depth won the margin.
        share: of the loss that the remedy recovers; None where there is no loss to speak of.
        remedy: that was tested.
        evidence: sentences with the numbers.
    """

    stopped: bool
    symptoms: tuple[str, ...]
    p_value: float | None = None
    share: Paired | None = None
    remedy: str | None = None
    evidence: tuple[str, ...] = ()


def gradients(case: Case) -> LimitTest:
    """Fires at initialisation, or diverges at any learning rate; norm, init, activation or clipping
    win back training accuracy."""
    probes = [row for row in case.probes if row["depth"] == case.depth]
    symptoms = (*gradient_symptoms(probes), *divergence(probes, _diverged_down_to(case)))
    return _with_remedies(case, "gradients", case.fit_stopped, symptoms, "of training accuracy")


def _diverged_down_to(case: Case) -> float | None:
    """The lowest learning rate tried, if it is far below that asked for and every training diverged
    there and at each higher one: else it may only have been asked for at too high a one."""
    tried = case.trials.window(case.depth)
    lowest = min(tried, default=math.inf)
    rows = [*tried.values(), *case.trials.asked.values()]
    far = lowest <= FAR_BELOW * case.trials.learning_rate
    return lowest if far and all(row["status"] == "diverged" for row in rows) else None


def degradation(case: Case) -> LimitTest:
    """The training accuracy is worse than a shallower network's and than that of its own twin."""
    worse = case.tuned_fit
    symptoms: tuple[str, ...] = ()
    twins = {name: gain for name, gain in case.remedies("degradation").items() if gain.low > 0}
    if case.trains_worse and worse is not None and twins:
        rates = "each at the best of its learning rates"
        several = len(case.trials.window(case.fit_reference or 0)) > 1
        symptoms = (
            f"it trains worse than depth {case.fit_reference}, by {points(worse.mean)}, "
            f"{rates if several else 'at the learning rate asked for'}",
            *(
                f"it trains worse than its twin with {name}, by {points(gain.mean)}, {rates}"
                for name, gain in twins.items()
            ),
        )
    of = "of training accuracy"
    return _with_remedies(case, "degradation", case.trains_worse, symptoms, of)


def optimization(case: Case) -> LimitTest:
    """The gradients are clean, or no remedy for them works, and another optimizer, learning rate or
    warm-up recovers at least half of what the training lacks."""
    test = _with_remedies(case, "optimization", case.fits_worse, (), "of training accuracy")
    share = _loss_share(case, test.remedy)
    stopped = case.fits_worse or _generalizes_better(case, test.remedy)
    symptoms = []
    if share is not None and share >= HALF and test.share is not None and test.share.mean > 0:
        symptoms.append(
            f"{test.remedy} alone takes away {100 * share:.0f}% of the training loss"
            f"{' that a shallower network does not have' if case.fits_worse else ''}"
        )
    return replace(test, stopped=stopped, symptoms=tuple(symptoms))


def overfitting(case: Case) -> LimitTest:
    """Trains no worse than a shallower network and generalises worse, at the same epoch."""
    symptoms: tuple[str, ...] = ()
    worse = case.best(HELD_OUT)
    if case.overfits and worse is not None:
        fits = _percent(mean(case.trials.asked, FIT))
        how = "hardly worse than" if case.fits_worse else "as well as"
        symptoms = (
            f"it trains {how} shallower networks ({fits}) "
            f"and does worse on data held out than depth {case.reference}, by {points(worse.mean)}",
        )
    return _with_remedies(case, "overfitting", case.overfits, symptoms, "on data held out")


def data(case: Case) -> LimitTest:
    """Twice the data would bring something, and more to this depth than to the shallower one."""
    here, more = case.doubled, case.doubled_more
    won = here if case.more_data else None
    symptoms: tuple[str, ...] = ()
    if here is not None and here.mean >= case.margin and more is not None and more.mean > 0:
        symptoms = (
            f"the last doubling of the data won {points(here.mean)} here and "
            f"{points(more.mean)} more than at depth {case.sized_reference}",
        )
    return LimitTest(
        stopped=(case.overfits or not case.fits_worse) and not case.deeper_pays,
        symptoms=symptoms,
        p_value=won.p_value if won else None,
        share=case.share("data", won) if won else None,
        remedy=MORE_DATA if won else None,
        evidence=(_remedy_words(MORE_DATA, won, "on data held out"),) if won else (),
    )


def compute(case: Case) -> LimitTest:
    """A doubling of training FLOPs brought less than the margin, beyond the noise."""
    gain = case.last_step
    if gain is None:
        return LimitTest(False, ())
    words = (
        f"{_doubling_words(case.doublings)} of training FLOPs brought {points(gain.mean)} "
        f"({bounds(gain.low, gain.high)}); "
        f"the margin is {100 * case.margin:.2g} a doubling"
    )
    worse = case.fits_worse or case.generalizes_worse
    return LimitTest(
        stopped=case.learns and not case.deeper_pays and not worse,
        symptoms=(words,) if gain.mean < case.least_gain and not worse else (),
        p_value=gain.p_below(case.least_gain),
        evidence=(words,),
    )


TESTS: Mapping[str, Callable[[Case], LimitTest]] = {
    "gradients": gradients,
    "overfitting": overfitting,
    "degradation": degradation,
    "compute": compute,
    "optimization": optimization,
    "data": data,
}


# --- what the tests share ---------------------------------------------------------------------


def _with_remedies(
    case: Case, limit: str, stopped: bool, symptoms: tuple[str, ...], of: str
) -> LimitTest:
    """The remedy is that which the seed that chose preferred: the others choose nothing. Early
    stopping is chosen by no seed, so that it makes two."""
    gains = case.remedies(limit)
    tested = {n: g for n, g in gains.items() if n in (case.trials.chosen(limit), EARLY_STOPPING)}
    name = max(tested, key=lambda name: (tested[name].mean, name), default=None)
    if name is None:
        return LimitTest(stopped, symptoms)
    gain = tested[name]
    return LimitTest(
        stopped=stopped,
        symptoms=symptoms,
        p_value=min(1.0, len(tested) * gain.p_value),
        share=case.share(limit, gain),
        remedy=name,
        evidence=(_remedy_words(name, gain, of),),
    )


def _loss_share(case: Case, remedy: str | None) -> float | None:
    """Of the training loss that is too much, the share that the remedy takes away."""
    if remedy is None:
        return None
    treated = case.trials.confirmed("optimization").get(remedy, {})
    before, after = mean_loss(case.trials.asked), mean_loss(treated)
    there = case.trials.shallower.get(case.fit_reference or 0, {}) if case.fits_worse else {}
    floor = mean_loss(there) if there else 0.0
    if before is None or after is None or floor is None or before <= floor:
        return None
    return (before - after) / (before - floor)


def _generalizes_better(case: Case, remedy: str | None) -> bool:
    """Whether the remedy wins the margin on data held out, and more than the last doubling of depth
    did, if that still paid."""
    won, deeper = case.held("optimization", remedy), case.last_step
    if won is None or won.low <= 0 or won.mean < case.margin:
        return False
    return not case.deeper_pays or (deeper is not None and won.low > deeper.mean)


def _remedy_words(name: str, gain: Paired, of: str) -> str:
    seeds = "1 seed" if gain.n == 1 else f"{gain.n} paired seeds"
    return (
        f"with {name} alone it gains {points(gain.mean)} {of} "
        f"(one-sided 95% bound {100 * gain.low:.1f}, {_p_words(gain.p_value)}, {seeds})"
    )


def _p_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _doubling_words(doublings: float) -> str:
    count = f"{doublings:.2g}"
    return "the last doubling" if count == "1" else f"the last {count} doublings"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f}%"
