"""The table of charts: a section each, in the order of the page."""

from collections.abc import Iterator

from ..findings import Findings
from . import (
    accuracy,
    compute,
    costs,
    data_size,
    degradation,
    front,
    gradients,
    learning,
    optimization,
    overfitting,
    roofline,
)
from .figure import Figure, Missing, Section

LIMITS = (gradients, overfitting, degradation, compute, optimization, data_size)
"""A panel each, in the order of the limits."""


def _panels(findings: Findings) -> Iterator[Figure | Missing]:
    for panel in LIMITS:
        yield from panel.draw(findings)


SECTIONS = (
    Section(
        "accuracy",
        "Accuracy against depth",
        "Small rings are seeds, filled points their means with 95% intervals. Dotted and dashed "
        "curves are fits: they decide nothing, and end at twice the deepest depth.",
        accuracy.draw,
    ),
    Section(
        "cost-of-accuracy",
        "Accuracy against cost",
        "Filled points are on the Pareto front: more accurate than every cheaper depth. Numbers "
        "are depths; a ring marks the knee, which moves with the axis and decides nothing.",
        front.draw,
    ),
    Section(
        "costs",
        "Costs against depth",
        "Each line is fitted to all depths: its slope is what one more layer adds. Thick bars are "
        "interquartile ranges of latency.",
        costs.draw,
    ),
    Section(
        "roofline",
        "Roofline",
        "The roof is what the machine's measured peaks of arithmetic and of memory allow. Points "
        "under its slope are bound by memory, under its level part by arithmetic; far below it, by "
        "launches or by what no roof knows.",
        roofline.draw,
    ),
    Section(
        "learning",
        "Learning curves by depth",
        "The mean training loss over the seeds, after each epoch.",
        learning.draw,
    ),
    Section(
        "limits",
        "What stops it: the six limits",
        "One panel a limit: what it would look like if it were the one that binds.",
        _panels,
    ),
)
