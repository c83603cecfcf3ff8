"""The cells and trainings of a study, and whether its families can have these depths at all."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import families, setting
from .families import Family
from .isolate import OutOfTimeError, time_limit
from .options import DEFAULT_DEPTHS, DEFAULT_FAMILIES, Options
from .points import Cell, Training
from .setting import Setting
from .train import tasks
from .train.tasks import Task


@dataclass(frozen=True)
class Grid:
    """`trainings` holds one tuple a (family, depth): its seeds; `networks` the deepest training of
    each family, whose limits may be measured; `task` the data, where they had to be looked at."""

    families: tuple[Family, ...]
    cells: tuple[Cell, ...]
    trainings: tuple[tuple[Training, ...], ...]
    networks: tuple[Training, ...] = ()
    task: Task | None = None


def make(options: Options) -> Grid:
    """Everything that `options` ask for, shallow before deep within a family.

    Raises:
        InputError: an unknown family, task or knob, a depth that a family cannot have, or one that
            cannot be made equal to the others as was asked.
    """
    found = {family.name: family for family in map(families.find, options.families)}
    options = replace(options, task=tasks.check(options.task))
    points = [(family, depth) for family in found.values() for depth in depths(family, options)]
    for family, depth in points:
        with contextlib.suppress(OutOfTimeError), time_limit(options.cell_timeout):
            family.check_depth(depth)  # what takes too long here will do so in its child
    task = tasks.load(options.task) if setting.depends_on_task(options) else None
    settings = {
        family.name: setting.settings(family, depths(family, options), options, task)
        for family in found.values()
    }
    chosen = [(family, depth, settings[family.name][depth]) for family, depth in points]
    trained = tuple(tuple(trainings(*each, options)) for each in chosen)
    return Grid(
        tuple(found.values()),
        tuple(cell for each in chosen for cell in _cells(*each, options)),
        trained,
        tuple({seeds[0].family: seeds[0] for seeds in trained}.values()),
        task,
    )


def depths(family: Family, options: Options) -> tuple[int, ...]:
    """Those asked for; else the default study's, or those that the family names."""
    if options.depths is not None:
        return options.depths
    if options.families == DEFAULT_FAMILIES or not family.depths:
        return DEFAULT_DEPTHS
    return family.depths


def _cells(family: Family, depth: int, chosen: Setting, options: Options) -> Iterator[Cell]:
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
                match=chosen.match,
            )


def trainings(family: Family, depth: int, chosen: Setting, options: Options) -> Iterator[Training]:
    """All seeds of one depth."""
    for seed in range(options.seeds):
        yield Training(
            family=family.name,
            depth=depth,
            task=options.task,
            seed=seed,
            epochs=chosen.epochs,
            steps=chosen.steps,
            train_for=str(options.train_for) if options.train_for else None,
            match=chosen.match,
            optimizer=options.optimizer,
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            batch_size=options.batch_sizes[0],
            dtype=options.dtype,
            device=options.device,
            threads=options.threads,
        )
