"""Curves of error against depth: for the eye, and to see how little they foretell.

Three forms are fitted by least squares, each point weighted by its standard error where that is
known of all, and compared by what they say of the deepest depth when it is left out. They decide
nothing: best depth, sufficient depth and shape are those of the tests, as a saturating curve cannot
see a turn. A curve is never drawn beyond twice the deepest depth.

One point is left out, so the comparison is as noisy as that point: a form is called the best only
where it is nearer to it than every other by more than the point's standard error.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .curves import FORMS, Curve, Form
from .errors import InputError
from .estimates import Estimate

BEYOND = 2
"""Times the deepest depth: where a drawn curve ends."""

CURVE_POINTS = 25


@dataclass(frozen=True)
class Fit:
    """One form, fitted to all depths.

    Attributes:
        form: its name.
        curve: null where there are too few depths for it, as `reason` says.
        shallowest, deepest: of the depths that it was fitted to.
        left_out_points: what the form, fitted to the others, says of the error at the deepest
            depth, less what was measured there; percentage points.
        noise_points: the standard error of what was measured there; null if unknown.
    """

    form: str
    curve: Curve | None
    shallowest: int
    deepest: int
    left_out_points: float | None = None
    noise_points: float | None = None
    reason: str | None = None

    def error_at(self, depth: float) -> float:
        """The error (a fraction) that the curve has at a depth.

        Raises:
            InputError: there is no curve, or the depth is not from the shallowest to twice the
                deepest.
        """
        if self.curve is None:
            raise InputError(f"the {self.form} curve was not fitted: {self.reason}")
        if not self.shallowest <= depth <= BEYOND * self.deepest:
            raise InputError(
                f"a curve fitted to depths {self.shallowest} to {self.deepest} says nothing beyond "
                f"{self.shallowest} to {BEYOND * self.deepest}; got {depth:g}"
            )
        return self.curve.error_at(depth)

    def points(self) -> Mapping[str, list[float]]:
        """The curve as it may be drawn: depths, evenly spread on a log scale, and errors."""
        depths = np.geomspace(self.shallowest, BEYOND * self.deepest, CURVE_POINTS)
        depths = depths.clip(self.shallowest, BEYOND * self.deepest)  # the ends' rounding
        return {"depth": depths.tolist(), "error": [self.error_at(depth) for depth in depths]}

    def as_dict(self) -> dict[str, Any]:
        """The entry of `fits` in the JSON verdict."""
        return {
            "form": self.form,
            "parameters": dict(self.curve.parameters) if self.curve else None,
            "left_out_points": self.left_out_points,
            "noise_points": self.noise_points,
            "curve": self.points() if self.curve else None,
            "reason": self.reason,
        }


def fits(estimates: Sequence[Estimate]) -> tuple[Fit, ...]:
    """Every form, fitted to the errors of these depths (shallowest first); none to no depth."""
    return tuple(_fit(form, estimates) for form in FORMS) if estimates else ()


@dataclass(frozen=True)
class BestFit:
    """The form that says most rightly what the deepest depth's error is.

    Attributes:
        form: its name; null where that cannot be told, as `reason` says.
    """

    form: str | None
    reason: str | None = None


def best_fit(found: Sequence[Fit]) -> BestFit:
    """The form that is nearest to the point that was left out, if it is by more than chance: that
    point's standard error."""
    ordered = sorted((each for each in found if each.left_out_points is not None), key=_miss)
    if not ordered:
        return BestFit(None, "there are too few depths to leave one out")
    best, *others = ordered
    noise = best.noise_points
    if noise is None:
        return BestFit(None, f"nothing is known of the noise at depth {best.deepest}")
    if others and _miss(others[0]) - _miss(best) < noise:
        return BestFit(None, _too_near(best, others[0], noise))
    return BestFit(best.form)


def _miss(fit: Fit) -> float:
    """Percentage points, either way."""
    return abs(fit.left_out_points or 0.0)


def _too_near(best: Fit, second: Fit, noise: float) -> str:
    return (
        f"the {best.form} and the {second.form} curve miss depth {best.deepest}, left out, by "
        f"{_miss(best):.2g} and {_miss(second):.2g} points: less apart than its standard error "
        f"({noise:.2g} points)"
    )


def _fit(form: Form, estimates: Sequence[Estimate]) -> Fit:
    shallowest, deepest = estimates[0].depth, estimates[-1].depth
    if len(estimates) < form.fewest:
        reason = f"{form.fewest} depths are needed, there are {len(estimates)}"
        return Fit(form.name, None, shallowest, deepest, reason=reason)
    foretold = _fitted(form, estimates[:-1]).error_at(deepest)
    left_out = 100 * (foretold - (1 - estimates[-1].mean))
    noise = _noise_points(estimates[-1])
    return Fit(form.name, _fitted(form, estimates), shallowest, deepest, left_out, noise)


def _noise_points(estimate: Estimate) -> float | None:
    return None if estimate.raw is None else 100 * math.sqrt(estimate.raw.variance_of_mean)


def _fitted(form: Form, estimates: Sequence[Estimate]) -> Curve:
    depths = np.array([each.depth for each in estimates], dtype=np.float64)
    errors = np.array([1 - each.mean for each in estimates])
    return form.fit(depths, errors, _weights(estimates))


def _weights(estimates: Sequence[Estimate]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One over the standard errors, scaled to a largest of 1; all alike where one is unknown."""
    known = [math.sqrt(each.raw.variance_of_mean) for each in estimates if each.raw is not None]
    if len(known) < len(estimates):
        return np.ones(len(estimates))
    return min(known) / np.array(known)
