"""What the trials so far say of which to make next."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, stdev

from ..records import RunRecord
from .evidence import Planned, Trial

# A remedy that wins less accuracy than this on the seed that chooses is not tried on others.
LEAST_GAIN = 0.01

# Standard deviation of training accuracies over seeds above which a few seeds resolve nothing.
UNSTABLE = 0.05

Score = Callable[[RunRecord], float | None]
"""From a run to an accuracy, a fraction; None where it is not known."""


class Known:
    """The trials of one experiment.

    Args:
        shallower: depths beside `depth`, that of the network as asked.
        chance: the accuracy of a training that diverged.

    Attributes:
        trials: in the order in which they were asked for; more are added as they end.
    """

    def __init__(self, depth: int, shallower: Sequence[int], *, chance: float) -> None:
        self.trials: list[Trial] = []
        self._depth = depth
        self._shallower = shallower
        self._chance = chance

    def of(self, *roles: str) -> list[Trial]:
        """Those with one of the roles."""
        return [trial for trial in self.trials if trial.plan.role in roles]

    def best_shallower(self, score: Score) -> int | None:
        """The shallower depth with the best mean accuracy; of equals the shallowest."""
        means = {depth: self._mean(depth, score) for depth in self._shallower}
        known = {depth: mean for depth, mean in means.items() if mean is not None}
        return max(known, key=lambda depth: (known[depth], -depth), default=None)

    def best_rate(self, depth: int, least: float = LEAST_GAIN) -> Planned | None:
        """A depth at the best of its learning rates, if it trains so much better there."""
        tried = [trial for trial in self.of("window") if trial.run.depth == depth]
        return self._better(tried, depth, fit, least)

    def best_remedy(self, limit: str, score: Score) -> Planned | None:
        """Of a limit's remedies the best on the seed that chooses, if it wins enough there."""
        tried = [trial for trial in self.of("screening") if trial.plan.limit == limit]
        return self._better(tried, self._depth, score, LEAST_GAIN)

    def diverges(self, depth: int) -> bool:
        """Whether each training without a remedy did, at each learning rate tried."""
        runs = [t.run for t in self.of("asked", "window") if t.run.depth == depth]
        return all(run.status == "diverged" for run in runs)

    def is_unstable(self, depth: int) -> bool:
        """Whether the network, as asked or with what was confirmed, trains much better at some
        seeds than at others."""
        groups: dict[tuple[str, str | None], list[float]] = {}
        for trial in self.of("asked", "confirmation"):
            accuracy = self._scored(trial.run, fit)
            if trial.run.depth == depth and accuracy is not None:
                about = trial.plan.role, trial.plan.remedy
                groups.setdefault(about, []).append(accuracy)
        return any(len(each) > 1 and stdev(each) > UNSTABLE for each in groups.values())

    def _better(
        self, tried: Iterable[Trial], depth: int, score: Score, least: float
    ) -> Planned | None:
        """The best of those tried; None if it is better than that depth as asked by less. Of equals
        the one with the lower training loss."""
        scored = [(self._scored(trial.run, score), trial) for trial in tried]
        known = [(value, -_loss(trial.run), trial) for value, trial in scored if value is not None]
        asked = self._mean(depth, score)
        value, _, best = max(known, key=lambda each: each[:2], default=(0.0, 0.0, None))
        return best.plan if best and asked is not None and value >= asked + least else None

    def _mean(self, depth: int, score: Score) -> float | None:
        """Of all seeds as asked that have an accuracy: one that chooses may be lucky."""
        runs = [t.run for t in self.of("asked", "shallower") if t.run.depth == depth]
        known = [value for run in runs if (value := self._scored(run, score)) is not None]
        return fmean(known) if known else None

    def _scored(self, run: RunRecord, score: Score) -> float | None:
        return self._chance if run.status == "diverged" else score(run)


def fit(run: RunRecord) -> float | None:
    """Accuracy on the training data."""
    return run.train_accuracy


def held_out(run: RunRecord) -> float | None:
    """Accuracy on the validation split, on the test split where a task has no other."""
    return run.test_accuracy if run.validation_accuracy is None else run.validation_accuracy


def _loss(run: RunRecord) -> float:
    return math.inf if run.train_loss is None else run.train_loss
