"""A wrong count is told from a right one, and stands in the table as such."""

from typing import Any

import pytest

from bench.count_table import NEAR, Entry, Timing, Verdict, markdown, ratios


def entry(counted: int | None, **more: Any) -> Entry:
    known: dict[str, Any] = {"network": "net", "counter": "tool", "quantity": "forward"}
    return Entry(**{**known, "truth": 100_000, "counted": counted, **more})


@pytest.mark.parametrize(
    ("counted", "verdict"),
    [
        (100_000, Verdict.EXACT),
        (100_001, Verdict.NEAR),
        (99_900, Verdict.NEAR),
        (100_100, Verdict.NEAR),
        (100_101, Verdict.WRONG),
        (99_899, Verdict.WRONG),
        (0, Verdict.WRONG),
        (200_000, Verdict.WRONG),
        (None, Verdict.MISSING),
    ],
)
def test_verdicts(counted: int | None, verdict: Verdict) -> None:
    """Off by more than a thousandth in either direction is wrong; a count of nothing is wrong,
    and no count is none."""
    assert NEAR == 0.001
    assert entry(counted).verdict is verdict


def test_error_is_relative_and_signed() -> None:
    """Half as much again, half, and unknown."""
    assert entry(150_000).error == 0.5
    assert entry(50_000).error == -0.5
    assert entry(None).error is None


@pytest.mark.parametrize(
    ("counted", "more", "cell"),
    [
        (100_000, {}, "0"),
        (100_050, {}, "+0.05%"),
        (95_930, {}, "**-4.07%**"),
        (None, {}, "cannot"),
        (100_000, {"printed": 104_500}, "0 [+4.50%]"),
        (60_000, {"intended": False}, "(-40.00%)"),
        (100_000, {"intended": False}, "(0)"),
    ],
)
def test_cells_of_errors(counted: int | None, more: dict[str, Any], cell: str) -> None:
    """Wrong is bold; its own total in brackets; what is advised against in parentheses."""
    row = markdown([entry(counted, **more)], []).splitlines()[4]
    assert [part.strip() for part in row.strip("|").split("|")] == ["tool", cell]


def test_tables_have_a_row_a_counter_and_a_column_a_network() -> None:
    """Whatever the order of what was found; what was not found is empty, and tables without rows
    are left out."""
    text = markdown(
        [
            entry(100_000, network="a", counter="x", printed=104_500),
            entry(90_000, network="b", counter="x"),
            entry(None, network="b", counter="y"),
            entry(7, network="a", counter="y", quantity="parameters", truth=7),
        ],
        [
            Timing(
                network="a",
                counter="x",
                quantity="forward",
                seconds=(0.5, 1.5, 1.0),
                ratios=(0.2, 0.1),
            )
        ],
    )
    assert text == GOLDEN.strip()


GOLDEN = """
Error of MACs forward:

|    |          a |           b |
|:---|-----------:|------------:|
| x  | 0 [+4.50%] | **-10.00%** |
| y  |            |      cannot |

Counted MACs forward:

|       |                 a |       b |
|:------|------------------:|--------:|
| truth |           100,000 | 100,000 |
| x     | 100,000 [104,500] |  90,000 |
| y     |                   |  cannot |

Time to count MACs forward, ms:

|    |                 a |
|:---|------------------:|
| x  | 1,000 (500…1,500) |

howdeep's time to count MACs forward over the counter's:

|    |              a |
|:---|---------------:|
| x  | 0.15 (0.1…0.2) |

Error of parameters:

|    |   a |
|:---|----:|
| y  |   0 |

Counted parameters:

|       |   a |
|:------|----:|
| truth |   7 |
| y     |   7 |
"""


def test_our_turns_are_compared_with_those_around_them() -> None:
    """A machine that slows down evenly leaves the ratio as it is."""
    assert ratios([2.0, 3.0], [3.0, 5.0, 7.0]) == (0.5, 0.5)


def test_turns_alternate() -> None:
    """One more of theirs than of ours, or it is an error."""
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 1.0], [1.0, 1.0])


def test_the_median_of_the_ratios_counts() -> None:
    """One disturbed turn does not decide."""
    timing = Timing(
        network="a", counter="x", quantity="forward", seconds=(1.0,), ratios=(0.5, 0.6, 9.0)
    )
    assert timing.median_ratio == 0.6
