"""The experiment that finds what stops a network: which trainings, and in which order.

Seed 0 chooses: of each remedy's strengths, of learning rates, of the remedies of a limit. What it
chose is then trained with fresh seeds, beside the network as asked with the same seeds: so that no
remedy is judged by the seed that it was chosen for.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from ..depth_rule import at_most, smallest
from ..families import Family
from ..points import Training
from ..records import SETTLED
from ..specs import InputError
from . import compute, data, degradation, gradients, optimization, overfitting, structure
from .evidence import Planned, Probe, Subject
from .examine import examined, screened
from .known import Known, fit, held_out
from .lab import Lab, brought, failure
from .remedy import Change, Remedy, Situation

REMEDIES = (
    *gradients.REMEDIES,
    *optimization.REMEDIES,
    *degradation.REMEDIES,
    *overfitting.REMEDIES,
)
# Limits whose remedies are to make the network fit its training data; the others', to generalise.
OF_TRAINING = (gradients.NAME, optimization.NAME, degradation.NAME)

# Depths tried: the one asked for, half of it, a quarter, … until one is shallower than this.
SHALLOW = 4
MOST_RUNGS = 6

# A learning rate at which the network trains so much better may suit it with a remedy, too.
BETTER_TRAINED = 0.05

# Networks that a remedy changes are trained at the asked learning rate and at this part of it.
LOWER_RATE = 0.1


def ladder(family: Family, depth: int) -> list[int]:
    """The depths that the family has at about 1/2, 1/4, … of `depth`, the deepest first; none for
    a family that neither names its depths nor has a small one."""
    try:
        deepest, least = at_most(family), smallest(family)
    except InputError:
        return []
    rungs: list[int] = []
    while depth > least and (not rungs or (len(rungs) < MOST_RUNGS and depth >= SHALLOW)):
        depth = max(least, min(deepest(depth // 2), depth - 1))
        rungs.append(depth)
    return rungs


class Experiment:
    """One network on one task.

    Args:
        training: of the network as asked; its seed does not matter.
        seeds: fresh ones, beside the one that chooses.
        quick: only the screen, the ends of the window of learning rates, and those remedies of
            gradients and degradation that are quick.
    """

    def __init__(self, training: Training, lab: Lab, *, seeds: int, quick: bool) -> None:
        self._lab = lab
        self._seeds = seeds
        self._quick = quick
        self._asked = dataclasses.replace(training, seed=0, curves=not quick, test=False)
        self._task = lab.task(training.task)
        family = lab.family(training.family, self._task)
        self._depths = ladder(family, training.depth)
        labels = self._task.train.labels
        self._chance = float(labels.bincount().max()) / len(labels)
        self._known = Known(training.depth, self._depths, chance=self._chance)
        self._situation = Situation(
            training=training, knobs=family.all_knobs, n_train=len(self._task.train)
        )

    def rows(self) -> list[dict[str, Any]]:
        """All evidence, as a study's rows."""
        asked = self._asked
        subject = Subject(family=asked.family, depth=asked.depth, task=asked.task)
        probes = [probe.row(subject) for probe in self._probes()]
        facts = {"classes": self._task.classes, "chance": self._chance}
        return [*(trial.row(subject) | facts for trial in self._known.trials), *probes]

    def _probes(self) -> Iterator[Probe]:
        yield from self._screen()
        self._baseline()
        if not self._can_train():
            return
        self._remedies()
        if not self._quick:
            self._data()
        self._confirm()
        yield from self._costs()
        if not self._quick:
            trained = [trial.run for trial in self._known.of("asked", "shallower")]
            yield from overfitting.early_stopping(trained)
            yield from overfitting.gaps(trained)
            yield from self._examination()

    # --- steps --------------------------------------------------------------------------------

    def _screen(self) -> Iterator[Probe]:
        depths = [self._asked.depth, *self._depths]
        asked = [(dataclasses.replace(self._asked, depth=depth), ()) for depth in depths]
        for depth, outcome in zip(depths, self._lab.probe(screened, asked), strict=True):
            yield from brought(outcome, limit=gradients.NAME, depth=depth)

    def _baseline(self) -> None:
        """The network as asked and shallower ones, with all seeds; their learning rates, with the
        seed that chooses; the shallower one that trains best, at its own best rate."""
        rungs = [dataclasses.replace(self._asked, depth=depth) for depth in self._depths]
        seeds = range(self._seeds + 1)
        asked = [Planned(role="asked", training=t) for t in self._seeded(self._asked, seeds)]
        planned = [
            Planned(role="shallower", training=t)
            for rung in rungs
            for t in self._seeded(rung, seeds)
        ]
        window = optimization.WINDOW
        factors = (window[0], window[-1]) if self._quick else window
        tried = [self._asked, *([] if self._quick else rungs)]
        planned += [self._rated(each, factor) for each in tried for factor in factors]
        self._lab.begin([*asked, *planned])
        self._train(asked)
        if not self._can_train():
            return
        self._train(planned)
        best = self._known.best_rate(self._asked.depth)
        ends = {self._asked.learning_rate * end: end for end in optimization.BEYOND}
        end = ends.get(best.training.learning_rate) if best else None
        if self._known.diverges(self._asked.depth):
            end = min(optimization.BEYOND)
        if end is not None:
            self._train([self._rated(self._asked, optimization.BEYOND[end])])
        reference = self._known.best_shallower(fit)
        tuned = None if reference is None else self._known.best_rate(reference)
        if tuned is not None:
            again = map(_unwatched, self._seeded(tuned.training, self._fresh_seeds))
            self._train(dataclasses.replace(tuned, role="reference", training=t) for t in again)

    def _can_train(self) -> bool:
        """Whether a training as asked came to its end or diverged; else no other learning rate and
        no remedy would change why not."""
        return any(trial.run.status in SETTLED for trial in self._known.of("asked"))

    def _remedies(self) -> None:
        self._train(
            Planned(
                role="screening",
                limit=remedy.limit,
                remedy=remedy.name,
                change=str(change),
                training=dataclasses.replace(change.applied(self._asked), curves=False),
            )
            for remedy in REMEDIES
            if remedy.quick or not self._quick
            for change in self._changes(remedy)
        )

    def _changes(self, remedy: Remedy) -> Iterator[Change]:
        for change in remedy.changes(self._situation):
            rates = self._rates() if remedy.tuned else (self._asked.learning_rate,)
            for rate in rates:
                asked = rate == self._asked.learning_rate
                yield change if asked else change.also(learning_rate=rate)

    def _rates(self) -> tuple[float, ...]:
        """The asked learning rate, a lower one, and that at which the network itself trains, if
        another."""
        asked = self._asked.learning_rate
        tuned = self._known.best_rate(self._asked.depth, BETTER_TRAINED)
        rates = [asked, asked * LOWER_RATE, *([tuned.training.learning_rate] if tuned else [])]
        return tuple({float(f"{rate:.6g}"): rate for rate in rates}.values())

    def _data(self) -> None:
        """Every depth on parts and on twice of the data, with the seed that chooses; what a
        doubling brings, with all seeds, here and at the best shallower depth: a limit of depth is a
        difference."""
        sizes = data.sizes(self._situation)
        telling = {n: sizes[n] for n in data.telling(sizes, self._situation.n_train)}
        reference = self._known.best_shallower(held_out)
        every = [self._asked.depth, *self._depths]
        compared = [self._asked.depth, *([reference] if reference else [])]
        planned = [self._sized(depth, n, sizes[n], seed=0) for depth in every for n in sizes]
        planned += [
            self._sized(depth, n, change, seed=seed)
            for depth in compared
            for n, change in telling.items()
            for seed in self._fresh_seeds
        ]
        self._train(planned)

    def _sized(self, depth: int, n: int, change: Change, *, seed: int) -> Planned:
        training = dataclasses.replace(self._asked, depth=depth, seed=seed, curves=False)
        return Planned(
            role="data", limit=data.NAME, remedy=data.MORE if n > self._situation.n_train else None,
            change=f"n={n}", training=change.applied(training),
        )  # fmt: skip

    def _confirm(self) -> None:
        """The best remedy of each limit, and the best learning rate, with fresh seeds; with twice
        as many where seeds differ much, also of the network as asked and the best shallower ones.
        Whether they are added depends on the spread and not on who wins, so that the tests stay
        what they are (Stein 1945)."""
        best = [self._best_of(limit) for limit in dict.fromkeys(r.limit for r in REMEDIES)]
        best += [self._tuned()]
        chosen = [each for each in best if each is not None]
        first, more = self._fresh_seeds, range(self._seeds + 1, 2 * self._seeds + 1)
        self._train(self._confirmations(chosen, first))
        if self._known.is_unstable(self._asked.depth):
            depths = {self._known.best_shallower(score) for score in (fit, held_out)}
            compared = [("asked", self._asked)]
            compared += [
                ("shallower", dataclasses.replace(self._asked, depth=depth))
                for depth in sorted(each for each in depths if each is not None)
            ]
            planned = [
                Planned(role=role, training=training)
                for role, each in compared
                for training in self._seeded(each, more)
            ]
            self._train([*planned, *self._confirmations(chosen, more)])

    def _confirmations(self, chosen: Iterable[Planned], seeds: Iterable[int]) -> list[Planned]:
        return [
            dataclasses.replace(each, role="confirmation", training=_unwatched(training))
            for each in chosen
            for training in self._seeded(each.training, seeds)
        ]

    def _examination(self) -> Iterator[Probe]:
        """Both depths, trained once more and looked into; the deep one with the check whether it
        could have been built of the shallow one."""
        reference = self._known.best_shallower(held_out)
        asked = dataclasses.replace(self._asked, curves=False)
        shallow = None if reference is None else dataclasses.replace(asked, depth=reference)
        wanted = [(asked, (shallow,)), *([(shallow, (None,))] if shallow else [])]
        for (training, _), outcome in zip(wanted, self._lab.probe(examined, wanted), strict=True):
            yield from brought(outcome, limit=structure.NAME, depth=training.depth)

    def _costs(self) -> Iterator[Probe]:
        ended = [trial.run for trial in self._known.of("asked", "shallower")]
        runs = [run for run in ended if run.status == "ok"]
        depths = sorted({run.depth for run in runs}, reverse=True)
        asked = [dataclasses.replace(self._asked, depth=depth) for depth in depths]
        for depth, outcome in zip(depths, self._lab.weigh(asked), strict=True):
            if outcome.status == "ok":
                run = compute.typical([run for run in runs if run.depth == depth])
                yield from compute.costs(run, outcome.value)
            else:
                yield failure(outcome, limit=compute.NAME, depth=depth)

    def _best_of(self, limit: str) -> Planned | None:
        return self._known.best_remedy(limit, fit if limit in OF_TRAINING else held_out)

    def _tuned(self) -> Planned | None:
        """The network as asked at the best of the learning rates, as a remedy."""
        best = self._known.best_rate(self._asked.depth)
        if best is None:
            return None
        return dataclasses.replace(best, limit=optimization.NAME, remedy=optimization.TUNED)

    # --- plans --------------------------------------------------------------------------------

    @property
    def _fresh_seeds(self) -> range:
        return range(1, self._seeds + 1)

    def _seeded(self, training: Training, seeds: Iterable[int]) -> list[Training]:
        return [dataclasses.replace(training, seed=seed) for seed in seeds]

    def _rated(self, training: Training, factor: float) -> Planned:
        rate = training.learning_rate * factor
        return Planned(
            role="window",
            change=f"learning_rate={rate:g}",
            training=dataclasses.replace(training, learning_rate=rate, curves=False),
        )

    def _train(self, planned: Iterable[Planned]) -> None:
        self._known.trials += self._lab.train(planned)


def _unwatched(training: Training) -> Training:
    """Without evaluations along the way."""
    return dataclasses.replace(training, curves=False)
