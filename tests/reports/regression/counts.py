"""Tables of exact counts for tests: a perceptron-like family at three depths."""

from collections.abc import Callable, Mapping
from typing import Any

from reports.regression.baseline import Counted, Counts

DEPTHS = (2, 4, 8)

Change = Callable[[int], Mapping[str, Any]]


def of_depth(depth: int) -> dict[str, Any]:
    """What a network of `depth` equal layers counts."""
    return {
        "parameters": 100 * depth,
        "flops_forward": 200 * depth,
        "flops_backward": 400 * depth,
        "hardware_flops_step": 600 * depth,
        "activation_bytes": 40 * depth,
        "operators_forward": {"aten.addmm": depth, "aten.relu": depth},
        "operators_training": {"aten.addmm": depth, "aten.relu": depth},
        "operators_backward": {"aten.mm": 2 * depth},
        "output_shapes": "8x10",
        "uncounted_ops": "",
    }


def counted(
    change: Change = lambda _: {}, *, torch: str = "2.13.0", family: str = "net.py:build"
) -> Counted:
    """change: from a depth to what is other than `of_depth` says."""
    cells: dict[tuple[str, int], Counts] = {
        (family, depth): {**of_depth(depth), **change(depth)} for depth in DEPTHS
    }
    return Counted(torch=torch, batch_size=8, dtype="fp32", cells=cells)
