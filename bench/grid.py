"""The cells and trainings of a study, and whether its families can have these depths at all."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import families
from .families import Family
from .isolate import OutOfTimeError, time_limit
from .options import DEFAULT_DEPTHS, DEFAULT_EPOCHS, DEFAULT_FAMILIES, Options
from .records import Cell, Training
from .train import tasks


@dataclass(frozen=True)
class Grid:
    """`trainings` holds one tuple a (family, depth): its seeds; `networks` the deepest training of
    each family, whose limits may be measured."""

    families: tuple[Family, ...]
    cells: tuple[Cell, ...]
    trainings: tuple[tuple[Training, ...], ...]
    networks: tuple[Training, ...] = ()


def make(options: Options) -> Grid:
    """Everything that `options` ask for, shallow before deep within a family.

    Raises:
        InputError: an unknown family, task or knob, or a depth that a family cannot have.
    """
    found = {family.name: family for family in map(families.find, options.families)}
    options = replace(options, task=tasks.check(options.task))
    points = [(family, depth) for family in found.values() for depth in depths(family, options)]
    for family, depth in points:
        with contextlib.suppress(OutOfTimeError), time_limit(options.cell_timeout):
            family.check_depth(depth)  # what takes too long here will do so in its child
    trainings = tuple(tuple(_trainings(*point, options)) for point in points)
    return Grid(
        tuple(found.values()),
        tuple(cell for point in points for cell in _cells(*point, options)),
        trainings,
        tuple({seeds[0].family: seeds[0] for seeds in trainings}.values()),
    )


def depths(family: Family, options: Options) -> tuple[int, ...]:
    """Those asked for; else the default study's, or those that the family names."""
    if options.depths is not None:
        return options.depths
    if options.families == DEFAULT_FAMILIES or not family.depths:
        return DEFAULT_DEPTHS
    return family.depths


def _cells(family: Family, depth: int, options: Options) -> Iterator[Cell]:
    for batch_size in options.batch_sizes:
        for pass_ in options.passes:
            yield Cell(
                family=family.name,
                depth=depth,
                pass_=pass_,
                batch_size=batch_size,
                dtype=options.dtype,
                device=options.device,
                threads=options.threads,
                variants=options.variants,
            )


def _trainings(family: Family, depth: int, options: Options) -> Iterator[Training]:
    for seed in range(options.seeds):
        yield Training(
            family=family.name,
            depth=depth,
            task=options.task,
            seed=seed,
            epochs=options.epochs or DEFAULT_EPOCHS,
            optimizer=options.optimizer,
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            batch_size=options.batch_sizes[0],
            dtype=options.dtype,
            device=options.device,
            threads=options.threads,
        )
