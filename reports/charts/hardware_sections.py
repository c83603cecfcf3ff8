"""The table of a comparison's charts: a section each, in the order of its page."""

from ..hardware import Comparison
from . import (
    hardware_budget,
    hardware_lines,
    hardware_ratio,
    hardware_time,
    hardware_training,
    hardware_use,
)
from .figure import Section

SECTIONS: tuple[Section[Comparison], ...] = (
    Section(
        "ratios",
        "Time over that of the base",
        "Each row is a cell, the last one the geometric mean of the rows above it. An interval "
        "that touches the dashed line decides nothing.",
        hardware_ratio.draw,
    ),
    Section(
        "time",
        "Time against depth",
        "Medians of a batch. Thick bars are 95% intervals, mostly smaller than the points.",
        hardware_time.draw,
    ),
    Section(
        "layers",
        "What is fixed, and what a layer adds",
        "Time is fitted as overhead + time a layer x depth. Where two lines cross, the other "
        "machine becomes the faster one.",
        hardware_lines.draw,
    ),
    Section(
        "use",
        "Throughput, MFU, memory and energy",
        "Of the deepest cell that machines share.",
        hardware_use.draw,
    ),
    Section(
        "budgets",
        "The best depth under a budget",
        "The same budget everywhere; accuracy does not depend on the machine, costs do.",
        hardware_budget.draw,
    ),
    Section(
        "training",
        "A training run",
        "Only trainings that were measured on a machine, with the same settings.",
        hardware_training.draw,
    ),
)
