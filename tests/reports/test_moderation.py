"""How much a prior of a few variances may be worth."""

import math

import numpy as np
import pytest
from scipy.special import polygamma

from reports.moderation import freedom_known


@pytest.mark.parametrize(("groups", "freedom"), [(4, 3), (16, 3), (120, 9)])
def test_a_prior_is_worth_as_much_as_its_variances_can_show(groups: int, freedom: int) -> None:
    """The excess of spread that it allows for is the standard error of what these variances show,
    as drawn; the fewer they are, the less it is worth."""
    draws = np.random.default_rng(0).chisquare(freedom, (20_000, groups))
    error = np.log(draws).var(axis=1, ddof=1).std()
    worth = freedom_known([(1.0, freedom)] * groups)
    assert float(polygamma(1, worth / 2)) == pytest.approx(error, rel=0.03)
    assert worth < freedom_known([(1.0, freedom)] * (groups + 1))


def test_two_variances_allow_for_no_prior() -> None:
    """`prior_of` learns nothing of them, whatever it may be worth."""
    assert math.isinf(freedom_known([(1.0, 3), (2.0, 3), (0.0, 3)]))
