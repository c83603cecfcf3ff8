"""What the charts of a comparison share: which machines are drawn, their labels and colours, and
the order of networks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import altair as alt

from ..hardware import Comparison
from ..hardware_blocks import shared_series, told_of
from ..hardware_cells import Series, series_words
from ..hardware_tables import shown_machines
from ..labels import labels, shortened
from .style import COLOURS

LONGEST_MACHINE = 32
"""Letters of a machine's name in a legend."""

SHAPES = ("circle", "square", "triangle-up", "diamond")


def drawn(found: Comparison) -> Mapping[str, str]:
    """The machines that are drawn and their labels, the base first."""
    return labels(shown_machines(found), LONGEST_MACHINE)


def others(found: Comparison) -> Mapping[str, str]:
    """Those that are drawn, without the base."""
    return {name: label for name, label in drawn(found).items() if name != found.base}


def some(found: Comparison) -> str:
    """Says that not every machine is drawn; empty where all are."""
    shown = len(drawn(found))
    if shown == len(found.machines):
        return ""
    return (
        f" Of {len(found.machines)} machines the base, the two fastest and the slowest are drawn."
    )


def colour(found: Comparison, names: Sequence[str]) -> alt.Color:
    """A machine has one colour in all charts; names: the labels that a chart holds."""
    return alt.Color("series:N", scale=_scale(found, names, COLOURS))


def shape(found: Comparison, names: Sequence[str]) -> alt.Shape:
    """Beside colours, for those who cannot tell them apart."""
    return alt.Shape("series:N", scale=_scale(found, names, SHAPES))


def _scale(found: Comparison, names: Sequence[str], values: Sequence[str]) -> alt.Scale:
    places = list(drawn(found).values())
    return alt.Scale(
        domain=list(names), range=[values[places.index(name) % len(values)] for name in names]
    )


def by_network(found: Comparison) -> list[Series]:
    """The series that are shared, those of one network and setting together."""
    series = shared_series(found)
    networks = list(dict.fromkeys(replace(each, pass_=None) for each in series))
    return sorted(series, key=lambda each: networks.index(replace(each, pass_=None)))


def network(found: Comparison, series: Series) -> str:
    """The heading of the figures of a network: its family, and the setting where several are."""
    return shortened(series_words(replace(series, pass_=None), told_of(found)), 120)
