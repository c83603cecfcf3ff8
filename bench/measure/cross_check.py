"""fvcore's view of the same network: its per-module table, and its total beside ours.

fvcore counts a multiply-add as one and adds normalisation; its total is compared in MACs without
the operators that have no place in ours. It traces a real forward pass, so the model must have
real weights.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from ..records import Operations
from .state import left_as_found

# Largest relative difference that is not reported.
TOLERANCE = 0.02

# Operators with matrix products inside, of which fvcore counts none.
_BLIND_SPOTS = ("attention", "lstm", "gru", "rnn")

_MATRIX_OPERATORS = ("conv", "linear", "addmm", "matmul", "bmm", "einsum", "attention")


def fvcore_macs(model: nn.Module, inputs: Any) -> int:
    """MACs of one forward pass by fvcore, matrix products and convolutions only."""
    with _quiet(model):
        by_operator = _analysis(model, inputs).by_operator()
    return int(sum(n for op, n in by_operator.items() if any(m in op for m in _MATRIX_OPERATORS)))


def blind_to(model: nn.Module, inputs: Any) -> tuple[str, ...]:
    """Operators of this network with matrix products that fvcore has no formula for."""
    with _quiet(model):
        analysis = _analysis(model, inputs)
        analysis.total()  # runs the analysis
        unsupported = analysis.unsupported_ops()
    return tuple(sorted(op for op in unsupported if any(spot in op for spot in _BLIND_SPOTS)))


def per_module_table(model: nn.Module, inputs: Any, *, max_depth: int = 3) -> str:
    """fvcore's table of parameters and FLOPs (its own: multiply-adds, norms included)."""
    from fvcore.nn import flop_count_table

    with _quiet(model):
        return str(flop_count_table(_analysis(model, inputs), max_depth=max_depth))


def compare(operations: Operations, macs: int) -> str | None:
    """A warning when fvcore's MACs differ from ours by more than 2%, else None."""
    ours = operations.forward_flops / 2
    difference = abs(macs - ours) / max(ours, 1)
    if difference <= TOLERANCE:
        return None
    return (
        f"fvcore counts {macs:,} MACs forward, this count is {ours:,.0f} "
        f"({difference:.1%} apart): look at `howdeep plan --per-module`"
    )


def _analysis(model: nn.Module, inputs: Any) -> Any:
    from fvcore.nn import FlopCountAnalysis

    if isinstance(inputs, dict):
        raise TypeError("fvcore takes a tensor or a tuple of tensors; this input is a dict")
    analysis = FlopCountAnalysis(model, tuple(inputs) if isinstance(inputs, list) else inputs)
    return analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)


@contextmanager
def _quiet(model: nn.Module) -> Iterator[None]:
    """Eval mode, and no warnings of the tracer that fvcore uses."""
    logger = logging.getLogger("fvcore")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with left_as_found(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.eval()
            yield
    finally:
        logger.setLevel(level)
