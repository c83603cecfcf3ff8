"""How the time of a family changed: in each layer, and in what does not grow with depth.

Time against depth is overhead + layers x time a layer, fitted by least squares with weights
1 / time^2: all depths are known to the same percentage. Both coefficients are linear in the times,
and so their relative changes are weighted sums of the relative changes of the cells; the weights
add up to 1.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from .finding import OVERHEAD, PER_LAYER
from .trio import Array

MOST_GROWTH = 5.0
"""A part in which the noise of the cells grows by more is left out: 1% would be 5% of the part."""


def parts_of(depths: Sequence[int], seconds: Array) -> Mapping[str, tuple[float, Array]]:
    """Time a layer and overhead: each with its seconds and its weights of the cells' relative
    changes. A part is left out where it is not above 0 or not known from such times.

    Args:
        seconds: (depths,) of the base.
    """
    if len(set(depths)) < 2:
        return {}
    design = np.column_stack([1 / seconds, np.asarray(depths) / seconds])
    solved = np.linalg.pinv(design)  # (2, depths)
    values = solved.sum(axis=1)
    parts = {
        part: (float(values[place]), solved[place] / values[place])
        for part, place in ((PER_LAYER, 1), (OVERHEAD, 0))
        if values[place] > 0
    }
    return {k: each for k, each in parts.items() if np.linalg.norm(each[1]) <= MOST_GROWTH}
