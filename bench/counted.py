"""The four networks on which counters are compared, and what each of them truly costs.

The costs follow from the shapes of the layers alone (see the tests): a layer's forward is one
multiply-add (MAC) for each use of a weight, attention's two products count in full, and norms,
activations, pooling and biases count nothing. The backward of a layer is two products of its
forward's size, one for the weight and one for its input, of which the first layer needs none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import families, mobilenet_v2

_MOBILENET_V2 = tuple(mobilenet_v2.layers())


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network with one sample for it, and its costs for that sample.

    Attributes:
        macs: of a forward pass.
        first_layer_macs: of them, those of a first layer whose input gets no gradient; 0 where
            that is an embedding.
        transformer: some counters are not meant for these.
    """

    name: str
    make: Callable[[], tuple[nn.Module, Tensor]]
    parameters: int
    macs: int
    first_layer_macs: int
    transformer: bool

    @property
    def step_flops(self) -> int:
        """FLOPs of forward and backward, two for each multiply-add."""
        return 2 * (3 * self.macs - self.first_layer_macs)

    def build(self, device: str) -> tuple[nn.Module, Tensor]:
        """The network in eval mode and its input, (1, *shape), both on `device`."""
        with torch.device(device):
            model, inputs = self.make()
        return model.eval(), inputs


def _family(spec: str, depth: int) -> Callable[[], tuple[nn.Module, Tensor]]:
    def make() -> tuple[nn.Module, Tensor]:
        family = families.find(spec)
        return family.build(depth), family.example_input(1)

    return make


def _depthwise() -> tuple[nn.Module, Tensor]:
    return mobilenet_v2.build(), torch.zeros(1, *mobilenet_v2.INPUT_SHAPE)


NETWORKS = (
    Network(
        name="resnet50",
        make=_family("resnet_imagenet", 50),
        parameters=25_557_032,
        macs=4_089_184_256,
        first_layer_macs=112**2 * 64 * 3 * 7**2,
        transformer=False,
    ),
    Network(
        name="mobilenet_v2",
        make=_depthwise,
        parameters=sum(layer.parameters for layer in _MOBILENET_V2),
        macs=sum(layer.macs for layer in _MOBILENET_V2),
        first_layer_macs=_MOBILENET_V2[0].macs,
        transformer=False,
    ),
    Network(
        name="vit_b16",
        make=_family("vit", 12),
        parameters=86_567_656,
        macs=17_563_828_224,
        first_layer_macs=14**2 * 768 * 3 * 16**2,
        transformer=True,
    ),
    Network(
        name="gpt2",
        make=_family("gpt", 12),
        parameters=124_439_808,
        macs=145_824_153_600,
        first_layer_macs=0,
        transformer=True,
    ),
)
