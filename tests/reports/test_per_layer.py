"""What a layer adds: the line through a cost against depth."""

import pytest

from reports.per_layer import per_layer


def test_a_straight_line_is_found_exactly() -> None:
    """cost = 3 + 2 depth."""
    line = per_layer({depth: 3.0 + 2.0 * depth for depth in (2, 4, 8, 16, 32)})
    assert line is not None
    assert line.each == pytest.approx(2.0)
    assert line.fixed == pytest.approx(3.0)
    assert line.worst == pytest.approx(0.0, abs=1e-12)
    assert line.at(10) == pytest.approx(23.0)


def test_deviations_are_shares_of_the_cost() -> None:
    """Each depth counts alike: costs all a thousand times as large have the same deviations."""
    costs = {2: 2.2, 4: 3.9, 8: 8.1, 16: 15.0}
    small, large = per_layer(costs), per_layer({d: 1000 * c for d, c in costs.items()})
    assert small is not None
    assert large is not None
    assert 0 < small.worst < 0.2
    assert large.worst == pytest.approx(small.worst)
    assert large.each == pytest.approx(1000 * small.each)


@pytest.mark.parametrize("costs", [{}, {2: 1.0, 4: 2.0}, {2: 0.0, 4: 1.0, 8: 2.0}])
def test_too_little_gives_no_line(costs: dict[int, float]) -> None:
    """Two depths are always on one; a cost of 0 has no relative deviation."""
    assert per_layer(costs) is None
