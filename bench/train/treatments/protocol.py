"""Treatments of the training itself: fewer rows, a longer warm-up."""

from .knobs import check_number
from .treatment import Treatment


def rows(*, n: int) -> Treatment:
    """Trains on the first `n` rows of the training split."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 2:
        raise ValueError(f"n must be a whole number of at least 2; got {n!r}")
    return Treatment(rows=n)


def warmup(*, share: float = 0.6) -> Treatment:
    """The learning rate rises over this share of the steps (0 to 1) and falls over the others."""
    check_number("share", share)
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1; got {share:g}")
    return Treatment(warmup=share)
