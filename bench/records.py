"""The frozen records that instruments return, and their JSON form.

Units stand in the names; unknown is None. `plain` turns a record into what JSON can hold:
a number that is not finite becomes null, since a bare NaN breaks other readers.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .points import Cell, Match

# Statuses after which a resumed study does not try again. What failed, ran out of memory or of
# time may go well with another limit or on an idle machine.
SETTLED = ("ok", "diverged")


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Work of one batch. One multiply-add is two FLOPs and one MAC.

    The optimizer's elementwise work is in none of the counts; the loss is in the backward's bytes
    and kernels. The backward's counts are None when nothing requires a gradient.

    Attributes:
        forward_flops, backward_flops: by the formulas of `torch.utils.flop_counter`; what the
            network needs, without what is computed twice.
        recomputed_flops: of the forward, run again in the backward by activation checkpointing.
        forward_bytes, backward_bytes: read and written by every operator as if nothing were
            cached or fused: an upper bound of the traffic to memory, recomputation included.
        forward_kernels, backward_kernels: operators that touch memory, recomputation included:
            about as many kernels are launched where nothing is fused.
        uncounted_ops: operators without a formula that are not merely elementwise.
        device: where the count ran: "meta", or the device it had to fall back to.
    """

    forward_flops: int
    backward_flops: int | None
    recomputed_flops: int = 0
    forward_bytes: int | None = None
    backward_bytes: int | None = None
    forward_kernels: int | None = None
    backward_kernels: int | None = None
    uncounted_ops: tuple[str, ...]
    device: str

    def flops(self, pass_: str) -> int | None:
        """Model FLOPs of a pass: without recomputation, so that MFU rewards none."""
        return _of_pass(pass_, self.forward_flops, self.backward_flops)

    def hardware_flops(self, pass_: str) -> int | None:
        """FLOPs that are run in a pass, recomputation included."""
        model = self.flops(pass_)
        return model if model is None or pass_ == "forward" else model + self.recomputed_flops

    def moved_bytes(self, pass_: str) -> int | None:
        """Bytes that the operators of a pass read and write."""
        return _of_pass(pass_, self.forward_bytes, self.backward_bytes)

    def kernels(self, pass_: str) -> int | None:
        """Operators of a pass that touch memory."""
        return _of_pass(pass_, self.forward_kernels, self.backward_kernels)


def _of_pass(pass_: str, forward: int | None, backward: int | None) -> int | None:
    """A count of a pass from those of forward and backward; None where one is unknown."""
    if pass_ == "forward":
        return forward
    if forward is None or backward is None:
        return None
    return backward + (forward if pass_ == "step" else 0)


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The most memory that one pass held at once, parameters and optimizer state included."""

    peak_bytes: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a cell costs beside time: the result of trying it in a child process.

    Attributes:
        flops: model FLOPs of the pass, without recomputation.
        hardware_flops: those that are run, recomputation included.
        moved_bytes, kernels: as in `Operations`, of the pass.
    """

    parameters: int
    flops: int | None
    hardware_flops: int | None = None
    moved_bytes: int | None = None
    kernels: int | None = None
    uncounted_ops: tuple[str, ...]
    activation_bytes: int | None
    peak_bytes: int | None
    peak_source: str | None
    warnings: tuple[str, ...]

    @property
    def macs(self) -> int | None:
        """Multiply-adds: half the FLOPs."""
        return None if self.flops is None else self.flops // 2


@dataclass(frozen=True, kw_only=True)
class CellRecord:
    """A cell that was tried: its status and, when it is `ok`, the facts and raw samples.

    Attributes:
        samples: seconds per iteration, one a round.
        iterations: iterations in a round.
        stats: pytest-benchmark's statistics of the samples, in seconds; None when not timed.
    """

    cell: Cell
    status: str
    reason: str | None = None
    extra_info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    samples: tuple[float, ...] = ()
    iterations: int = 1
    stats: Mapping[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """The JSON form that the store keeps."""
        return {
            "params": self.cell.params(),
            "threads": self.cell.threads,
            "match": plain(self.cell.match),
            "status": self.status,
            "reason": self.reason,
            "extra_info": dict(self.extra_info),
            "samples": list(self.samples),
            "iterations": self.iterations,
            "stats": self.stats,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "CellRecord":
        params = dict(row["params"])
        pass_, variants = params.pop("pass"), params.pop("variants", "")
        params.pop("match", None)
        match = row.get("match")
        cell = Cell(
            **params,
            pass_=pass_,
            threads=row["threads"],
            variants=tuple(variants.split("+")) if variants else (),
            match=Match(**match) if match else None,
        )
        return cls(
            cell=cell,
            status=row["status"],
            reason=row["reason"],
            extra_info=row["extra_info"],
            samples=tuple(row["samples"]),
            iterations=row["iterations"],
            stats=row["stats"],
        )


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One training, as it stands in a study's `runs`. Accuracies are fractions.

    Attributes:
        knobs: of the family, as its spec has them, with defaults.
        epochs: None where steps or training FLOPs were chosen; `train_for` then says how many.
        steps: optimizer steps that were taken.
        match, width, match_reference_depth, match_ratio: as in `Match`, where the width was solved
            for; `width` is then the knob's value at this depth.
        tuned_from: the learning rates that were tried, if they were, for this one to be chosen.
        way: how it was trained: `plain`, by itself; `channels_last`, by itself with that layout in
            memory; `stacked` with others of its depth; `replayed`, a stack whose passes were
            replayed from a CUDA graph.
        stack: networks that were trained together, 1 of one by itself.
        way_reason: why that way, in words.
        train_seconds: the time of the steps, evaluations left out; of a stack it is the stack's
            divided by its size.
        loss_curve: mean training loss of each epoch.
        selection_curve, holdout_curve: accuracy along the training on the first and on the second
            half of the validation split, where they were asked for: a moment chosen by one is
            judged by the other.
    """

    family: str
    depth: int
    knobs: Mapping[str, Any]
    task: str
    seed: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int | None
    dtype: str
    device: str
    threads: int
    status: str
    treatments: tuple[str, ...] = ()
    train_for: str | None = None
    match: str | None = None
    width: int | None = None
    match_reference_depth: int | None = None
    match_ratio: float | None = None
    tuned_from: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    way: str = "plain"
    stack: int = 1
    way_reason: str | None = None
    train_accuracy: float | None = None
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    train_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    n_train: int | None = None
    n_validation: int | None = None
    n_test: int | None = None
    steps: int | None = None
    train_seconds: float | None = None
    train_flops: int | None = None
    parameters: int | None = None
    loss_curve: tuple[float | None, ...] = ()
    selection_curve: tuple[float, ...] = ()
    holdout_curve: tuple[float, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "RunRecord":
        """The record that `plain` made `row` of."""
        knobs = {k: tuple(v) if isinstance(v, list) else v for k, v in row["knobs"].items()}
        lists = {k: tuple(v) for k, v in row.items() if isinstance(v, list)}
        return cls(**{**row, **lists, "knobs": knobs})


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: records as dicts, tuples as lists, NaN and infinity as None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def key(*parts: Any) -> str:
    """A hash of everything that determines a measurement."""
    text = json.dumps(plain(parts), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
