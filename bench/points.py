"""The points of a grid: what is to be measured, and what is to be trained.

A point is everything that is chosen about it, and so a part of the key under which its record is
kept. Names that stand in a study (`params`, ids) are made here.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

PASSES = ("forward", "backward", "step")

# Ways to run a network other than as it is written, in the order in which they are named.
VARIANTS = ("channels_last", "checkpointing", "compile", "cuda_graphs", "flush_l2")

# A depth that costs so much more or less than the reference is not matched.
MOST_MISMATCH = 0.05


@dataclass(frozen=True, kw_only=True)
class Match:
    """The width that was solved for, so that a depth costs what the reference does.

    Attributes:
        cost: `parameters`, or `flops` of the forward of one sample.
        width: the value of the family's knob of that name at this depth.
        reference_depth: the depth that has the family's own width.
        ratio: of the cost to that of the reference.
    """

    cost: str
    width: int
    reference_depth: int
    ratio: float

    def row(self) -> dict[str, Any]:
        """The scalars that stand in the row of a cell and of a run."""
        return {
            "match": self.cost,
            "width": self.width,
            "match_reference_depth": self.reference_depth,
            "match_ratio": self.ratio,
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """One where the costs differ too much to be called equal."""
        if abs(self.ratio - 1) <= MOST_MISMATCH:
            return ()
        return (
            f"width {self.width} comes nearest, with {self.ratio:.3g} times the {self.cost} of "
            f"depth {self.reference_depth}: this depth is not matched; leave it out or give the "
            "family a larger width",
        )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point to measure.

    Attributes:
        threads: the number of CPU threads PyTorch may use.
        variants: of `VARIANTS`, in that order.
        match: where the width was solved for; else it is the family's own.
    """

    family: str
    depth: int
    pass_: str
    batch_size: int
    dtype: str
    device: str
    threads: int
    variants: tuple[str, ...] = ()
    match: Match | None = None

    @property
    def width(self) -> int | None:
        """That was solved for."""
        return self.match.width if self.match else None

    def params(self) -> dict[str, str | int]:
        """The scalars that name the cell in a study (`benchmarks[].params`)."""
        params = dataclasses.asdict(self)
        params["pass"] = params.pop("pass_")
        del params["threads"], params["variants"], params["match"]
        variants = {"variants": "+".join(self.variants)} if self.variants else {}
        return params | variants | _match_param(self.match)

    def __str__(self) -> str:
        """The stable id: `resnet:residual=false-8-step-128-fp32-cpu`; its variants if any, and
        what it was matched in."""
        fields = (self.family, self.depth, self.pass_, self.batch_size, self.dtype, self.device)
        return "-".join(map(str, (*fields, *self.variants, *_match_param(self.match).values())))


def _match_param(match: Match | None) -> dict[str, str]:
    return {"match": match.cost} if match else {}


@dataclass(frozen=True, kw_only=True)
class Training:
    """One run to train: everything that is chosen about it.

    Attributes:
        epochs: passes over the training data; `steps` end within the last of them.
        treatments: specs of what is changed besides (`l1:strength=1e-05`), see `train.treatments`.
        steps: optimizer steps, where these were chosen and not the epochs.
        train_for: what was chosen instead of epochs, such as `3000steps` or `1e+12flops`.
        match: where the width was solved for; else it is the family's own.
        tuned_from: the learning rates that were tried, if they were, for this one to be chosen.
        curves: evaluate on the validation split along the training too, at most twenty times.
        test: look at the test split; where there is no validation split, it is looked at anyway.
    """

    family: str
    depth: int
    task: str
    seed: int
    epochs: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    batch_size: int
    dtype: str
    device: str
    threads: int
    treatments: tuple[str, ...] = ()
    steps: int | None = None
    train_for: str | None = None
    match: Match | None = None
    tuned_from: tuple[float, ...] = ()
    curves: bool = False
    test: bool = True

    @property
    def width(self) -> int | None:
        """That was solved for."""
        return self.match.width if self.match else None

    def steps_on(self, n_train: int) -> int:
        """Optimizer steps with that many training samples."""
        return self.steps or self.epochs * steps_per_epoch(n_train, self.batch_size)

    def settings(self) -> dict[str, Any]:
        """What a record of the run repeats of it."""
        chosen = dict(vars(self))
        del chosen["curves"], chosen["test"], chosen["steps"], chosen["match"]
        if self.steps is not None:
            chosen["epochs"] = None
        return chosen | (self.match.row() if self.match else {}) | {"warnings": self.warnings}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was not chosen as well as was asked for."""
        return (*(self.match.warnings if self.match else ()), *self._edge_warnings())

    def _edge_warnings(self) -> tuple[str, ...]:
        if not self.tuned_from or min(self.tuned_from) < self.learning_rate < max(self.tuned_from):
            return ()
        return (
            f"the best learning rate, {self.learning_rate:g}, is at the edge of those tried "
            f"({min(self.tuned_from):g} to {max(self.tuned_from):g}): a better one may lie beyond; "
            f"try --lr tune:{self.learning_rate:g}",
        )

    def params(self) -> dict[str, str | int]:
        """The scalars that name all seeds of one depth in a study."""
        names = ("family", "depth", "task", "batch_size", "dtype", "device")
        return {name: getattr(self, name) for name in names} | _match_param(self.match)

    def __str__(self) -> str:
        """The stable id of all seeds of one depth: `resnet-8-mnist1d-fp32-cpu`, and what it was
        matched in."""
        fields = (self.family, self.depth, self.task, self.dtype, self.device)
        return "-".join(map(str, (*fields, *_match_param(self.match).values())))


def steps_per_epoch(n_train: int, batch_size: int) -> int:
    """Batches of a training set, at least one; an incomplete last batch is left out."""
    return n_train // min(batch_size, n_train)
