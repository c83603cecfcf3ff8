"""The trainings of a limits experiment as paired comparisons over seeds.

Two scores of a training count: how well it fits its training data (in eval mode, without
augmentation) and how well it does on data held out, both accuracies as fractions. A training that
diverged does as well as chance; one that ended otherwise says nothing.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from .paired import Paired, paired
from .tables import Row

FIT, HELD_OUT = "fit", "held_out"
TUNED = "tuned learning rate"
MORE_DATA = "twice the data"

OF_TRAINING = ("gradients", "degradation", "optimization")
"""Limits that keep a network from fitting its training data; the others, from generalising."""

UNKNOWN_EXAMPLES = 1_000
"""Taken to be behind an accuracy of which that is not known."""

EARLY_STOPPING = "early stopping"

BySeed = Mapping[int, Row]


def metric_of(limit: str) -> str:
    """The accuracy that a limit governs."""
    return FIT if limit in OF_TRAINING else HELD_OUT


def score(row: Row, what: str) -> float | None:
    """An accuracy of a trial, a fraction; None where there is none."""
    if row["status"] == "diverged":
        return chance(row)
    if what == FIT:
        return row.get("train_accuracy")
    known = (row.get("validation_accuracy"), row.get("test_accuracy"))
    return next((value for value in known if value is not None), None)


def chance(row: Row) -> float:
    """The accuracy of always naming the most frequent class; that of guessing if it is unknown."""
    return float(row.get("chance") or 1 / float(row["classes"]))


def capped_loss(row: Row) -> float | None:
    """The training loss, at most that of a network that knows nothing: ln(classes)."""
    chance = math.log(row["classes"])
    if row["status"] == "diverged":
        return chance
    loss = row.get("train_loss")
    return None if loss is None else min(loss, chance)


@dataclass(frozen=True)
class Trials:
    """The trials of one subject.

    Attributes:
        rows: as the study holds them.
    """

    rows: tuple[Row, ...]

    @cached_property
    def depth(self) -> int | None:
        """The depth asked about; None without trials."""
        return next((int(row["asked_depth"]) for row in self.rows), None)

    @cached_property
    def learning_rate(self) -> float:
        """That asked for."""
        return next(float(row["learning_rate"]) for row in self.asked.values())

    @cached_property
    def asked(self) -> BySeed:
        """The network as asked, by seed."""
        return self._by_seed(role="asked")

    @cached_property
    def shallower(self) -> dict[int, BySeed]:
        """Each shallower depth by seed, the shallowest first."""
        rows = [row for row in self.rows if row["role"] == "shallower"]
        depths = sorted({int(row["depth"]) for row in rows})
        return {depth: self._by_seed(role="shallower", depth=depth) for depth in depths}

    @cached_property
    def tuned(self) -> BySeed:
        """The network at the better learning rate that was found, if any, by seed."""
        return self._by_seed(role="confirmation", remedy=TUNED)

    def reference(self, depth: int) -> BySeed:
        """A shallower depth by seed, each at the better of the asked learning rate and its own."""
        own = self._with_choosing_seed(self._by_seed(role="reference", depth=depth), depth)
        asked = self.shallower.get(depth, {})
        return {seed: max(row, own.get(seed, row), key=_fit) for seed, row in asked.items()}

    def confirmed(self, limit: str) -> dict[str, BySeed]:
        """The remedies of a limit that were trained with fresh seeds, by name and seed."""
        rows = [r for r in self.rows if r["role"] == "confirmation" and r["limit"] == limit]
        names = sorted({str(row["remedy"]) for row in rows})
        return {
            name: self._by_seed(role="confirmation", limit=limit, remedy=name) for name in names
        }

    def chosen(self, limit: str) -> str | None:
        """Of the remedies that were trained with fresh seeds, the best on the seed that chose."""
        what = metric_of(limit)

        def first(name: str) -> float:
            if name == TUNED:
                rows = [row for seed, row in self._tuned.items() if seed == 0]
            else:
                rows = [r for r in self.screened() if (r["limit"], r["remedy"]) == (limit, name)]
            return max((value for r in rows if (value := score(r, what)) is not None), default=-1.0)

        return max(self.confirmed(limit), key=lambda name: (first(name), name), default=None)

    def baselines(self, limit: str) -> list[BySeed]:
        """What remedies of a limit are compared with: the network as asked, and for those whose
        learning rate was chosen too, also at the better learning rate."""
        tuned = self._tuned if limit in ("gradients", "degradation") else {}
        return [each for each in (self.asked, tuned) if each]

    def screened(self) -> list[Row]:
        """The trials of the seed that chose."""
        return [row for row in self.rows if row["role"] == "screening"]

    def window(self, depth: int) -> dict[float, Row]:
        """The seed that chose at each learning rate tried, at a depth."""
        roles = ("asked", "shallower", "window")
        rows = [r for r in self.rows if r["role"] in roles and r["depth"] == depth]
        return {r["learning_rate"]: r for r in rows if r["seed"] == 0}

    def sized(self, depth: int) -> dict[int, BySeed]:
        """The trainings on parts and multiples of the data at a depth, by size and seed, those on
        all of it included."""
        rows = [r for r in self.rows if r["role"] == "data" and r["depth"] == depth]
        sizes = {int(r["n_train"]) for r in rows if r.get("n_train")}
        found = {n: self._by_seed(role="data", depth=depth, n_train=n) for n in sorted(sizes)}
        whole = self.asked if depth == self.depth else self.shallower.get(depth, {})
        found |= {int(row["n_train"]): whole for row in whole.values() if row.get("n_train")}
        return dict(sorted(found.items()))

    @cached_property
    def _tuned(self) -> BySeed:
        return self._with_choosing_seed(self.tuned, self.depth)

    def _with_choosing_seed(self, fresh: BySeed, depth: int | None) -> BySeed:
        """A depth at the learning rate of `fresh`, also on the seed that chose it."""
        rates = {row["learning_rate"] for row in fresh.values()}
        chose = [row for row in self.rows if row["role"] == "window" and row["depth"] == depth]
        return {int(r["seed"]): r for r in chose if r["learning_rate"] in rates} | dict(fresh)

    def best_shallower(self, what: str) -> int | None:
        """The shallower depth with the best mean score."""
        means = {depth: mean(by_seed, what) for depth, by_seed in self.shallower.items()}
        known = {depth: value for depth, value in means.items() if value is not None}
        return max(known, key=lambda depth: (known[depth], -depth), default=None)

    def _by_seed(self, **wanted: Any) -> BySeed:
        rows = [r for r in self.rows if all(r.get(k) == v for k, v in wanted.items())]
        return {int(r["seed"]): r for r in sorted(rows, key=lambda r: int(r["seed"]))}


def _fit(row: Row) -> float:
    value = score(row, FIT)
    return -1.0 if value is None else value


def mean(by_seed: BySeed, what: str) -> float | None:
    """The mean score over the seeds that have one."""
    known = [value for row in by_seed.values() if (value := score(row, what)) is not None]
    return math.fsum(known) / len(known) if known else None


def mean_loss(by_seed: BySeed) -> float | None:
    """The mean training loss, at most that of chance, over the seeds that have one."""
    known = [loss for row in by_seed.values() if (loss := capped_loss(row)) is not None]
    return math.fsum(known) / len(known) if known else None


def median(by_seed: BySeed, name: str) -> float | None:
    """Of what is known of a cost, such as `train_seconds`, and not 0; a training that diverged was
    cut short."""
    known = [row[name] for row in by_seed.values() if row.get(name) and row["status"] == "ok"]
    return statistics.median(known) if known else None


def differences(better: BySeed, worse: Sequence[BySeed], what: str) -> dict[int, float]:
    """The score of `better` less the best of `worse`, for each seed that all have."""
    return {seed: ours - best for seed, (ours, best) in _pairs(better, worse, what).items()}


def _pairs(better: BySeed, worse: Sequence[BySeed], what: str) -> dict[int, tuple[float, float]]:
    found = {}
    for seed, row in better.items():
        ours = score(row, what)
        others = [score(each[seed], what) for each in worse if seed in each]
        known = [value for value in others if value is not None]
        if ours is not None and known and len(others) == len(worse):
            found[seed] = ours, max(known)
    return found


class Compared(NamedTuple):
    """What is compared with what.

    Attributes:
        kind: `shallower`: a depth with the network as asked; `tuned`: the same, each at the best of
            its learning rates; `step`: a depth with the one before it; `remedy`: with the network
            as asked; `doubling`: all of the data with half of it; `more`: what that wins here with
            what it wins at the shallower depth.
        what: the accuracy, `FIT` or `HELD_OUT`.
    """

    kind: str
    what: str
    depth: int = 0
    limit: str = ""
    remedy: str = ""


class Comparisons:
    """Paired differences that borrow strength from each other: name them all, then ask."""

    def __init__(self) -> None:
        self._differences: dict[Compared, Mapping[int, float]] = {}
        self._floors: dict[Compared, float] = {}

    def add(self, name: Compared, better: BySeed, worse: Sequence[BySeed]) -> None:
        """See `differences`."""
        pairs = _pairs(better, worse, name.what).values()
        floor = _floor(pairs, _examples(better, name.what))
        self.put(name, differences(better, worse, name.what), floor)

    def put(self, name: Compared, by_seed: Mapping[int, float], floor: float) -> None:
        """Differences that were found otherwise, and the least variance of one."""
        self._differences[name] = by_seed
        self._floors[name] = floor

    def difference(self, name: Compared, first: Compared, second: Compared) -> None:
        """The first less the second, seed by seed, if both have been put."""
        if first not in self._differences or second not in self._differences:
            return
        ours, theirs = self._differences[first], self._differences[second]
        floor = self._floors[first] + self._floors[second]
        self.put(name, {s: ours[s] - theirs[s] for s in ours if s in theirs}, floor)

    def results(self) -> dict[Compared, Paired]:
        """Each comparison that has a difference."""
        found = {name: list(by_seed.values()) for name, by_seed in self._differences.items()}
        return paired(found, self._floors)


def _examples(by_seed: BySeed, what: str) -> int:
    names = ("n_train",) if what == FIT else ("n_validation", "n_test")
    known = (int(r[name]) for r in by_seed.values() for name in names if r.get(name))
    return next(known, UNKNOWN_EXAMPLES)


def _floor(pairs: Iterable[tuple[float, float]], examples: int) -> float:
    """The binomial variance of a difference of two accuracies on so many examples; even where all
    are right or wrong it is not 0."""
    edge = 1 / (examples + 1)
    inside = [min(max(x, edge), 1 - edge) for pair in pairs for x in pair]
    if not inside:
        return 0.0
    return 2 * math.fsum(x * (1 - x) for x in inside) / len(inside) / examples
