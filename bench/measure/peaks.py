"""Published peaks of GPUs: dense FLOP/s by dtype and memory bandwidth, each with its source.

An MFU above 100% comes from a peak of another device or another kind of arithmetic, so nothing here
is guessed: a name must match whole, as the driver gives it, and what is not in the table is None.
`NVIDIA H100 PCIe` is not an `NVIDIA H100 80GB HBM3`, and a MIG slice or a laptop's GPU is neither.
Tensor-core figures are dense: where the vendor prints the sparse one, half of it. fp16 is with
accumulation in fp32, which is what PyTorch uses; GeForce cards reach twice as much without it.

fp32 has two peaks. By default PyTorch multiplies matrices in fp32 proper but lets convolutions use
TF32, whose peak is two to eight times higher on tensor cores. Pass `tf32=tf32_allowed()`: with TF32
allowed for either, its peak is the honest denominator.

Left out on purpose: names that stand for cards of different speed (RTX 3080, RTX 2080 Ti), and
cards whose published figures contradict each other (A10G, L40). A card that its maker or owner
clocks above the reference can pass a peak by as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

_TERA = 1e12
_GIGA = 1e9


@dataclass(frozen=True, kw_only=True)
class PublishedPeak:
    """What a device reaches at most, by its vendor.

    Attributes:
        dtype: whose arithmetic it is: "fp32", "tf32", "bf16" or "fp16".
        flops_per_second: dense.
        bytes_per_second: bandwidth of the device's memory.
        source: the vendor's document.
    """

    device_name: str
    dtype: str
    flops_per_second: float
    bytes_per_second: float
    source: str


class _Row(NamedTuple):
    """TFLOP/s by dtype (None: no such tensor cores) and GB/s."""

    fp32: float
    tf32: float | None
    bf16: float | None
    fp16: float
    gigabytes: float
    source: str


_VOLTA = "Tesla V100 datasheet"
_A100 = "A100 Tensor Core GPU datasheet"
_HOPPER = "H100 Tensor Core GPU Architecture whitepaper"
_H200 = "H200 Tensor Core GPU datasheet (half of the sparse figures)"

# The keys are the driver's names without a leading "NVIDIA ", which older drivers leave out.
_TABLE: Mapping[str, _Row] = {
    "Tesla V100-SXM2-16GB": _Row(15.7, None, None, 125, 900, _VOLTA),
    "Tesla V100-SXM2-32GB": _Row(15.7, None, None, 125, 900, _VOLTA),
    "Tesla V100-PCIE-16GB": _Row(14, None, None, 112, 900, _VOLTA),
    "Tesla V100-PCIE-32GB": _Row(14, None, None, 112, 900, _VOLTA),
    "Tesla V100S-PCIE-32GB": _Row(16.4, None, None, 130, 1134, _VOLTA),
    "Tesla T4": _Row(8.1, None, None, 65, 320, "T4 product brief"),
    "A100-SXM4-40GB": _Row(19.5, 156, 312, 312, 1555, _A100),
    "A100-PCIE-40GB": _Row(19.5, 156, 312, 312, 1555, _A100),
    "A100-SXM4-80GB": _Row(19.5, 156, 312, 312, 2039, _A100),
    "A100 80GB PCIe": _Row(19.5, 156, 312, 312, 1935, _A100),
    "A10": _Row(31.2, 62.5, 125, 125, 600, "A10 Tensor Core GPU datasheet"),
    "A30": _Row(10.3, 82, 165, 165, 933, "A30 Tensor Core GPU datasheet"),
    "A40": _Row(37.4, 74.8, 149.7, 149.7, 696, "A40 datasheet"),
    "L4": _Row(30.3, 60, 121, 121, 300, "L4 datasheet (half of the sparse figures)"),
    "L40S": _Row(91.6, 183, 362.05, 362.05, 864, "L40S datasheet"),
    "H100 80GB HBM3": _Row(66.9, 494.7, 989.4, 989.4, 3350, _HOPPER),
    "H100 PCIe": _Row(51.2, 378, 756, 756, 2000, _HOPPER),
    "H100 NVL": _Row(
        60, 417.5, 835.5, 835.5, 3900, "H100 NVL product brief (half of the sparse figures)"
    ),
    "H200": _Row(67, 494.5, 989.5, 989.5, 4800, _H200),
    "H200 NVL": _Row(60, 417.5, 835.5, 835.5, 4800, _H200),
    "B200": _Row(75, 1100, 2250, 2250, 7700, "HGX B200 datasheet (half of the sparse figures)"),
    "GeForce RTX 3090": _Row(35.6, 35.6, 71, 71, 936, "GA102 architecture whitepaper"),
    "GeForce RTX 4090": _Row(82.6, 82.6, 165.2, 165.2, 1008, "Ada architecture whitepaper"),
    "GeForce RTX 5090": _Row(
        104.8, 104.8, 209.5, 209.5, 1792, "RTX Blackwell architecture whitepaper"
    ),
}


def published(device_name: str, dtype: str, *, tf32: bool = False) -> PublishedPeak | None:
    """The peak of a device for `dtype`; None for a device or dtype that is not in the table.

    Args:
        device_name: as `torch.cuda.get_device_name` or NVML gives it.
        dtype: "fp32", "tf32", "bf16" or "fp16".
        tf32: whether fp32 work may run as TF32; matters only for fp32, on devices that have it.
    """
    row = _TABLE.get(device_name.removeprefix("NVIDIA "))
    if row is None or dtype not in ("fp32", "tf32", "bf16", "fp16"):
        return None
    kind = "tf32" if dtype == "fp32" and tf32 and row.tf32 is not None else dtype
    teraflops: float | None = getattr(row, kind)
    if teraflops is None:
        return None
    return PublishedPeak(
        device_name=device_name,
        dtype=kind,
        flops_per_second=teraflops * _TERA,
        bytes_per_second=row.gigabytes * _GIGA,
        source=f"NVIDIA {row.source}",
    )


def tf32_allowed() -> bool:
    """Whether PyTorch may now run fp32 matrix products or convolutions as TF32."""
    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    try:
        return bool(matmul.allow_tf32 or cudnn.allow_tf32)
    except RuntimeError:  # set through `fp32_precision`, for which the flags have no answer
        parts = (matmul, cudnn.conv, cudnn.rnn)
        return "tf32" in [part.fp32_precision for part in parts]
