"""The margin as people type it."""

import pytest

from reports.errors import InputError
from reports.margin import parse_margin


@pytest.mark.parametrize("text", ["0.5pp", "0.5", " .5 pp", "0.5%", "0.5 points"])
def test_points_are_a_fraction(text: str) -> None:
    """With or without a unit."""
    assert parse_margin(text) == pytest.approx(0.005)


@pytest.mark.parametrize("text", ["", "-1", "101", "1e3", "nan", "half", "5ms"])
def test_what_is_no_margin_is_told(text: str) -> None:
    """In one line, with what was found."""
    with pytest.raises(InputError, match="0 to 100 percentage points") as error:
        parse_margin(text)
    assert repr(text) in str(error.value)
