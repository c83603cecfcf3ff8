"""What `howdeep plan` answers, without how it is drawn: each depth's costs, and what fits."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psutil

from bench import depth_rule
from bench.families import Family
from bench.measure.layers import Part
from bench.part_prediction import predict_parts
from bench.points import Cell
from bench.prediction import Prediction, predict
from bench.specs import InputError

from .fit import Fit, largest

# A prediction that would take longer is read off a line through smaller networks.
LONGEST_SECONDS = 15.0

# No memory holds more rows, and the sizes of tensors with many more overflow.
MOST_ROWS = 2**40


class Forecast:
    """Predictions for one family and one way to train it.

    Args:
        step: any cell of the family; depth and batch size are replaced.
    """

    def __init__(self, family: Family, optimizer: str, step: Cell) -> None:
        self._family = family
        self._optimizer = optimizer
        self._step = step
        self._measured = False
        self._seconds_a_unit = math.inf
        self._bytes_a_unit = math.inf
        self.predict = functools.cache(self._predict)

    def _predict(self, depth: int, batch_size: int) -> Prediction:
        start = time.perf_counter()
        cell = replace(self._step, depth=depth, batch_size=batch_size)
        prediction = predict(self._family, self._optimizer, cell)
        seconds = time.perf_counter() - start
        self._measured = prediction.measured
        units = self._units(depth, batch_size)
        self._seconds_a_unit = min(self._seconds_a_unit, seconds / units)
        self._bytes_a_unit = min(self._bytes_a_unit, (prediction.peak.peak_bytes) / units)
        return prediction

    def _units(self, depth: int, batch_size: int) -> int:
        """What the time of a prediction is proportional to: layers; real ones take each row."""
        return depth * batch_size if self._measured else depth

    def _affordable(self, depth: int, batch_size: int) -> bool:
        """Whether a prediction takes not too long and, on real tensors, finds them free memory."""
        units = self._units(depth, batch_size)
        if self._measured and units * self._bytes_a_unit > psutil.virtual_memory().available:
            return False
        return batch_size <= MOST_ROWS and units * self._seconds_a_unit <= LONGEST_SECONDS

    def need(self, depth: int, batch_size: int) -> tuple[int, ...]:
        """Bytes of a training step at the peak of each of its phases."""
        return self.predict(depth, batch_size).peak.phase_bytes

    def deepest(self, limit_bytes: int, batch_size: int) -> Fit:
        """Of all depths that the family has."""
        first = depth_rule.smallest(self._family)

        def need(depth: int) -> tuple[float, ...]:
            try:
                return self.need(depth, batch_size)
            except InputError:  # its depths end before
                if depth == first:
                    raise
                return (math.inf,)

        return largest(
            need,
            limit_bytes,
            first=first,
            allowed=depth_rule.at_most(self._family),
            affordable=lambda depth: self._affordable(depth, batch_size),
        )

    def deepest_of(self, depths: Sequence[int], limit_bytes: int, batch_size: int) -> Fit:
        """Of these."""
        needs = {depth: max(self.need(depth, batch_size)) for depth in depths}
        fitting = [depth for depth in depths if needs[depth] <= limit_bytes]
        if not fitting:
            return Fit(value=None, need_bytes=min(needs.values()))
        return Fit(value=max(fitting), need_bytes=needs[max(fitting)])

    def largest_batch(self, depth: int, limit_bytes: int) -> Fit:
        return largest(
            lambda batch_size: self.need(depth, batch_size),
            limit_bytes,
            first=1,
            allowed=lambda batch_size: batch_size,
            affordable=lambda batch_size: self._affordable(depth, batch_size),
        )

    def cell(self, depth: int, batch_size: int) -> dict[str, Any]:
        """What is predicted of one depth, under the names of the command's JSON."""
        prediction = self.predict(depth, batch_size)
        counted = prediction.operations
        return {
            "family": self._family.name,
            "depth": depth,
            "batch_size": batch_size,
            "parameters": prediction.parameters,
            "flops_forward": counted.flops("forward"),
            "macs_forward": counted.forward_flops // 2,
            "flops_backward": counted.flops("backward"),
            "flops_step": counted.flops("step"),
            "hardware_flops_step": counted.hardware_flops("step"),
            "uncounted_ops": list(counted.uncounted_ops),
            "activation_bytes": prediction.activation_bytes,
            "peak_bytes": prediction.peak.peak_bytes,
            "peak_by_kind": prediction.peak.by_kind,
            "fits": None,
            "warnings": list(prediction.warnings),
        }

    def parts(self, depth: int, batch_size: int, timed: bool) -> tuple[Part, ...]:
        """What each part of the network costs as written, by its position; `timed`, it is run."""
        cell = replace(self._step, depth=depth, batch_size=batch_size)
        real = self.predict(depth, batch_size).measured
        return predict_parts(self._family, cell, real=real, timed=timed)
