"""Rules that say which depths may be the best: ours, and those of others."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from reports.best_depth import stand
from reports.estimates import Observations, estimate_depths

Rule = Callable[[Sequence[Observations]], set[int]]
"""From what was observed to the indices of depths."""

RESAMPLES = 500


def ours(observed: Sequence[Observations]) -> set[int]:
    """The confidence set of the reports."""
    estimates = estimate_depths(observed)
    members = stand(estimates).members
    return {i for i, each in enumerate(estimates) if each.depth in members}


def argmax(observed: Sequence[Observations]) -> set[int]:
    """The best mean alone."""
    return {int(_means(observed).argmax())}


def one_standard_error(observed: Sequence[Observations]) -> set[int]:
    """What is within one standard error of the best mean (Breiman et al. 1984)."""
    means, errors = _means(observed), _errors(observed)
    best = int(means.argmax())
    return {i for i, mean in enumerate(means) if mean >= means[best] - errors[best]}


def uncorrected_z(observed: Sequence[Observations]) -> set[int]:
    """What is less than 1.96 standard errors of the difference behind the best mean."""
    means, errors = _means(observed), _errors(observed)
    best = int(means.argmax())
    behind = (means[best] - means) / np.hypot(errors, errors[best])
    return {i for i, each in enumerate(behind) if i == best or each < 1.96}


def model_confidence_set(observed: Sequence[Observations]) -> set[int]:
    """Hansen, Lunde & Nason 2011, with the statistic T_max, seeds resampled."""
    accuracies = np.array([each.accuracies for each in observed])
    generator = np.random.default_rng(0)
    picks = generator.integers(0, accuracies.shape[1], (RESAMPLES, *accuracies.shape))
    resampled = np.take_along_axis(accuracies[None], picks, axis=2).mean(axis=2)
    alive = list(range(len(accuracies)))
    while len(alive) > 1:
        means = accuracies[alive].mean(axis=1)
        apart = means - means.mean()
        drawn = resampled[:, alive] - resampled[:, alive].mean(axis=1, keepdims=True) - apart
        errors = np.sqrt((drawn**2).mean(axis=0)) + 1e-12
        worst = (-apart / errors).max()
        if ((-drawn / errors).max(axis=1) >= worst).mean() >= 0.05:
            break
        alive.pop(int((-apart / errors).argmax()))
    return set(alive)


def _means(observed: Sequence[Observations]) -> np.ndarray:
    return np.array([np.mean(each.accuracies) for each in observed])


def _errors(observed: Sequence[Observations]) -> np.ndarray:
    """Of the means: between seeds, and at least that of the evaluations."""
    between = [np.var(each.accuracies, ddof=1) for each in observed]
    examples = np.array([each.n_examples or 1 for each in observed])
    within = _means(observed) * (1 - _means(observed)) / examples
    return np.sqrt(np.maximum(between, within) / len(observed[0].accuracies))


RULES: Mapping[str, Rule] = {
    "ours": ours,
    "argmax": argmax,
    "one standard error": one_standard_error,
    "uncorrected z": uncorrected_z,
    "model confidence set": model_confidence_set,
}
