"""How long a training takes: `10epochs`, `3000steps` or so many training FLOPs, `1e12flops`.

FLOPs give each depth as many steps as come nearest to them: a deeper network then takes fewer.
"""

import math
import re
from dataclasses import dataclass

from .. import known_costs
from ..families import Family
from ..specs import InputError, one_line

FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}

# A number, and a unit with or without a prefix; epochs are meant where there is none.
_TEXT = re.compile(r"(\d+\.?\d*(?:e[+-]?\d+)?)\s*(?:([kmgtpe]?)(epoch|step|flop)s?)?", re.I)

# Rounding to whole steps is then off by 5% at most.
LEAST_STEPS = 10


@dataclass(frozen=True)
class Duration:
    """An amount of `epochs`, `steps` or `flops`; of the first two a whole number."""

    amount: float
    unit: str

    def __str__(self) -> str:
        return f"{self.amount:g}{self.unit}"


def parse(text: str) -> Duration:
    """The duration that a text names; upper and lower case mean the same.

    Raises:
        InputError: it names none, or no whole number of epochs or steps.
    """
    found = _TEXT.fullmatch(text.strip())
    if found:
        number, prefix, name = found.groups(default="")
        amount, unit = float(number) * FACTORS[prefix.lower()], f"{name.lower() or 'epoch'}s"
        if 1 <= amount < math.inf and (unit == "flops" or amount.is_integer()):
            return Duration(amount if unit == "flops" else int(amount), unit)
    raise InputError(
        "takes whole epochs or steps, or FLOPs, such as 10epochs, 3000steps or 1e12flops; "
        f"got {text!r}"
    )


def steps_within(flops: float, family: Family, depth: int, *, batch_size: int) -> int:
    """Steps of one depth whose training FLOPs are nearest to `flops`.

    Args:
        family: bound to the task's inputs, and at its width.
        batch_size: at most the training set's size.

    Raises:
        InputError: the network cannot be counted, or these are too few steps.
    """
    where = f"{family.name} at depth {depth}"
    try:
        each = known_costs.step_flops(family, depth, batch_size)
    except (Exception, SystemExit) as error:  # whatever a user's network raises
        why = one_line(error)
        raise InputError(f"--train-for: {where} cannot be counted: {why}") from error
    if not each:
        raise InputError(f"--train-for: a training step of {where} has no FLOPs")
    steps = round(flops / each)
    if steps < LEAST_STEPS:
        raise InputError(
            f"--train-for {flops:g}flops is {steps} steps of {where}; at least {LEAST_STEPS} are "
            f"needed, {LEAST_STEPS * each:.3g}flops"
        )
    return steps
