"""Where a cell stands under the roofline: is it bound by arithmetic, by memory or by launches?

The model is Williams, Waterman and Patterson 2009, "Roofline: an insightful visual performance
model for multicore architectures" (doi:10.1145/1498765.1498785): a machine computes at most at its
peak FLOP/s, and at most at its bandwidth times the arithmetic intensity (FLOPs per byte moved). The
intensity at which the two meet is the ridge. To it comes a third bound, since deep networks of
small layers are often held up by neither: the time to launch one kernel after the other.

The peaks are measured on the machine (`kernels.reference_kernels`), not published ones, so that a
share of 1 can be reached. Bytes are an upper bound (`traffic`): where caches or fused kernels
served a part of them, the share of memory is too high, and may be above 1.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BOUNDS = ("compute", "memory", "launches")


@dataclass(frozen=True, kw_only=True)
class Roof:
    """The most that a machine did, measured.

    Attributes:
        flops_per_second: of a large matrix product.
        bytes_per_second: of a large copy, read plus written.
        launch_seconds: from one tiny kernel to the next, when none is waited for.
    """

    flops_per_second: float
    bytes_per_second: float
    launch_seconds: float

    @property
    def ridge_flops_per_byte(self) -> float:
        """The intensity from which on arithmetic, not memory, is the bound."""
        return self.flops_per_second / self.bytes_per_second


@dataclass(frozen=True, kw_only=True)
class Position:
    """A cell under the roof.

    Attributes:
        bound: "compute", "memory" or "launches": what alone would take longest.
        flops_per_byte: arithmetic intensity; None when no byte is moved.
        ridge_flops_per_byte: the machine's.
        compute_share, memory_share, launch_share: the time that each alone would take, as a share
            of the measured time. The largest says how close to the roof the cell is.
    """

    bound: str
    flops_per_byte: float | None
    ridge_flops_per_byte: float
    compute_share: float
    memory_share: float
    launch_share: float


def roof(kernels: Iterable[Mapping[str, Any]], *, device: str, dtype: str) -> Roof | None:
    """The roof of `device` with `dtype` from the rows of `reference_kernels`; None where one of the
    three kernels is missing."""
    rows = {
        row["kernel"]: row for row in kernels if (row["device"], row["dtype"]) == (device, dtype)
    }
    if not rows.keys() >= {"matmul", "copy", "launch"}:
        return None
    launch = rows["launch"]
    return Roof(
        flops_per_second=rows["matmul"]["flops_per_second"],
        bytes_per_second=rows["copy"]["bytes_per_second"],
        launch_seconds=launch.get("queued_seconds", launch["seconds"]),
    )


def position(
    *,
    flops: int | None,
    moved_bytes: int | None,
    kernels: int | None,
    seconds: float | None,
    roof: Roof,
) -> Position | None:
    """Where one pass stands that took `seconds`; None where a count or the time is unknown.

    t_compute = flops / peak, t_memory = moved_bytes / bandwidth, t_launch = kernels x launch.

    Args:
        flops: those that are run (`Operations.hardware_flops`).
        moved_bytes, kernels: `Operations.moved_bytes` and `Operations.kernels`.
    """
    if flops is None or moved_bytes is None or kernels is None or not seconds:
        return None
    times = (
        flops / roof.flops_per_second,
        moved_bytes / roof.bytes_per_second,
        kernels * roof.launch_seconds,
    )
    compute, memory, launch = (time / seconds for time in times)
    return Position(
        bound=BOUNDS[times.index(max(times))],
        flops_per_byte=flops / moved_bytes if moved_bytes else None,
        ridge_flops_per_byte=roof.ridge_flops_per_byte,
        compute_share=compute,
        memory_share=memory,
        launch_share=launch,
    )
