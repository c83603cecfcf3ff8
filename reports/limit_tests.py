"""The six tests, one a limit: has its metric stopped improving, its symptom fired, its remedy won?

Each gives the test's p value before any correction, None where the test could not be made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .case import Case
from .data_limit import learning_curve
from .paired import Paired
from .symptoms import gradient_symptoms
from .trials import FIT, HELD_OUT, mean

HALF = 0.5
"""The share of the loss that a remedy must recover to explain it."""


@dataclass(frozen=True)
class Test:
    """What speaks for one limit.

    Attributes:
        stopped: the metric that it governs has stopped improving, or is worse.
        symptoms: sentences; none means that none fired.
        p_value: that its remedy wins nothing, one-sided; None if none was tried on fresh seeds.
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


def gradients(case: Case) -> Test:
    """Fires at initialisation; norm, init, activation or clipping win back training accuracy."""
    probes = [row for row in case.probes if row["depth"] == case.depth]
    return _of_training(case, "gradients", gradient_symptoms(probes))


def degradation(case: Case) -> Test:
    """The training accuracy is worse than a shallower network's and than that of its own twin."""
    symptoms = []
    if case.fits_worse:
        symptoms.append(_worse_fit(case))
        for name, gain in _gains(case, "degradation").items():
            if gain.low > 0:
                symptoms.append(
                    f"it trains worse than its twin with {name}, by {_points(gain)} "
                    "(learning rate tuned for each)"
                )
    symptoms = symptoms if len(symptoms) > 1 else []
    return _of_training(case, "degradation", tuple(symptoms))


def optimization(case: Case) -> Test:
    """The gradients are clean, or no remedy for them works, and another optimizer, learning rate or
    warm-up recovers at least half of what the training lacks."""
    test = _of_training(case, "optimization", ())
    share = _loss_share(case, test.remedy)
    missing = mean(case.trials.asked, FIT)
    stopped = case.fits_worse or (missing is not None and 1 - missing >= case.margin)
    if case.deeper_pays and not _beats_depth(case, test.remedy):
        stopped = False
    symptoms = []
    if share is not None and share >= HALF and test.share is not None and test.share.mean > 0:
        symptoms.append(
            f"{test.remedy} alone takes away {100 * share:.0f}% of the training loss that "
            f"{'the shallower network does not have' if case.fits_worse else 'is left'}"
        )
    return Test(stopped, tuple(symptoms), test.p_value, test.share, test.remedy, test.evidence)


def overfitting(case: Case) -> Test:
    """Trains no worse than a shallower network and generalises worse, at the same epoch."""
    symptoms: tuple[str, ...] = ()
    if case.generalizes_worse and not case.fits_worse:
        worse = case.best("held")
        assert worse is not None
        symptoms = (
            f"it trains as well as shallower networks ({_percent(mean(case.trials.asked, FIT))}) "
            f"and does worse on data held out than depth {case.reference}, by {_points(worse)}",
        )
    name, gain = _best(_gains(case, "overfitting"))
    return Test(
        stopped=case.generalizes_worse and not case.fits_worse,
        symptoms=symptoms,
        p_value=None if gain is None else min(1.0, len(_gains(case, "overfitting")) * gain.p_value),
        share=None if gain is None else case.share("overfitting", gain),
        remedy=name,
        evidence=_remedy_words(name, gain, "on data held out"),
    )


def data(case: Case) -> Test:
    """Twice the data would bring something, and more to this depth than to the shallower one."""
    here, more = case.compared.get("data here"), case.compared.get("data more")
    symptoms: tuple[str, ...] = ()
    if here is not None and here.mean >= case.margin and more is not None and more.mean > 0:
        symptoms = (
            f"the last doubling of the data won {_points(here)} here and "
            f"{_points(more)} more than at depth {case.reference}",
        )
    p = None if here is None or more is None else max(here.p_value, more.p_value)
    return Test(
        stopped=not case.fits_worse and not case.deeper_pays,
        symptoms=symptoms,
        p_value=p,
        share=None if here is None else _data_share(case, here),
        remedy="twice the data",
        evidence=_curve_words(case),
    )


def compute(case: Case) -> Test:
    """A doubling of depth brings less than the margin, beyond the noise."""
    gain = case.compared.get("deeper")
    if gain is None:
        return Test(False, ())
    doublings = _doublings(case)
    p = gain.p_below(case.margin * doublings)
    below = gain.mean < case.margin * doublings
    words = (
        f"the last {doublings:.2g} doublings of training FLOPs brought {_points(gain)} "
        f"(95% bounds {100 * gain.low:.1f} and {100 * gain.high:.1f}); "
        f"the margin is {100 * case.margin:.2g} a doubling"
    )
    return Test(
        stopped=not case.deeper_pays and not case.fits_worse and not case.generalizes_worse,
        symptoms=(words,) if below else (),
        p_value=p,
        evidence=(words,),
    )


TESTS: Mapping[str, Callable[[Case], Test]] = {
    "gradients": gradients,
    "overfitting": overfitting,
    "degradation": degradation,
    "compute": compute,
    "optimization": optimization,
    "data": data,
}


# --- what the tests share ---------------------------------------------------------------------


def _of_training(case: Case, limit: str, symptoms: tuple[str, ...]) -> Test:
    gains = _gains(case, limit)
    name, gain = _best(gains)
    return Test(
        stopped=case.fits_worse,
        symptoms=symptoms,
        p_value=None if gain is None else min(1.0, len(gains) * gain.p_value),
        share=None if gain is None else case.share(limit, gain),
        remedy=name,
        evidence=_remedy_words(name, gain, "of training accuracy"),
    )


def _gains(case: Case, limit: str) -> dict[str, Paired]:
    """What each remedy of a limit won on fresh seeds."""
    start = f"{limit}: "
    return {k.removeprefix(start): v for k, v in case.compared.items() if k.startswith(start)}


def _best(gains: Mapping[str, Paired]) -> tuple[str | None, Paired | None]:
    name = max(gains, key=lambda name: gains[name].mean, default=None)
    return name, None if name is None else gains[name]


def _loss_share(case: Case, remedy: str | None) -> float | None:
    """Of the training loss that is too much, the share that the remedy takes away."""
    if remedy is None:
        return None
    treated = case.trials.confirmed("optimization").get(remedy, {})
    before, after = case.loss(case.trials.asked), case.loss(treated)
    there = case.trials.shallower.get(case.fit_reference or 0, {}) if case.fits_worse else {}
    floor = case.loss(there) if there else 0.0
    if before is None or after is None or floor is None or before <= floor:
        return None
    return (before - after) / (before - floor)


def _beats_depth(case: Case, remedy: str | None) -> bool:
    """Whether the remedy wins more on data held out than the last doubling of depth did."""
    won, deeper = case.compared.get(f"optimization held: {remedy}"), case.compared.get("deeper")
    return won is not None and deeper is not None and won.low > deeper.mean


def _data_share(case: Case, gain: Paired) -> Paired | None:
    """Of what is missing to 100% on data held out."""
    held = mean(case.trials.asked, HELD_OUT)
    lost = case.lost("overfitting") or (None if held is None else 1 - held)
    if lost is None or lost < case.margin:
        return None
    return Paired(gain.mean / lost, gain.error / lost, gain.degrees_of_freedom, gain.n)


def _doublings(case: Case) -> float:
    """Of training FLOPs, from the next shallower depth; of depth where they are unknown."""
    return case.doublings


def _worse_fit(case: Case) -> str:
    worse = case.best("fit")
    assert worse is not None
    return (
        f"its training accuracy ({_percent(mean(case.trials.asked, FIT))}) is below that of depth "
        f"{case.fit_reference} by {_points(worse)}"
    )


def _remedy_words(name: str | None, gain: Paired | None, of: str) -> tuple[str, ...]:
    if name is None or gain is None:
        return ()
    return (
        f"{name} alone wins {_points(gain)} {of} "
        f"(one-sided 95% bound {100 * gain.low:.1f}, p = {gain.p_value:.2g}, "
        f"{gain.n} paired seeds)",
    )


def _curve_words(case: Case) -> tuple[str, ...]:
    curve = learning_curve(case.trials.sized(case.depth))
    if curve is None or curve.exponent is None or curve.next_gain is None:
        return ()
    interval = (
        f" (95% {curve.exponent_low:.2g} to {curve.exponent_high:.2g})"
        if curve.exponent_low is not None and curve.exponent_high is not None
        else ""
    )
    return (
        f"e(n) = a + b n^-c fitted to {len(curve.sizes)} sizes from {curve.sizes[0]} to "
        f"{curve.sizes[-1]}: c = {curve.exponent:.2g}{interval}; twice the largest is predicted to "
        f"win {100 * curve.next_gain:.1f} points",
    )


def _points(gain: Paired) -> str:
    return f"{100 * gain.mean:.1f} points"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f}%"
