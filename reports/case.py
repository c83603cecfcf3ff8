"""The evidence on one network, compared: what is worse than what, and what there is to recover."""

import itertools
import math
from collections.abc import Sequence

from . import data_limit
from .paired import Paired
from .tables import Row
from .trials import (
    EARLY_STOPPING,
    FIT,
    HELD_OUT,
    OF_TRAINING,
    UNKNOWN_EXAMPLES,
    BySeed,
    Compared,
    Comparisons,
    Trials,
    chance,
    differences,
    mean,
    median,
    metric_of,
    score,
)

ALPHA = 0.05

TUNED = Compared("tuned", FIT)
MORE = Compared("more", HELD_OUT)

ABOVE_CHANCE = 0.05
"""Training accuracy above that of guessing from which a network has learnt something."""

FAR_WORSE = 2.0
"""A network that trains a little worse than a shallower one, and generalises worse by this multiple
of it, is not held back by its training."""


class Case:
    """The evidence on one subject, compared.

    Attributes:
        margin: the least accuracy (a fraction) that counts as better or worse.
        reference, fit_reference: the best shallower depth on data held out, and on training data.
        compared: paired differences by what is compared.
    """

    def __init__(self, rows: Sequence[Row], margin: float) -> None:
        self.family, self.task = str(rows[0]["family"]), str(rows[0]["task"])
        self.depth = int(rows[0]["asked_depth"])
        self.margin = margin
        self.trials = Trials(tuple(row for row in rows if row["kind"] == "trial"))
        self.probes = [row for row in rows if row["kind"] == "probe"]
        self.reference = self.trials.best_shallower(HELD_OUT) if self.trials.rows else None
        self.fit_reference = self.trials.best_shallower(FIT) if self.trials.rows else None
        self.compared = self._compare().results() if self.trials.rows else {}

    # --- comparisons --------------------------------------------------------------------------

    def _compare(self) -> Comparisons:
        trials, found = self.trials, Comparisons()
        for depth, by_seed in trials.shallower.items():
            for what in (FIT, HELD_OUT):
                found.add(Compared("shallower", what, depth), by_seed, [trials.asked])
        if self.fit_reference is not None:
            here, there = trials.baselines("degradation"), trials.reference(self.fit_reference)
            if (there, *here) != (trials.shallower[self.fit_reference], trials.asked):
                found.add(TUNED, there, here)
        for shallow, deep in self.steps:
            key = Compared("step", HELD_OUT, shallow)
            found.add(key, self._at(deep), [self._at(shallow)])
        for limit in (*OF_TRAINING, "overfitting"):
            for name, by_seed in trials.confirmed(limit).items():
                key = Compared("remedy", metric_of(limit), limit=limit, remedy=name)
                found.add(key, by_seed, trials.baselines(limit))
        for limit in OF_TRAINING:
            for name, by_seed in trials.confirmed(limit).items():
                key = Compared("remedy", HELD_OUT, limit=limit, remedy=name)
                found.add(key, by_seed, [trials.asked])
        self._compare_stops(found)
        self._compare_sizes(found)
        return found

    @property
    def steps(self) -> list[tuple[int, int]]:
        """From each depth to the next, the shallowest first."""
        return list(itertools.pairwise([*self.trials.shallower, self.depth]))

    @property
    def last_step(self) -> Paired | None:
        """What the step to this depth won on data held out."""
        return self.step(self.steps[-1][0]) if self.steps else None

    def step(self, shallow: int) -> Paired | None:
        """What the step from that depth to the next won on data held out."""
        return self.compared.get(Compared("step", HELD_OUT, shallow))

    def remedies(self, limit: str) -> dict[str, Paired]:
        """What each remedy won on fresh seeds, of the accuracy that the limit governs."""
        what = metric_of(limit)
        about = {
            k: gain for k, gain in self.compared.items() if (k.kind, k.what) == ("remedy", what)
        }
        return {key.remedy: gain for key, gain in about.items() if key.limit == limit}

    def held(self, limit: str, remedy: str | None) -> Paired | None:
        """What a remedy won on data held out."""
        return self.compared.get(Compared("remedy", HELD_OUT, limit=limit, remedy=remedy or ""))

    def _at(self, depth: int) -> BySeed:
        return self.trials.asked if depth == self.depth else self.trials.shallower[depth]

    def _compare_stops(self, found: Comparisons) -> None:
        gains = {
            int(row["seed"] or 0): float(row["value"])
            for row in self.probes
            if row["quantity"] == "early_stopping_gain"
            and row["depth"] == self.depth
            and row["value"] is not None
        }
        rows = self.trials.asked.values()
        examples = next((r["n_validation"] for r in rows if r.get("n_validation")), None)
        if gains and rows:
            # Binomial, of two accuracies on half of the examples, at 85%.
            floor = 1 / (2 * (examples or UNKNOWN_EXAMPLES))
            key = Compared("remedy", HELD_OUT, limit="overfitting", remedy=EARLY_STOPPING)
            found.put(key, gains, floor)

    def _compare_sizes(self, found: Comparisons) -> None:
        """What the last doubling of the data brought, at this depth and at the reference."""
        here, there = (
            Compared("doubling", HELD_OUT, d) for d in (self.depth, self.sized_reference)
        )
        for key in (here, there):
            pair = data_limit.last_doubling(self.trials.sized(key.depth))
            if pair:
                found.add(key, pair[1], [pair[0]])
        found.difference(MORE, here, there)

    @property
    def doubled(self) -> Paired | None:
        """What the last doubling of the data won."""
        return self.compared.get(Compared("doubling", HELD_OUT, self.depth))

    @property
    def doubled_more(self) -> Paired | None:
        """The same, less what it won at the shallower depth."""
        return self.compared.get(MORE)

    @property
    def sized_reference(self) -> int:
        """The shallower depth that was trained on other sizes with fresh seeds; 0 without one."""
        rows = [r for r in self.trials.rows if r["role"] == "data" and int(r["seed"]) > 0]
        return max((int(r["depth"]) for r in rows if r["depth"] < self.depth), default=0)

    def best(self, what: str) -> Paired | None:
        """The shallower depth that is best, against the network as asked."""
        depth = self.fit_reference if what == FIT else self.reference
        return self.compared.get(Compared("shallower", what, depth or 0))

    def _is_worse(self, found: Paired | None) -> bool:
        """Worse than a shallower one, by more than the margin and beyond the noise; corrected for
        choosing the best of several."""
        rungs = max(1, len(self.trials.shallower))
        return found is not None and found.mean >= self.margin and found.p_value * rungs < ALPHA

    @property
    def fits_worse(self) -> bool:
        """Some shallower depth has a better training accuracy."""
        return self._is_worse(self.best(FIT))

    @property
    def tuned_fit(self) -> Paired | None:
        """The best shallower depth against the network as asked, on training data, each at the best
        of its learning rates."""
        return self.compared.get(TUNED, self.best(FIT))

    @property
    def trains_worse(self) -> bool:
        """Some shallower depth has a better training accuracy, each at the best of its rates."""
        return self._is_worse(self.tuned_fit)

    @property
    def generalizes_worse(self) -> bool:
        """Some shallower depth does better on data held out."""
        return self._is_worse(self.best(HELD_OUT))

    @property
    def overfits(self) -> bool:
        """Generalises worse than a shallower depth for another reason than that it trains worse."""
        fit, held = self.best(FIT), self.best(HELD_OUT)
        if held is None or fit is None or not self.generalizes_worse:
            return False
        return not self.fits_worse or held.mean >= FAR_WORSE * fit.mean

    @property
    def learns(self) -> bool:
        """Some depth that was tried has learnt something."""
        rows = [self.trials.asked, *self.trials.shallower.values()]
        best = max((value for each in rows if (value := mean(each, FIT)) is not None), default=0.0)
        return best > max(map(chance, self.trials.rows), default=1.0) + ABOVE_CHANCE

    @property
    def fresh_seeds(self) -> int:
        """Those beside the one that chose, 0, with which the network as asked has an accuracy."""
        return sum(seed > 0 and score(r, FIT) is not None for seed, r in self.trials.asked.items())

    @property
    def least_gain(self) -> float:
        """What the last step in depth had to win to be worth its training FLOPs."""
        return self.margin * self.doublings

    @property
    def deeper_pays(self) -> bool:
        """The last step in depth won the margin for each doubling, beyond the noise, and no
        shallower depth is better."""
        found = self.last_step
        if found is None or self.fits_worse or self.generalizes_worse:
            return False
        return found.mean >= self.least_gain and found.low > 0

    @property
    def fit_stopped(self) -> bool:
        """Training accuracy is worse than at a shallower depth, or far from 100% and no better than
        at the next one."""
        if self.fits_worse or not self.trials.shallower:
            return self.fits_worse
        half = self.compared.get(Compared("shallower", FIT, max(self.trials.shallower)))
        missing = 1 - (mean(self.trials.asked, FIT) or 0.0)
        improves = half is not None and half.high < 0 and -half.mean >= self.margin
        return missing >= ABOVE_CHANCE and not improves

    @property
    def more_data(self) -> bool:
        """More data than there is was made and trained on; else parts of it are compared."""
        whole = max(
            (int(r["n_train"]) for r in self.trials.asked.values() if r["n_train"]), default=0
        )
        return max(self.trials.sized(self.depth), default=0) > whole

    @property
    def doublings(self) -> float:
        """Of training FLOPs, from the next shallower depth to this; of depth if they are unknown.
        At least one hundredth, so that a gain per doubling stays a number."""
        return self.doublings_of(*self.steps[-1]) if self.steps else 1.0

    def doublings_of(self, shallow: int, deep: int) -> float:
        """The same for any step."""
        costs = [median(self._at(depth), "train_flops") for depth in (deep, shallow)]
        sizes = costs if all(costs) else [float(deep), float(shallow)]
        return max(0.01, math.log2((sizes[0] or 1.0) / (sizes[1] or 1.0)))

    # --- the loss to recover ------------------------------------------------------------------

    def lost(self, limit: str) -> float | None:
        """Accuracy that there is to recover: against the best shallower depth where that is better,
        else, for gradients, optimization and data, all that is missing to 100%."""
        if limit == "degradation":
            worse = self.tuned_fit
            return worse.mean if worse is not None and self.trains_worse else None
        what = metric_of(limit)
        if self.fits_worse if what == FIT else self.generalizes_worse:
            depth = self.fit_reference if what == FIT else self.reference
            better = self.trials.shallower[depth or 0]
            known = differences(better, self.trials.baselines(limit), what).values()
            return math.fsum(known) / len(known) if known else None
        if limit not in ("gradients", "optimization", "data"):
            return None
        asked = mean(self.trials.asked, what)
        return None if asked is None else 1 - asked

    def share(self, limit: str, gain: Paired) -> Paired | None:
        """Of the loss, what the gain recovers; None where less than the margin is lost. Its bounds
        are those of the gain: that the loss is uncertain too is left out."""
        lost = self.lost(limit)
        if lost is None or lost <= 0 or lost < self.margin:
            return None
        return gain.over(lost)
