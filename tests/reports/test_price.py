"""`--price NAME=2.5/h`."""

import pytest

from reports.errors import InputError
from reports.price import parse_prices


@pytest.mark.parametrize(
    ("text", "per_hour", "currency"),
    [
        ("a=2.5/h", 2.5, ""),
        ("a=$2.5/h", 2.5, "$"),
        ("a=2.5€/h", 2.5, "€"),
        ("a=2.5 EUR/h", 2.5, "EUR"),
        ("a = USD 3 / hour", 3.0, "USD"),
        ("a=0.05/min", 3.0, ""),
        ("a=48/d", 2.0, ""),
    ],
)
def test_a_price_is_understood(text: str, per_hour: float, currency: str) -> None:
    """A currency before or after the number, or none; per second, minute, hour or day."""
    (price,) = parse_prices([text], ["a", "b"])
    assert price.of(3600) == pytest.approx(per_hour)
    assert price.currency == currency


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a"], "NAME=2.5/h was expected"),
        (["a=-1/h"], "NAME=2.5/h was expected"),
        (["a=0/h"], "above 0"),
        (["a=$2€/h"], "NAME=2.5/h was expected"),
        (["a=2"], "NAME=2.5/h was expected"),
        (["a=2/week"], "per s, min, h or d"),
        (["c=2/h"], "no machine 'c'; there are a, b"),
        (["a=2/h", "a=3/h"], "one price of a"),
        (["a=$2/h,b=3€/h"], "one currency was expected for all machines; got"),
    ],
)
def test_what_is_no_price_is_refused(texts: list[str], expected: str) -> None:
    """In one line that says what was expected; currencies are never converted."""
    with pytest.raises(InputError, match=expected):
        parse_prices(texts, ["a", "b"])
