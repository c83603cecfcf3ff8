"""Bytes and kernels of single operators, by their shapes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bench.measure.traffic import Touch, moved_bytes, stored_bytes, touch

N = 6  # a square matrix of so many rows
MATRIX = 4 * N * N  # bytes
INDEX = 8 * 3


class Seen(TorchDispatchMode):
    """The bytes of all operators that run inside, and how many of them are kernels."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self.kernels = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.bytes += moved_bytes(func, args, kwargs or {}, out)
        self.kernels += touch(func) is not Touch.NOTHING
        return out


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda x, _: x + x, 3 * MATRIX),
        (lambda x, _: x + 1, 2 * MATRIX),
        (lambda x, _: x @ x, 3 * MATRIX),
        (lambda x, _: x.relu_(), 2 * MATRIX),
        (lambda x, _: x.sum(), MATRIX + 4),
        (lambda x, _: torch.cat([x, x, x]), 6 * MATRIX),
        (lambda x, _: x.to(torch.bfloat16), MATRIX + MATRIX // 2),
        (lambda x, _: x.expand(5, N, N) + 0, MATRIX + 5 * MATRIX),
    ],
)
def test_an_operator_reads_its_arguments_and_writes_its_outputs(
    run: Callable[[Tensor, Tensor], Tensor], expected: int
) -> None:
    """One kernel each; what is expanded lies in memory once."""
    check(run, expected, kernels=1)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda x, _: x.zero_(), MATRIX),
        (lambda x, _: x.copy_(x.t()), 2 * MATRIX),
        (lambda x, _: torch.zeros_like(x), MATRIX),
        (lambda x, _: x.new_ones(2), 2 * 4),
    ],
)
def test_what_is_overwritten_is_not_read(
    run: Callable[[Tensor, Tensor], Tensor], expected: int
) -> None:
    """A fill writes only, a copy reads its source only."""
    check(run, expected, kernels=1)


@pytest.mark.parametrize(
    "run",
    [
        lambda x, rows: torch.nn.functional.embedding(rows, x),
        lambda x, rows: x[rows],
        lambda x, rows: x.index_select(0, rows),
    ],
)
def test_of_a_table_only_the_rows_asked_for_are_read(
    run: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Three rows are read and written, and their numbers are read; the other rows are not."""
    check(run, INDEX + 2 * 3 * 4 * N, kernels=1)


@pytest.mark.parametrize(
    "run",
    [
        lambda x, _: x.view(-1),
        lambda x, _: x.t(),
        lambda x, _: x[1:3],
        lambda x, _: x.expand(4, N, N),
        lambda x, _: x.detach(),
        lambda x, _: torch.empty_like(x),
    ],
)
def test_views_and_allocations_move_nothing(run: Callable[[Tensor, Tensor], Tensor]) -> None:
    """No byte and no kernel."""
    check(run, 0, kernels=0)


def check(run: Callable[[Tensor, Tensor], Tensor], expected: int, *, kernels: int) -> None:
    with torch.device("meta"):
        x, rows = torch.ones(N, N), torch.arange(3)
        with Seen() as seen:
            run(x, rows)
    assert seen.bytes == expected
    assert seen.kernels == kernels


def test_an_empty_tensor_has_no_bytes() -> None:
    """Also when it is expanded."""
    assert stored_bytes(torch.ones(1, 1).expand(0, 5)) == 0
    assert stored_bytes(torch.ones(0, 3)) == 0
