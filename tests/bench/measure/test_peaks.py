"""Published peaks: whose they are, and whose they are not."""

from types import SimpleNamespace

import pytest
import torch

from bench.measure import peaks
from bench.measure.peaks import published, tf32_allowed


@pytest.mark.parametrize(
    ("name", "dtype", "flops", "bandwidth"),
    [
        ("NVIDIA H100 80GB HBM3", "bf16", 989.4e12, 3.35e12),
        ("NVIDIA H100 PCIe", "bf16", 756e12, 2.0e12),
        ("NVIDIA A100-SXM4-80GB", "tf32", 156e12, 2.039e12),
        ("A100-SXM4-40GB", "fp32", 19.5e12, 1.555e12),
        ("Tesla V100-SXM2-16GB", "fp16", 125e12, 900e9),
        ("NVIDIA GeForce RTX 4090", "fp16", 165.2e12, 1008e9),
    ],
)
def test_dense_peaks(name: str, dtype: str, flops: float, bandwidth: float) -> None:
    """As the vendor has it; older drivers leave out "NVIDIA"."""
    peak = published(name, dtype)
    assert peak is not None
    assert peak.flops_per_second == flops
    assert peak.bytes_per_second == bandwidth
    assert peak.source.startswith("NVIDIA ")
    assert peak.device_name == name


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA H100",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA H100 SXM5 96GB",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA A10G",
        "NVIDIA L40",
        "AMD Instinct MI300X",
        "cpu",
        "",
    ],
)
def test_an_unknown_device_has_no_peak(name: str) -> None:
    """A name that only resembles a known one is unknown."""
    assert published(name, "bf16") is None


@pytest.mark.parametrize("dtype", ["fp64", "int8", "gigabytes", "source", ""])
def test_an_unknown_dtype_has_no_peak(dtype: str) -> None:
    """Also when it is the name of something else in the table."""
    assert published("NVIDIA H200", dtype) is None


@pytest.mark.parametrize("dtype", ["bf16", "tf32"])
def test_a_device_without_such_tensor_cores_has_no_peak(dtype: str) -> None:
    """Volta and Turing have neither bf16 nor TF32."""
    assert published("Tesla T4", dtype) is None


def test_fp32_is_tf32_where_that_is_allowed() -> None:
    """The peak says whose it is. A device without TF32 stays at fp32, and bf16 is not touched."""
    name = "NVIDIA A100-SXM4-80GB"
    proper, allowed = published(name, "fp32"), published(name, "fp32", tf32=True)
    assert proper is not None
    assert allowed is not None
    assert (proper.dtype, proper.flops_per_second) == ("fp32", 19.5e12)
    assert allowed == published(name, "tf32")
    assert published("Tesla T4", "fp32", tf32=True) == published("Tesla T4", "fp32")
    assert published(name, "bf16", tf32=True) == published(name, "bf16")


@pytest.mark.parametrize("name", peaks._TABLE)
def test_no_figure_is_a_sparse_one(name: str) -> None:
    """Dense tensor cores: TF32 takes at least twice as long as fp16, and fp16 and bf16 as long as
    each other. A sparse figure beside a dense one would break that."""
    row = peaks._TABLE[name]
    if row.tf32 is not None:
        assert row.fp16 / row.tf32 == pytest.approx(2, rel=0.03)
        assert row.tf32 >= row.fp32
    assert row.bf16 in (None, row.fp16)
    assert not name.startswith("NVIDIA ")


def test_ridge_of_no_device_is_absurd() -> None:
    """FLOPs per byte in fp16 of these generations lie between 70 and 500."""
    for row in peaks._TABLE.values():
        assert 70 < row.fp16 * 1e12 / (row.gigabytes * 1e9) < 500


@pytest.mark.parametrize(
    ("matmul", "convolution", "expected"),
    [(False, False, False), (False, True, True), (True, False, True)],
)
def test_tf32_is_allowed_by_either_flag(
    monkeypatch: pytest.MonkeyPatch, matmul: bool, convolution: bool, expected: bool
) -> None:
    """PyTorch has one flag for matrix products and one for convolutions."""
    monkeypatch.setattr(torch.backends.cuda, "matmul", SimpleNamespace(allow_tf32=matmul))
    monkeypatch.setattr(torch.backends, "cudnn", SimpleNamespace(allow_tf32=convolution))
    assert tf32_allowed() is expected


class Refusing:
    """A backend whose flag has no answer, as after setting the precision by operator."""

    def __init__(self, fp32_precision: str) -> None:
        self.conv = self.rnn = self
        self.fp32_precision = fp32_precision

    @property
    def allow_tf32(self) -> bool:
        raise RuntimeError("mix of the legacy and new APIs")


@pytest.mark.parametrize(("precision", "expected"), [("tf32", True), ("ieee", False)])
def test_tf32_is_told_by_the_precision_where_the_flags_refuse(
    monkeypatch: pytest.MonkeyPatch, precision: str, expected: bool
) -> None:
    """The precision of an operator is asked for instead."""
    monkeypatch.setattr(torch.backends.cuda, "matmul", Refusing("ieee"))
    monkeypatch.setattr(torch.backends, "cudnn", Refusing(precision))
    assert tf32_allowed() is expected
