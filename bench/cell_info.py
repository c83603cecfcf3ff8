"""What a study says of a cell beside its times: the `extra_info` of its benchmark."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import torch

from .cost import Timing
from .measure import kernels, peaks, roofline
from .measure.peaks import PublishedPeak
from .points import Cell
from .records import Facts, plain


def cell_info(
    cell: Cell,
    facts: Facts,
    timing: Timing,
    *,
    median_seconds: float | None,
    reference_kernels: Iterable[Mapping[str, Any]],
    usual_seconds: float,
) -> dict[str, Any]:
    """Facts, throughput, efficiency, energy and warnings of a cell that is ok.

    Args:
        median_seconds: of the pass; None when it was not timed.
        reference_kernels: those of the study's start.
        usual_seconds: of the reference matrix product then.
    """
    slow = timing.conditions.warnings(usual_seconds=usual_seconds)
    utilisation = _utilisation(cell, facts, timing, median_seconds)
    match = cell.match
    return {
        "status": "ok",
        **vars(facts),
        **(match.row() if match else {}),
        "macs": facts.macs,
        "threads": cell.threads,
        "samples_per_second": cell.batch_size / median_seconds if median_seconds else None,
        "reference_seconds": timing.conditions.reference_seconds,
        **utilisation,
        **_roofline(cell, facts, timing, median_seconds, reference_kernels),
        **_energy(timing),
        **_launches(timing),
        "warnings": [
            *(match.warnings if match else ()),
            *facts.warnings,
            *slow,
            *timing.warnings,
            *_too_high(utilisation["mfu"]),
        ],
    }


def _utilisation(cell: Cell, facts: Facts, timing: Timing, seconds: float | None) -> dict[str, Any]:
    """Model FLOP/s as a share of two peaks: what a large matrix product reached just then on the
    same device, and what the vendor publishes, where that is known."""
    if not facts.flops or not seconds:
        return {"mfu": None, "mfu_published": None, "published_peak": None}
    flops_per_second = facts.flops / seconds
    reference = timing.conditions.reference_seconds
    reached = kernels.matmul_flops(cell.device) / reference if reference else None
    published = _published(cell)
    return {
        "mfu": flops_per_second / reached if reached else None,
        "mfu_published": flops_per_second / published.flops_per_second if published else None,
        "published_peak": f"{published.dtype}: {published.source}" if published else None,
    }


def _too_high(mfu: float | None) -> list[str]:
    if mfu is None or mfu <= 1:
        return []
    return [
        f"MFU is {mfu:.2f}: the reference matrix product was slower than this network, so it is no "
        "peak, and what binds the cell cannot be told from it"
    ]


def _published(cell: Cell) -> PublishedPeak | None:
    """The device's dense peak; a CPU has no figure of the kind."""
    if not cell.device.startswith("cuda"):
        return None
    name = torch.cuda.get_device_name(cell.device)
    return peaks.published(name, cell.dtype, tf32=peaks.tf32_allowed())


def _roofline(
    cell: Cell,
    facts: Facts,
    timing: Timing,
    seconds: float | None,
    reference_kernels: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Where the cell stands under the roof; the product's peak is that of just then."""
    roof = roofline.roof(reference_kernels, device=cell.device, dtype=cell.dtype)
    reference = timing.conditions.reference_seconds
    if roof is not None and reference:
        roof = replace(roof, flops_per_second=kernels.matmul_flops(cell.device) / reference)
    position = roof and roofline.position(
        flops=facts.hardware_flops,
        moved_bytes=facts.moved_bytes,
        kernels=facts.kernels,
        seconds=seconds,
        roof=roof,
    )
    names = [field.name for field in fields(roofline.Position)]
    return {name: getattr(position, name, None) for name in names}


def _energy(timing: Timing) -> dict[str, Any]:
    energy = timing.energy
    return {
        "energy_joules": energy.joules_per_pass,
        "energy_window_seconds": energy.window_seconds,
        "energy_source": energy.source,
    }


def _launches(timing: Timing) -> dict[str, Any]:
    """On a GPU the raw times of all three kinds, and the overhead of launches; else nothing."""
    if timing.launches is None:
        return {}
    return {
        **plain(timing.launches),
        "launch_seconds": timing.launches.launch_seconds,
        "launch_seconds_per_layer": timing.launches.launch_seconds_each(timing.weight_layers),
    }
