"""Pages of comparisons, written to disk from small studies."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.budget import parse_budgets
from reports.hardware import compare
from reports.hardware_page import comparison_page
from reports.machine_specs import MachineSpec
from reports.machines import read_machines
from reports.price import Price
from tests.reports import machines

from .pages import HOSTILE

COMMAND = "howdeep compare a.json b.json --html page.html"


def crossing(depth: int) -> float:
    """Of the times of a machine with an overhead of 10 layers, each of which takes half as long,
    within 3%."""
    return (10 + depth / 2) / depth * (1 + 0.03 * math.sin(depth))


def two() -> dict[str, Any]:
    """Two machines with something for every chart."""
    fast = machines.kernels(2e11, 4e10, 4e-6)
    slow = machines.kernels(1e11, 2e10, 1e-6)
    return {
        "cpu": machines.study(
            runs=True, kernels=slow, bound="compute", mfu=0.3, energy_joules=1.5
        ),
        "gpu": machines.study(
            crossing, runs=True, kernels=fast, bound="launches", mfu=0.1, energy_joules=2.5
        ),
    }  # fmt: skip


def many(count: int) -> dict[str, Any]:
    """So many machines, each slower than the one before."""
    return {f"m{i}": machines.study(lambda _, i=i: 1 + i / 10) for i in range(count)}


def hostile() -> dict[str, Any]:
    """Machines of these names, which also say so of their CPUs, and warn of it."""
    return {
        name: machines.study(
            lambda _, place=place: 1.0 + place,
            environment={"cpu_model": name, "command": name},
            warnings=[name],
        )
        for place, name in enumerate(HOSTILE.values())
    }


def written(
    folder: Path, documents: dict[str, Any], *, budgets: Sequence[str] = (),
    prices: Sequence[Price] = (),
) -> Path:  # fmt: skip
    """The page of a comparison of these documents as a file; names may be anything."""
    paths = machines.write(
        folder, **{f"file{i}": each for i, each in enumerate(documents.values())}
    )
    specs = [MachineSpec(name, (Path(path),)) for name, path in zip(documents, paths, strict=True)]
    read = read_machines(specs)
    found = compare(read, budgets=parse_budgets(list(budgets)), prices=prices)
    page = folder / "compare.html"
    page.write_text(comparison_page(found, read, COMMAND), encoding="utf-8")
    return page
