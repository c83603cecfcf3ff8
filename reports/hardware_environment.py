"""What differs between the machines of a comparison, before any figure is compared.

Only what differs is listed, so that a reader sees at once whether a ratio is that of the hardware,
or of another number of threads, another PyTorch or another clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .machines import Machine
from .rows import mapping, number_or_none
from .tables import records

# One value a machine and fact: a text, or null where the files do not say.
Facts = Mapping[str, str | None]


@dataclass(frozen=True)
class Difference:
    """A fact that is not the same everywhere; values: by machine, null where it is unknown."""

    name: str
    values: Mapping[str, str | None]


def differences(machines: Sequence[Machine]) -> tuple[Difference, ...]:
    """The facts in which at least two machines are known to differ."""
    facts = {machine.name: facts_of(machine) for machine in machines}
    names = dict.fromkeys(name for known in facts.values() for name in known)
    found = [
        Difference(name, {machine: known.get(name) for machine, known in facts.items()})
        for name in names
    ]
    return tuple(each for each in found if len(set(each.values.values()) - {None}) > 1)


def silent(machines: Sequence[Machine]) -> tuple[str, ...]:
    """The machines whose files say nothing about where they were measured."""
    return tuple(each.name for each in machines if not any(_about(each).values()))


def facts_of(machine: Machine) -> Facts:
    """All that is known of a machine and of how it was measured, as it is shown."""
    cells = [row for row in records(machine.tables.cells) if row["status"] == "ok"]
    settings = cells if machine.is_study else [_parameters(each) for each in machine.benchmarks]
    measured = {
        name: _joined(row.get(column) for row in settings) for name, column in _MEASURED.items()
    }
    variants = _joined(row["variants"] or "none" for row in cells)
    return {**measured, "variants": variants, **_about(machine), **_speeds(machine)}


_MEASURED = {"threads": "threads", "dtype": "dtype", "batch size": "batch_size", "device": "device"}


def _parameters(benchmark: Mapping[str, Any]) -> Mapping[str, Any]:
    """What another file's benchmark may say of its setting: its name need not hold all of it."""
    return {**mapping(benchmark.get("extra_info")), **mapping(benchmark.get("params"))}


# What a study's environment says, and how it is shown.
_ENVIRONMENT: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "CPU": ("cpu_model", str),
    "cores": ("cores", str),
    "memory": ("memory_bytes", lambda value: _gibibytes(number_or_none(value))),
    "GPU": ("gpu", lambda value: _of_gpus(value, "name")),
    "GPU driver": ("gpu", lambda value: _of_gpus(value, "driver")),
    "PyTorch": ("torch", str),
    "CUDA": ("cuda", str),
    "Python": ("python", str),
    "OS": ("platform", str),
    "commit": ("git_commit", lambda value: str(value)[:12] + "-dirty" * ("dirty" in str(value))),
}


# What a machine may simply not have, so that null says "none" and not "unknown".
_MAY_BE_ABSENT = ("gpu", "cuda")


def _shown(given: Any, shown: Callable[[Any], str], *, absent: str | None) -> str | None:
    return absent if given in (None, "", [], {}) else shown(given) or None


def _about(machine: Machine) -> Facts:
    environments = machine.tables.environments
    said = {
        name: _joined(
            _shown(environment[field], shown, absent="none" if field in _MAY_BE_ABSENT else None)
            for environment in environments
            if field in environment
        )
        for name, (field, shown) in _ENVIRONMENT.items()
    }
    foreign = {} if environments else _of_infos(machine.infos)
    return {**said, **foreign, "advertised clock": _joined(map(_clock, machine.infos))}


def _of_infos(infos: Sequence[Mapping[str, Any]]) -> Facts:
    """What pytest-benchmark itself writes; the CPU's name moved from `brand` to `brand_raw`."""
    cpus = [mapping(info.get("cpu")) for info in infos]
    return {
        "CPU": _joined(cpu.get("brand_raw") or cpu.get("brand") for cpu in cpus),
        "cores": _joined(cpu.get("count") for cpu in cpus),
        "architecture": _joined(info.get("machine") for info in infos),
        "Python": _joined(map(_python, infos)),
        "OS": _joined(
            f"{info['system']} {info.get('release', '')}".strip()
            for info in infos
            if info.get("system")
        ),
    }


def _python(info: Mapping[str, Any]) -> str | None:
    """The version, with the implementation where it is not the usual one."""
    version, implementation = info.get("python_version"), info.get("python_implementation")
    if not version or implementation in (None, "CPython"):
        return version
    return f"{implementation} {version}"


def _clock(info: Mapping[str, Any]) -> str | None:
    """The one that is advertised: the actual one drifts on one machine."""
    given = mapping(info.get("cpu")).get("hz_advertised")
    hertz = number_or_none(given[0]) if isinstance(given, list) and given else None
    return None if not hertz else f"{hertz / 1e9:.2f} GHz"


def _gibibytes(size: float | None) -> str:
    return "" if size is None or size <= 0 else f"{size / 2**30:.1f} GiB"


def _of_gpus(gpus: Any, field: str) -> str:
    given = gpus if isinstance(gpus, list) else [gpus]
    names = [str(mapping(each).get(field) or (each if field == "name" else "")) for each in given]
    return ", ".join(dict.fromkeys(filter(None, names)))


_KERNELS = {"matmul": "measured product", "copy": "measured copy", "launch": "measured launch"}


def _speeds(machine: Machine) -> Facts:
    """What the reference kernels reached on that day: the nearest thing to a clock under load."""
    return {
        words: _joined(_speed(row) for row in machine.kernels if row.get("kernel") == kernel)
        for kernel, words in _KERNELS.items()
    }


def _speed(row: Mapping[str, Any]) -> str | None:
    flops = number_or_none(row.get("flops_per_second"))
    copied = number_or_none(row.get("bytes_per_second"))
    launch = number_or_none(row.get("queued_seconds", row.get("seconds")))
    if flops:
        return f"{flops / 1e9:,.3g} GFLOP/s"
    if copied:
        return f"{copied / 1e9:,.3g} GB/s"
    return f"{1e6 * launch:.3g} µs" if launch else None


def _joined(values: Iterable[Any]) -> str | None:
    """The different values together, null where none is known."""
    known = {_plain(value): None for value in values if value not in (None, "")}
    return " or ".join(sorted(known)) or None


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
