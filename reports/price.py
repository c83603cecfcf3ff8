"""What a training costs: `--price NAME=2.5/h`, in whatever currency is typed.

Nothing is converted: two currencies in one comparison are refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import InputError
from .quantity import SECONDS

_NUMBER = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_CURRENCY = r"([^\d\s.,/=+-]{1,4})?"
_PRICE = re.compile(rf"\s*{_CURRENCY}\s*{_NUMBER}\s*{_CURRENCY}\s*/\s*([a-z]+)\s*")
MOST = 1e12
"""Of any currency: beyond it the cost of a long training is no number."""

_FORM = "NAME=2.5/h was expected (a currency may stand before or after the number)"


@dataclass(frozen=True)
class Price:
    """What a machine costs.

    Attributes:
        currency: a symbol or code as it was typed; empty for none.
    """

    machine: str
    per_second: float
    currency: str

    def of(self, seconds: float) -> float:
        """The cost of so many seconds."""
        return self.per_second * seconds


def parse_prices(texts: Sequence[str], machines: Sequence[str]) -> tuple[Price, ...]:
    """Prices of some of these machines.

    Raises:
        InputError: another form, an unknown machine, one named twice, or several currencies.
    """
    prices = tuple(_parse(part.strip(), machines) for text in texts for part in text.split(","))
    named = [price.machine for price in prices]
    for name in named:
        if named.count(name) > 1:
            raise InputError(f"--price: one price of {name} was expected; got {named.count(name)}")
    currencies = sorted({price.currency for price in prices})
    if len(currencies) > 1:
        words = ", ".join(each or "none" for each in currencies)
        raise InputError(f"--price: one currency was expected for all machines; got {words}")
    return prices


def _parse(text: str, machines: Sequence[str]) -> Price:
    name, sign, price = text.rpartition("=")
    name = name.strip()
    match = _PRICE.fullmatch(price)
    if not sign or match is None or (match[1] and match[3]):
        raise InputError(f"--price: {_FORM}; got {text!r}")
    if name not in machines:
        raise InputError(f"--price: no machine {name!r}; there are {', '.join(machines)}")
    seconds = SECONDS.get(match[4])
    if seconds is None:
        raise InputError(f"--price {name}: a price per s, min, h or d was expected; got {price!r}")
    amount = float(match[2])
    if not 0 < amount <= MOST:
        raise InputError(
            f"--price {name}: a price above 0 and up to {MOST:g} was expected; got {price!r}"
        )
    return Price(name, amount / seconds, match[1] or match[3] or "")
