"""Limit: a deeper network learns its training data as well and other data worse.

The evidence are the accuracies of trainings on both splits at the same epoch, and the accuracy
along the training on two halves of the validation split: an early stop is chosen on one and judged
on the other.
"""

from collections.abc import Iterator, Sequence

from ..records import RunRecord
from .evidence import Probe
from .remedy import Change, Remedy, Situation

NAME = "overfitting"

L1_STRENGTHS = (1e-4, 1e-3)
WEIGHT_DECAYS = (0.1, 0.5)
DROPOUTS = (0.1, 0.3)


def early_stopping(runs: Sequence[RunRecord]) -> Iterator[Probe]:
    """What stopping at the best evaluation would have gained, in accuracy, and when that was."""
    for run in runs:
        if run.status == "ok" and run.selection_curve:
            curve = run.selection_curve
            best = max(range(len(curve)), key=lambda i: (curve[i], -i))
            gain = run.holdout_curve[best] - run.holdout_curve[-1]
            place = f"evaluation {best + 1} of {len(curve)}"
            yield _probe(run, "early_stopping_gain", gain, at=place)


def gaps(runs: Sequence[RunRecord]) -> Iterator[Probe]:
    """Training less validation accuracy after the last epoch."""
    for run in runs:
        if run.train_accuracy is not None and run.validation_accuracy is not None:
            gap = run.train_accuracy - run.validation_accuracy
            yield _probe(run, "generalization_gap", gap, at=f"epoch {run.epochs}")


def _probe(run: RunRecord, quantity: str, value: float, *, at: str) -> Probe:
    return Probe(limit=NAME, quantity=quantity, depth=run.depth, value=value, seed=run.seed, at=at)


# --- remedies ---------------------------------------------------------------------------------


def _l1(_situation: Situation) -> tuple[Change, ...]:
    return tuple(Change(treatments=(f"l1:strength={strength:g}",)) for strength in L1_STRENGTHS)


def _l2(situation: Situation) -> tuple[Change, ...]:
    """Decoupled (Loshchilov & Hutter 2019, arXiv:1711.05101), but for `sgd` and `momentum`."""
    decays = (d for d in WEIGHT_DECAYS if d > situation.training.weight_decay)
    adaptive = situation.training.optimizer in ("adam", "rmsprop")
    decoupled = {"optimizer": "adamw"} if adaptive else {}
    return tuple(Change(settings={"weight_decay": decay, **decoupled}) for decay in decays)


def _dropout(situation: Situation) -> tuple[Change, ...]:
    present = situation.knobs.get("dropout", 0.0) or 0.0
    stronger = [p for p in DROPOUTS if p > present]
    if "dropout" in situation.knobs:
        return tuple(Change(knobs={"dropout": p}) for p in stronger)
    return tuple(Change(treatments=(f"dropout:p={p}",)) for p in stronger)


def _augmentation(_situation: Situation) -> tuple[Change, ...]:
    return (Change(treatments=("augmentation",)),)


REMEDIES = (
    Remedy(name="L1", limit=NAME, changes=_l1),
    Remedy(name="weight decay (L2)", limit=NAME, changes=_l2),
    Remedy(name="dropout", limit=NAME, changes=_dropout),
    Remedy(name="augmentation", limit=NAME, changes=_augmentation),
)
