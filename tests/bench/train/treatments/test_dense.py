"""Dense connections by averaging."""

import pytest
import torch
from torch import nn

from bench.train.treatments.dense import DenselyConnected
from bench.train.treatments.table import find
from tests.bench.train.small import family


class Twice(nn.Module):
    """Twice its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def test_each_block_reads_the_mean_of_all_before_it() -> None:
    """Of x, 2x is made, of their mean 3x; the mean of all three is 2x."""
    out = DenselyConnected(Twice(), Twice())(torch.ones(1, 3))
    assert torch.equal(out, torch.full((1, 3), 2.0))


def test_a_change_of_shape_begins_anew() -> None:
    """What follows it reads from there on."""
    layer = nn.Linear(3, 2)
    x = torch.ones(1, 3)
    out = DenselyConnected(Twice(), layer, Twice())(x)
    after = layer(1.5 * x)
    assert torch.allclose(out, (after + 2 * after) / 2)


@pytest.mark.parametrize("spec", ["mlp", "resnet:residual=false"])
def test_the_layers_keep_their_names_and_weights(spec: str) -> None:
    """So that it is the same network with other connections."""
    model = family(spec).build(8)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    prepare = find("dense").prepare
    assert prepare is not None
    dense = prepare(model, torch.zeros(2, 1, 6))
    after = dense.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any(isinstance(module, DenselyConnected) for module in dense.modules())
    assert dense.training


def test_a_network_without_rows_of_blocks_is_refused() -> None:
    """In one line."""
    prepare = find("dense").prepare
    assert prepare is not None
    with pytest.raises(ValueError, match=r"expected blocks in an nn\.Sequential"):
        prepare(nn.Linear(3, 2), torch.zeros(2, 3))
