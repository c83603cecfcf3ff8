"""Norms, against their definitions."""

import pytest
import torch
from torch import nn

from models import blocks


def test_layer_norm_of_vectors_is_layer_norm() -> None:
    """On (batch, channels) `layer` computes what `nn.LayerNorm` does."""
    x = torch.randn(4, 12)
    norm = blocks.NORMS["layer"](12, 0)
    assert norm is not None
    torch.testing.assert_close(norm(x), nn.LayerNorm(12)(x))


@pytest.mark.parametrize("channels", [2, 3, 4, 8, 16, 24, 64, 100])
def test_groups_hold_two_channels_or_more(channels: int) -> None:
    """At most 8 equal groups: no unit is alone in its group, where a norm would erase it."""
    groups = blocks.group_norm(channels, 0).num_groups
    assert groups <= 8
    assert channels % groups == 0
    assert channels // groups >= 2


def test_only_batch_norm_mixes_samples() -> None:
    """A sample's result depends on the rest of the batch under `batch` alone."""
    x = torch.randn(4, 16, 10)
    for name in ("batch", "layer", "group"):
        norm = blocks.NORMS[name](16, 1)
        assert norm is not None
        assert torch.allclose(norm(x)[:2], norm(x[:2]), atol=1e-6) is (name != "batch")
