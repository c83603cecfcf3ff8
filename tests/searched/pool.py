"""Trainings of every depth and seed that a search may ask for, kept from one call to the next.

`python -m tests.searched.pool` trains what is missing, an hour on two cores; the rest comes from
the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import machine
from bench.options import Options
from bench.search import Network, Survey, ladder
from bench.train.store import Store

FAMILIES = ("resnet", "resnet:residual=false", "mlp")
SEEDS = 10
STORE = Path("results/searched.sqlite")


@dataclass(frozen=True)
class Pool:
    """One family on MNIST-1D.

    Attributes:
        accuracies: on the validation split, by depth, one a seed.
        examples: in that split.
    """

    family: str
    surveys: tuple[Survey, ...]
    accuracies: Mapping[int, tuple[float, ...]]
    examples: int

    @property
    def flops(self) -> dict[int, float]:
        """Of one training, by depth."""
        return {each.depth: each.train_flops or 0.0 for each in self.surveys}

    @property
    def untrainable(self) -> frozenset[int]:
        """Depths beyond the one that theory predicts to train."""
        return frozenset(
            each.depth
            for each in self.surveys
            if each.trainable_depth is not None and each.depth > each.trainable_depth
        )


def trained(family: str) -> Pool:
    """All depths that `howdeep search` may try by default, with `SEEDS` seeds."""
    options = Options(families=(family,), seeds=SEEDS, store=STORE, resume=True)
    document = {"environment": {"before": machine.environment(threads=options.threads)}}
    network = Network(options, Store(STORE, document=lambda: document, resume=True))
    try:
        depths = ladder(network.family, most=None, between=True)
        surveys = tuple(network.surveys(depths, timed=False))
        runs = network.train(dict.fromkeys(reversed(depths), SEEDS))
    finally:
        network.close()
    failed = [run for run in runs if run.status != "ok"]
    assert not failed, failed[0].reason
    accuracies = {
        depth: tuple(run.validation_accuracy or 0.0 for run in runs if run.depth == depth)
        for depth in depths
    }
    (examples,) = {run.n_validation for run in runs}
    return Pool(family, surveys, accuracies, examples or 0)


if __name__ == "__main__":
    for name in FAMILIES:
        found = trained(name)
        print(name, {depth: len(each) for depth, each in found.accuracies.items()}, flush=True)
