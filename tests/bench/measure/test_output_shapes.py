"""An output as a line of text."""

from typing import Any

import pytest
import torch

from bench.measure.output_shapes import shape_text


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (torch.zeros(8, 10), "8x10"),
        (torch.tensor(1.0), "scalar"),
        (torch.zeros(8, 10, dtype=torch.int64), "8x10:int64"),
        ((torch.zeros(2), [torch.zeros(3), None]), "(2, [3, NoneType])"),
        ({"logits": torch.zeros(4, 2), "loss": torch.tensor(0.0)}, "{logits: 4x2, loss: scalar}"),
    ],
)
def test_shapes_are_told_in_their_structure(output: Any, text: str) -> None:
    """Tensors by their sizes, others by their type, and an unusual dtype is marked."""
    assert shape_text(output, torch.float32) == text
