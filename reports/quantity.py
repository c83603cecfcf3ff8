"""Quantities as people type them: `5ms`, `2h`, `24GiB`, `1e15`, `10 MFLOPs`, `3GMACs`, `20mJ`."""

import math
import re

from .errors import InputError

SECONDS = {
    "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3,
    "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
SI = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}
BINARY = {f"{letter}i": 1024.0**power for power, letter in enumerate("kmgtpe", start=1)}

# One multiply-add is two FLOPs.
FLOPS = {
    prefix + name: factor * flops
    for prefix, factor in SI.items()
    for name, flops in {"": 1.0, "flop": 1.0, "flops": 1.0, "mac": 2.0, "macs": 2.0}.items()
}
BYTES = {prefix + name: factor for prefix, factor in (SI | BINARY).items() for name in ("", "b")}
# The one unit of which both the thousandth and the million are in use: their case tells them apart.
JOULES = {
    "": 1.0, "j": 1.0, "uj": 1e-6, "µj": 1e-6, "μj": 1e-6, "mJ": 1e-3, "kj": 1e3, "MJ": 1e6,
    "wh": 3600.0, "kwh": 3.6e6,
}  # fmt: skip

UNITS = {
    "seconds": (SECONDS, "ns, us, ms, s, min, h, d"),
    "flops": (FLOPS, "k, M, G, T, P, E, with or without FLOPs or MACs"),
    "bytes": (BYTES, "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"),
    "joules": (JOULES, "uJ, mJ, J, kJ, MJ, Wh, kWh"),
}

NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*([^\W\d_]*)\s*")


def parse_quantity(text: str, unit: str) -> float:
    """The quantity in `unit` (a key of `UNITS`); upper and lower case mean the same, but for mJ and
    MJ.

    Raises:
        InputError: no positive number, or a suffix that this unit does not have.
    """
    factors, known = UNITS[unit]
    match = NUMBER.fullmatch(text)
    factor = factors.get(match[2], factors.get(match[2].lower())) if match else None
    if match is None or factor is None:
        raise InputError(f"a number of {unit} was expected, with one of {known}; got {text!r}")
    value = float(match[1]) * factor
    if not 0 < value < math.inf:
        raise InputError(f"a finite quantity above 0 was expected; got {text!r}")
    return value
