"""The evidence on one network, compared: what is worse than what, and what there is to recover."""

import math
from collections.abc import Sequence

from . import data_limit
from .paired import Paired
from .tables import Row
from .trials import FIT, HELD_OUT, BySeed, Comparisons, Trials, capped_loss, mean

ALPHA = 0.05

MARGIN = 0.01
"""The least accuracy that a user cares for, and the default of `--margin`."""

OF_TRAINING = ("gradients", "degradation", "optimization")
"""Limits that keep a network from fitting its training data; the others, from generalising."""


class Case:
    """The evidence on one subject, compared.

    Attributes:
        margin: the least accuracy (a fraction) that counts as better or worse.
        reference, fit_reference: the best shallower depth on data held out, and on training data.
        compared: paired differences by name, see `_compare`.
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
            found.add(f"fit {depth}", by_seed, trials.asked, FIT)
            found.add(f"held {depth}", by_seed, trials.asked, HELD_OUT)
        if trials.shallower:
            half = max(trials.shallower)
            found.add("deeper", trials.asked, trials.shallower[half], HELD_OUT)
        for limit in ("gradients", "degradation"):
            for name, by_seed in trials.confirmed(limit).items():
                found.add(f"{limit}: {name}", by_seed, [trials.asked, trials.tuned], FIT)
        for name, by_seed in trials.confirmed("optimization").items():
            found.add(f"optimization: {name}", by_seed, trials.asked, FIT)
            found.add(f"optimization held: {name}", by_seed, trials.asked, HELD_OUT)
        for name, by_seed in trials.confirmed("overfitting").items():
            found.add(f"overfitting: {name}", by_seed, trials.asked, HELD_OUT)
        self._compare_stops(found)
        self._compare_sizes(found)
        return found

    def _compare_stops(self, found: Comparisons) -> None:
        gains = {
            row["seed"]: row["value"]
            for row in self.probes
            if row["quantity"] == "early_stopping_gain" and row["depth"] == self.depth
        }
        known = [gain for gain in gains.values() if gain is not None]
        examples = [row.get("n_validation") or 1_000 for row in self.trials.asked.values()]
        if known and examples:
            found.put("overfitting: early stopping", known, 1 / (2 * examples[0]))

    def _compare_sizes(self, found: Comparisons) -> None:
        """What the last doubling of the data brought, at this depth and at the reference."""
        for name, depth in (("here", self.depth), ("there", self.reference)):
            pair = None if depth is None else data_limit.last_doubling(self.trials.sized(depth))
            if pair:
                found.add(f"data {name}", pair[1], pair[0], HELD_OUT)
        if {"data here", "data there"} <= found.names:
            found.difference("data more", "data here", "data there")

    def best(self, kind: str) -> Paired | None:
        """The shallower depth that is best, against the network as asked."""
        depth = self.fit_reference if kind == "fit" else self.reference
        return None if depth is None else self.compared.get(f"{kind} {depth}")

    def _is_worse(self, kind: str) -> bool:
        """Worse than a shallower one, by more than the margin and beyond the noise; corrected for
        choosing the best of several."""
        found = self.best(kind)
        rungs = max(1, len(self.trials.shallower))
        return found is not None and found.mean >= self.margin and found.p_value * rungs < ALPHA

    @property
    def fits_worse(self) -> bool:
        return self._is_worse("fit")

    @property
    def generalizes_worse(self) -> bool:
        return self._is_worse("held")

    @property
    def deeper_pays(self) -> bool:
        """The last doubling of depth won at least the margin, beyond the noise."""
        found = self.compared.get("deeper")
        return found is not None and found.mean >= self.margin and found.low > 0

    @property
    def doublings(self) -> float:
        """Of training FLOPs, from the next shallower depth to this; of depth if they are unknown.
        At least one hundredth, so that a gain per doubling stays a number."""
        if not self.trials.shallower:
            return 1.0
        half = max(self.trials.shallower)
        costs = [_flops(each) for each in (self.trials.asked, self.trials.shallower[half])]
        sizes = costs if all(costs) else [float(self.depth), float(half)]
        return max(0.01, math.log2((sizes[0] or 1.0) / (sizes[1] or 1.0)))

    def loss(self, by_seed: BySeed) -> float | None:
        """The mean training loss, at most that of chance."""
        known = [loss for row in by_seed.values() if (loss := capped_loss(row)) is not None]
        return sum(known) / len(known) if known else None

    # --- the loss to recover ------------------------------------------------------------------

    def asked(self, what: str) -> float | None:
        """The network as asked, at the better learning rate where one was found."""
        known = [mean(each, what) for each in (self.trials.asked, self.trials.tuned) if each]
        return max((value for value in known if value is not None), default=None)

    def lost(self, limit: str) -> float | None:
        """Accuracy that there is to recover: against the best shallower depth where that is better,
        else all that is missing (of the fit)."""
        fit = limit in OF_TRAINING
        found = self.best("fit" if fit else "held")
        worse = self.fits_worse if fit else self.generalizes_worse
        if limit in ("gradients", "degradation") and found is not None and worse:
            reference = mean(self.trials.shallower[self.fit_reference or 0], FIT)
            asked = self.asked(FIT)
            return None if reference is None or asked is None else reference - asked
        if found is not None and worse:
            return found.mean
        if limit == "optimization":
            asked = mean(self.trials.asked, FIT)
            return None if asked is None else 1 - asked
        return None

    def share(self, limit: str, gain: Paired) -> Paired | None:
        lost = self.lost(limit)
        if lost is None or lost < self.margin:
            return None
        return Paired(gain.mean / lost, gain.error / lost, gain.degrees_of_freedom, gain.n)


def _flops(by_seed: BySeed) -> float | None:
    known = [row["train_flops"] for row in by_seed.values() if row.get("train_flops")]
    return max(known, default=None)
