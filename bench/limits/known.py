"""What the trials so far say of which to make next."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import stdev

from ..records import RunRecord
from .evidence import Planned, Trial

# A remedy that wins less accuracy than this on the seed that chooses is not tried on others.
LEAST_GAIN = 0.01

# Standard deviation of training accuracies over seeds above which some trainings fail.
UNSTABLE = 0.1

Score = Callable[[RunRecord], float]
"""From a run to an accuracy, a fraction."""


class Known:
    """The trials of one experiment.

    Attributes:
        trials: in the order in which they were asked for; more are added as they end.
    """

    def __init__(self, depth: int, shallower: Sequence[int]) -> None:
        self.trials: list[Trial] = []
        self._depth = depth
        self._shallower = shallower

    def of(self, *roles: str) -> list[Trial]:
        """Those with one of the roles."""
        return [trial for trial in self.trials if trial.plan.role in roles]

    def best_shallower(self, score: Score) -> int | None:
        """The shallower depth with the best mean accuracy."""
        means = {depth: self._mean(depth, score) for depth in self._shallower}
        return max(means, key=lambda depth: (means[depth], -depth), default=None)

    def best_rate(self, depth: int, least: float = LEAST_GAIN) -> Planned | None:
        """A depth at the best of its learning rates, if it trains so much better there."""
        tried = [trial for trial in self.of("window") if trial.run.depth == depth]
        return self._better(tried, depth, fit, least)

    def best_remedy(self, limit: str, score: Score) -> Planned | None:
        """Of a limit's remedies the best on the seed that chooses, if it wins enough there."""
        tried = [trial for trial in self.of("screening") if trial.plan.limit == limit]
        return self._better(tried, self._depth, score, LEAST_GAIN)

    def is_unstable(self, depth: int) -> bool:
        """Whether the network, as asked or with what was confirmed, trains at some seeds only."""
        groups: dict[tuple[str, str | None], list[float]] = {}
        for trial in self.of("asked", "confirmation"):
            if trial.run.depth == depth:
                about = trial.plan.role, trial.plan.remedy
                groups.setdefault(about, []).append(fit(trial.run))
        return any(len(each) > 1 and stdev(each) > UNSTABLE for each in groups.values())

    def _better(
        self, tried: Iterable[Trial], depth: int, score: Score, least: float
    ) -> Planned | None:
        """The best of those tried; None if it is better than that depth as asked by less. Of equals
        the one with the lower training loss."""
        best = max(tried, key=lambda trial: (score(trial.run), -_loss(trial.run)), default=None)
        if best is None or score(best.run) < self._mean(depth, score) + least:
            return None
        return best.plan

    def _mean(self, depth: int, score: Score) -> float:
        """Of all seeds as asked: that of the seed that chooses may be luck."""
        runs = [t.run for t in self.of("asked", "shallower") if t.run.depth == depth]
        return sum(map(score, runs)) / len(runs)


def fit(run: RunRecord) -> float:
    """Accuracy on the training data; 0 for a run without one."""
    return run.train_accuracy or 0.0


def held_out(run: RunRecord) -> float:
    """Accuracy on the validation split, on the test split where a task has no other; 0 for a run
    without one."""
    known = (run.validation_accuracy, run.test_accuracy)
    return next((accuracy for accuracy in known if accuracy is not None), 0.0)


def _loss(run: RunRecord) -> float:
    return math.inf if run.train_loss is None else run.train_loss
