"""`howdeep check BASE NEW`: two studies that were measured, their costs and their accuracies."""

from dataclasses import replace
from pathlib import Path

from reports.errors import InputError
from reports.machine_specs import MachineSpec
from reports.machines import Machine, read_machines
from reports.regression.accuracy import compare_accuracies
from reports.regression.finding import Answer, together
from reports.regression.stored import compare_stored

from .check_settings import Settings


def answer(settings: Settings, files: list[Path], *, normalise: bool) -> Answer:
    """What got worse from the first file to the second.

    Raises:
        InputError: other than two files, or one that cannot be read or holds nothing to compare.
    """
    if len(files) != 2:
        raise InputError(f"two files are compared, BASE NEW; got {len(files)}")
    base, new = read_machines([MachineSpec(str(path), (path,)) for path in files])
    for machine in (base, new):
        _check_holds_something(machine)
    stored = compare_stored(base, new, settings.margins, normalise=normalise)
    found = together((stored, compare_accuracies(base, new, settings.margins)))
    if files[0].resolve() == files[1].resolve():
        return replace(found, notes=("Both are the same file.", *found.notes))
    return found


def _check_holds_something(machine: Machine) -> None:
    empty = machine.tables.cells.empty and machine.tables.runs.empty
    if empty if machine.is_study else not machine.benchmarks:
        raise InputError(f"{machine.name}: holds neither benchmarks nor runs to compare")
