"""How large the largest statistic of a series without a change gets by chance.

The distribution depends on the length of the series alone, since it is one of ranks. It was
simulated (12,000 to 200,000 series a length); above its 98% quantile ln p is close to a line in the
squared statistic, within 20% of p from 1% to 0.1% (tests/simulated/test_history.py).
"""

import math

import numpy as np

LEAST_POINTS = 20
"""Of a series: the shortest that was simulated."""

_SIMULATED = (
    (20, 8.21, 1.413), (32, 5.78, 0.968), (50, 4.51, 0.748), (100, 4.63, 0.650),
    (200, 4.80, 0.587), (400, 4.90, 0.535), (800, 4.75, 0.478),
)  # fmt: skip
"""Points, and a and b of ln p = a - b x²."""


def p_value_of(statistic: float, points: int) -> float:
    """The p-value of the largest statistic of so many points, at least `LEAST_POINTS`.

    Between the simulated lengths ln p is interpolated over the logarithm of the length; beyond the
    longest, chances add up in proportion to the length at most.
    """
    lengths = [math.log(each[0]) for each in _SIMULATED]
    logs = [a - b * statistic**2 for _, a, b in _SIMULATED]
    beyond = max(0.0, math.log(points) - lengths[-1])
    found = float(np.interp(math.log(points), lengths, logs)) + beyond
    return math.exp(min(0.0, found))
