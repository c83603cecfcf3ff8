"""How a change goes with depth, in words."""

import pytest

from reports.regression.over_depths import pattern


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({2: 2, 4: 4, 8: 8}, "+1 operator a layer"),
        ({2: -6, 4: -12, 8: -24}, "-3 operators a layer"),
        ({2: 1, 4: 3, 8: 7}, "+1 operator at depth 2, then +1 operator a layer"),
        ({2: 0, 4: 1, 8: 3}, "none at depth 2, then +1 operator every 2 layers"),
        ({2: 3, 4: 3, 8: 3}, "+3 operators at every depth"),
        ({1: 0, 3: 1, 5: 2}, "none at depth 1, then +1 operator every 2 layers"),
        ({2: 2, 4: 4}, "+1 operator a layer"),
        ({2: 1000, 4: 1000}, "+1,000 operators at every depth"),
    ],
)
def test_changes_on_one_line_are_told_as_one_rule(changes: dict[int, int], words: str) -> None:
    """A slope, a constant, or both."""
    assert pattern(changes, "operators") == words


@pytest.mark.parametrize(
    "changes", [{2: 1, 4: 4, 8: 5}, {2: 1, 4: 3}, {8: 3}, {2: 0, 4: 0, 8: 0}, {2: 0, 4: 0, 8: 1}]
)
def test_no_rule_is_made_up(changes: dict[int, int]) -> None:
    """Not from a bend, one depth, nothing, nor the line through any two points."""
    assert pattern(changes, "operators") == ""
