"""Hints that need no counterfactual: what the network's structure says about further depth.

They stand beside the six limits and decide nothing: layers beyond the receptive-field border,
saturation, layers that change little, and how well a linear classifier reads each layer.
"""

from torch import Tensor, nn

from ..measure.linear_probes import linear_probes
from ..measure.receptive_field import receptive_fields
from ..measure.saturation import saturation
from ..measure.similarity import consecutive_similarity
from .evidence import Probe

NAME = "structure"

Labelled = tuple[Tensor, Tensor]


def receptive_field(model: nn.Module, inputs: Tensor, *, depth: int) -> list[Probe]:
    """The border beyond which layers add no context; nothing for networks without convolutions."""
    fields = receptive_fields(model, inputs)
    if fields is None:
        return []
    border = fields.border_layer
    return [
        _probe("receptive_field", float(max(fields.layers[-1].after)), depth),
        _probe("input_size", float(max(fields.input_size)), depth),
        _probe("share_beyond_border", fields.share_beyond, depth, at=border),
    ]


def representations(
    model: nn.Module, train: Labelled, held_out: Labelled, *, depth: int
) -> list[Probe]:
    """Saturation, similarity and linear probes of each hidden layer.

    Args:
        train, held_out: (inputs, labels) to fit the linear probes and to judge them.
    """
    inputs, _ = held_out
    rows = [
        _probe("saturation", v, depth, at=name) for name, v in saturation(model, inputs).items()
    ]
    rows += [
        _probe("similarity_to_next", pair.cka, depth, at=f"{pair.first} - {pair.second}")
        for pair in consecutive_similarity(model, inputs)
    ]
    rows += [
        _probe("linear_probe_accuracy", probe.accuracy, depth, at=probe.layer)
        for probe in linear_probes(model, train, held_out)
    ]
    return rows


def _probe(quantity: str, value: float | None, depth: int, *, at: str | None = None) -> Probe:
    return Probe(limit=NAME, quantity=quantity, depth=depth, value=value, at=at)
