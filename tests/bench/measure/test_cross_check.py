"""fvcore's count beside ours."""

import logging

import pytest
import torch
from torch import nn

from bench import families
from bench.measure import cross_check, operations
from bench.records import Operations


def counted(macs: int) -> Operations:
    return Operations(forward_flops=2 * macs, backward_flops=None, uncounted_ops=(), device="meta")


@pytest.mark.parametrize("spec", ["mlp", "mlp:norm=layer", "resnet", "cifar_resnet"])
def test_fvcore_agrees_on_the_built_in_families(spec: str) -> None:
    """Products and convolutions are the same number, norms left out on both sides."""
    family = families.find(spec)
    network, inputs = family.build(8).eval(), family.example_input(1)
    macs = cross_check.fvcore_macs(network, inputs)
    assert 2 * macs == operations.count(network, inputs).forward_flops


@pytest.mark.parametrize("macs", [980, 1_000, 1_020])
def test_two_percent_are_let_pass(macs: int) -> None:
    """The tolerance holds in both directions, its edge included."""
    assert cross_check.compare(counted(1_000), macs) is None


@pytest.mark.parametrize(("macs", "share"), [(979, "2.1%"), (1_500, "50.0%"), (0, "100.0%")])
def test_a_larger_difference_is_told_in_numbers(macs: int, share: str) -> None:
    """The warning has both counts, the difference and what to do."""
    warning = cross_check.compare(counted(1_000), macs)
    assert warning is not None
    assert f"{macs:,} MACs" in warning
    assert "1,000" in warning
    assert share in warning
    assert "--per-module" in warning


def test_nothing_counted_on_either_side_agrees() -> None:
    """No division by zero."""
    assert cross_check.compare(counted(0), 0) is None


def test_fvcore_is_blind_to_attention() -> None:
    """So its difference there says nothing of the network; elsewhere it sees all products."""
    family = families.find("gpt:width=16,heads=2,context=8,vocabulary=20")
    assert cross_check.blind_to(family.build(1), family.example_input(1)) == (
        "aten::scaled_dot_product_attention",
    )
    resnet = families.find("resnet")
    assert cross_check.blind_to(resnet.build(4), resnet.example_input(1)) == ()


def test_table_names_modules_and_parameters() -> None:
    """Each module stands in it with its parameters and fvcore's FLOPs."""
    network = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in cross_check.per_module_table(network, torch.zeros(2, 4)).splitlines()
    ]
    assert ["0", str(4 * 8 + 8), str(2 * 4 * 8)] in rows  # multiply-adds of two rows
    assert ["1", str(8 * 3 + 3), str(2 * 8 * 3)] in rows
    assert ["0.weight", "(8, 4)", ""] in rows


def test_model_and_logging_are_left_as_found() -> None:
    """Mixed modes, running statistics and fvcore's log level are as before."""
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.BatchNorm1d(8), nn.Dropout())
    network.train()
    network[2].eval()
    modes = [m.training for m in network.modules()]
    tensors = {k: v.tolist() for k, v in network.state_dict().items()}
    level = logging.getLogger("fvcore").level
    random = torch.get_rng_state()
    cross_check.fvcore_macs(network, torch.ones(3, 4))
    assert [m.training for m in network.modules()] == modes
    assert {k: v.tolist() for k, v in network.state_dict().items()} == tensors
    assert logging.getLogger("fvcore").level == level
    assert torch.equal(torch.get_rng_state(), random)


def test_one_row_passes_a_batch_norm() -> None:
    """It counts in eval mode, whatever mode the network is in."""
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)).train()
    assert cross_check.fvcore_macs(network, torch.ones(1, 4)) == 4 * 8


def test_dict_input_is_refused_in_words() -> None:
    """fvcore has no keyword inputs."""
    with pytest.raises(TypeError, match="this input is a dict"):
        cross_check.fvcore_macs(nn.Linear(4, 4), {"input": torch.zeros(1, 4)})
