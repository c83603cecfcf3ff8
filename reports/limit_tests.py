"""The six tests, one a limit: has its metric stopped improving, its symptom fired, its remedy won?

Each gives the test's p value before any correction, None where the test could not be made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .case import Case
from .paired import Paired
from .symptoms import divergence, gradient_symptoms
from .trials import FIT, MORE_DATA, mean

HALF = 0.5
"""The share of the loss that a remedy must recover to explain it."""

EARLY_STOPPING = "early stopping"


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
    """Fires at initialisation, or diverges at any learning rate; norm, init, activation or clipping
    win back training accuracy."""
    probes = [row for row in case.probes if row["depth"] == case.depth]
    symptoms = (*gradient_symptoms(probes), *divergence(probes, _diverged_down_to(case)))
    return _with_remedies(case, "gradients", case.fit_stopped, symptoms, "of training accuracy")


def _diverged_down_to(case: Case) -> float | None:
    """The lowest learning rate tried, if the network diverged there and at each higher one: else it
    was only asked for at too high a one."""
    tried = case.trials.window(case.depth)
    lower = [rate for rate in tried if rate < case.trials.learning_rate]
    diverged = all(row["status"] == "diverged" for row in tried.values())
    return min(lower) if lower and diverged else None


def degradation(case: Case) -> Test:
    """The training accuracy is worse than a shallower network's and than that of its own twin."""
    symptoms = []
    worse = case.tuned_fit
    if case.trains_worse and worse is not None:
        symptoms.append(
            f"it trains worse than depth {case.fit_reference}, by {_points(worse)}, each at its "
            "best learning rate"
        )
        for name, gain in _gains(case, "degradation").items():
            if gain.low > 0:
                symptoms.append(
                    f"it trains worse than its twin with {name}, by {_points(gain)} "
                    "(learning rate tuned for each)"
                )
    symptoms = symptoms if len(symptoms) > 1 else []
    of = "of training accuracy"
    return _with_remedies(case, "degradation", case.trains_worse, tuple(symptoms), of)


def optimization(case: Case) -> Test:
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
    return Test(stopped, tuple(symptoms), test.p_value, test.share, test.remedy, test.evidence)


def overfitting(case: Case) -> Test:
    """Trains no worse than a shallower network and generalises worse, at the same epoch."""
    symptoms: tuple[str, ...] = ()
    worse = case.best("held")
    if case.overfits and worse is not None:
        fits = _percent(mean(case.trials.asked, FIT))
        how = "hardly worse than" if case.fits_worse else "as well as"
        symptoms = (
            f"it trains {how} shallower networks ({fits}) "
            f"and does worse on data held out than depth {case.reference}, by {_points(worse)}",
        )
    return _with_remedies(case, "overfitting", case.overfits, symptoms, "on data held out")


def data(case: Case) -> Test:
    """Twice the data would bring something, and more to this depth than to the shallower one."""
    here, more = case.compared.get("data here"), case.compared.get("data more")
    symptoms: tuple[str, ...] = ()
    if here is not None and here.mean >= case.margin and more is not None and more.mean > 0:
        symptoms = (
            f"the last doubling of the data won {_points(here)} here and "
            f"{_points(more)} more than at depth {case.sized_reference}",
        )
    return Test(
        stopped=(case.overfits or not case.fits_worse) and not case.deeper_pays,
        symptoms=symptoms,
        p_value=None if here is None else here.p_value,
        share=None if here is None else case.share("data", here),
        remedy=MORE_DATA if case.more_data else None,
        evidence=_doubled_words(here) if case.more_data else (),
    )


def compute(case: Case) -> Test:
    """A doubling of depth brings less than the margin, beyond the noise."""
    gain = case.last_step
    if gain is None:
        return Test(False, ())
    words = (
        f"{_doubling_words(case.doublings)} of training FLOPs brought {_points(gain)} "
        f"(95% bounds {100 * gain.low:.1f} and {100 * gain.high:.1f}); "
        f"the margin is {100 * case.margin:.2g} a doubling"
    )
    worse = case.fits_worse or case.generalizes_worse
    return Test(
        stopped=case.learns and not case.deeper_pays and not worse,
        symptoms=(words,) if gain.mean < case.least_gain and not worse else (),
        p_value=gain.p_below(case.least_gain),
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


def _with_remedies(
    case: Case, limit: str, stopped: bool, symptoms: tuple[str, ...], of: str
) -> Test:
    """The remedy is that which the seed that chose preferred: the others choose nothing. Early
    stopping is chosen by no seed, so that it makes two."""
    gains = _gains(case, limit)
    tested = {n: g for n, g in gains.items() if n in (case.trials.chosen(limit), EARLY_STOPPING)}
    name = max(tested, key=lambda name: (tested[name].mean, name), default=None)
    if name is None:
        return Test(stopped, symptoms)
    gain = tested[name]
    return Test(
        stopped=stopped,
        symptoms=symptoms,
        p_value=min(1.0, len(tested) * gain.p_value),
        share=case.share(limit, gain),
        remedy=name,
        evidence=(_remedy_words(name, gain, of),),
    )


def _gains(case: Case, limit: str) -> dict[str, Paired]:
    """What each remedy of a limit won on fresh seeds."""
    start = f"{limit}: "
    return {k.removeprefix(start): v for k, v in case.compared.items() if k.startswith(start)}


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


def _generalizes_better(case: Case, remedy: str | None) -> bool:
    """Whether the remedy wins the margin on data held out, and more than the last doubling of depth
    did, if that still paid."""
    won, deeper = case.compared.get(f"optimization held: {remedy}"), case.last_step
    if won is None or won.low <= 0 or won.mean < case.margin:
        return False
    return not case.deeper_pays or (deeper is not None and won.low > deeper.mean)


def _remedy_words(name: str, gain: Paired, of: str) -> str:
    seeds = "1 seed" if gain.n == 1 else f"{gain.n} paired seeds"
    return (
        f"with {name} alone it gains {_points(gain)} {of} "
        f"(one-sided 95% bound {100 * gain.low:.1f}, {_p_words(gain.p_value)}, {seeds})"
    )


def _doubled_words(here: Paired | None) -> tuple[str, ...]:
    return () if here is None else (_remedy_words(MORE_DATA, here, "on data held out"),)


def _p_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _doubling_words(doublings: float) -> str:
    count = f"{doublings:.2g}"
    return "the last doubling" if count == "1" else f"the last {count} doublings"


def _points(gain: Paired) -> str:
    return f"{100 * gain.mean:.1f} points"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f}%"
