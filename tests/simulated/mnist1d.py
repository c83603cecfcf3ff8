"""Validation accuracies of every depth and seed that a search on MNIST-1D may ask for.

They are kept in `mnist1d.json`; `python -m tests.simulated.mnist1d` trains them anew, some forty
minutes on two cores, and goes on where it was interrupted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import machine
from bench.options import Options
from bench.records import RunRecord
from bench.search import Network, ladder
from bench.train.store import Store

FAMILIES = ("resnet", "resnet:residual=false", "mlp")
SEEDS = 10
STORE = Path("results/mnist1d.sqlite")
KEPT = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Pool:
    """One family.

    Attributes:
        examples: in the validation split.
        flops: of one training, by depth.
        accuracies: fractions, by depth, one a seed.
        untrainable: depths beyond the one that theory predicts to train.
    """

    family: str
    examples: int
    flops: Mapping[int, float]
    accuracies: Mapping[int, tuple[float, ...]]
    untrainable: frozenset[int]


def kept(family: str) -> Pool:
    """As it was trained last."""
    row = json.loads(KEPT.read_text())[family]
    return Pool(
        family=family,
        examples=row["examples"],
        flops={int(depth): value for depth, value in row["flops"].items()},
        accuracies={int(depth): tuple(values) for depth, values in row["accuracies"].items()},
        untrainable=frozenset(row["untrainable"]),
    )


def trained(family: str) -> dict[str, object]:
    """All depths that `howdeep search` may try by default, with `SEEDS` seeds."""
    options = Options(families=(family,), seeds=SEEDS, store=STORE, resume=True)
    document = {"environment": {"before": machine.environment(threads=options.threads)}}
    network = Network(options, Store(STORE, document=lambda: document, resume=True))
    try:
        depths = ladder(network.family, most=None, between=True)
        surveys = network.surveys(depths, timed=False)
        runs = network.train(dict.fromkeys(reversed(depths), SEEDS))
    finally:
        network.close()
    untrainable = [s.depth for s in surveys if s.trainable_depth and s.depth > s.trainable_depth]
    return {
        "examples": runs[0].n_validation,
        "flops": {survey.depth: survey.train_flops for survey in surveys},
        "accuracies": {depth: _accuracies(runs, depth) for depth in depths},
        "untrainable": untrainable,
    }


def _accuracies(runs: list[RunRecord], depth: int) -> list[float]:
    of_depth = [run for run in runs if run.depth == depth]
    assert all(run.status == "ok" for run in of_depth), depth
    return [run.validation_accuracy or 0.0 for run in of_depth]


if __name__ == "__main__":
    KEPT.write_text(json.dumps({name: trained(name) for name in FAMILIES}, indent=1) + "\n")
