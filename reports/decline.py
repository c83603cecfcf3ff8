"""Which depths are worse than a shallower one, certain of all of them together.

The hypothesis is that accuracy does not fall with depth. What is compared is the largest
standardised lead of a shallower depth over a deeper one; with what, the largest of all depths where
they are truly alike, the least favourable case. In studies of depths that are alike a decline is
seen in 3 to 7 of a hundred (five to three seeds).
"""

from collections.abc import Sequence

import numpy as np

from .confidence_set import DRAWS, is_known, scales, two_sided
from .estimates import Moments


def decline_p_values(depths: Sequence[Moments]) -> tuple[float, ...]:
    """For each depth, the shallowest first, the p value of the hypothesis that no shallower one is
    truly better; 1 for the first. Means are taken to be normal and independent."""
    if len(depths) < 2:
        return (1.0,) * len(depths)
    means = np.array([each.mean for each in depths])
    variances = np.array([each.variance_of_mean for each in depths])
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((DRAWS, len(depths))) * np.sqrt(variances)
    drawn = variances * scales(depths, generator)
    largest = np.full(DRAWS, -np.inf)
    leads = []
    for deep in range(1, len(depths)):
        errors = np.sqrt(variances[:deep] + variances[deep])
        leads.append(((means[:deep] - means[deep]) / errors).max())
        drawn_errors = np.sqrt(drawn[:, :deep] + drawn[:, [deep]])
        ahead = (noise[:, :deep] - noise[:, [deep]]) / drawn_errors
        largest = np.maximum(largest, ahead.max(axis=1))
    p_values = [float((largest >= lead).mean()) for lead in leads]
    if is_known(depths):
        p_values = [max(p, two_sided(lead)) for p, lead in zip(p_values, leads, strict=True)]
    return (1.0, *p_values)
