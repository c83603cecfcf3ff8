"""Forms of error against depth L, and their least-squares fits.

Every form is linear in some of its parameters. These are solved for exactly at each value of the
others, so that a search has one dimension (or four) in place of three (or six), and needs no lucky
start.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares, minimize_scalar

Array = npt.NDArray[np.float64]

EXPONENTS = (0.02, 6.0)
"""Of the saturating form. Below, it is a straight line in ln L; above, it is flat after a step."""

BREAK_BOUNDS = ((-6.0, 6.0), (-12.0, 12.0), (0.05, 3.0))
"""Of c0, c1 and f1 of the broken power law; its break is within the depths."""


@dataclass(frozen=True)
class Curve:
    """A fitted form: `formula` maps depths to errors (fractions), with these parameters."""

    parameters: Mapping[str, float]
    formula: Callable[..., Array]

    def error_at(self, depth: float) -> float:
        """The error (a fraction) at a depth, however far from those that were tried."""
        return float(self.formula(np.array([depth], dtype=np.float64), **self.parameters)[0])


@dataclass(frozen=True)
class Form:
    """A form that can be fitted.

    Attributes:
        fewest: depths that it takes: with one left out, one more than it has parameters.
        fit: from depths, errors and weights of the residuals to the curve.
    """

    name: str
    fewest: int
    fit: Callable[[Array, Array, Array], Curve]


def saturating(depths: Array, a: float, b: float, c: float) -> Array:
    """a + b L^-c."""
    return a + b * depths**-c


def log_quadratic(depths: Array, a: float, b: float, c: float) -> Array:
    """a + b ln L + c (ln L)^2."""
    logs = np.log(depths)
    return a + b * logs + c * logs**2


def broken_power_law(
    depths: Array, a: float, b: float, c0: float, c1: float, d1: float, f1: float
) -> Array:
    """a + b L^-c0 (1 + (L/d1)^(1/f1))^(-c1 f1): Caballero et al. 2023, equation 1, one break."""
    return a + b * np.exp(_log_power(depths, c0, c1, d1, f1))


def _log_power(depths: Array, c0: float, c1: float, d1: float, f1: float) -> Array:
    # In logarithms: (L/d1)^(1/f1) overflows where the break is sharp.
    bend = np.logaddexp(0.0, np.log(depths / d1) / f1)
    return np.asarray(-c0 * np.log(depths) - c1 * f1 * bend)


def fit_saturating(depths: Array, errors: Array, weights: Array) -> Curve:
    """The best exponent of a grid, refined; the asymptote a is an error, so from 0 to 1."""

    relative = depths / depths[0]  # powers of it are from 0 to 1

    def line(c: float) -> tuple[float, float, float]:
        return _line(relative**-c, errors, weights)

    grid = np.geomspace(*EXPONENTS, 60)
    place = int(np.argmin([line(c)[2] for c in grid]))
    around = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
    c = float(minimize_scalar(lambda c: line(c)[2], bounds=around, method="bounded").x)
    a, b, _ = line(c)
    return Curve({"a": a, "b": b * depths[0] ** c, "c": c}, saturating)


def fit_log_quadratic(depths: Array, errors: Array, weights: Array) -> Curve:
    """A linear problem."""
    terms = np.log(depths)[:, None] ** np.arange(3)
    found, *_ = np.linalg.lstsq(terms * weights[:, None], errors * weights, rcond=None)
    return Curve(dict(zip("abc", map(float, found), strict=True)), log_quadratic)


def fit_broken_power_law(depths: Array, errors: Array, weights: Array) -> Curve:
    """The best of several starts, with breaks at the inner depths and turns either way."""

    def basis(x: Array) -> tuple[Array, float]:
        c0, c1, log_d1, f1 = x
        logs = _log_power(depths, c0, c1, math.exp(log_d1), f1)
        return np.exp(logs - logs.max()), float(logs.max())

    def residuals(x: Array) -> Array:
        power, _ = basis(x)
        a, b, _ = _line(power, errors, weights)
        return (a + b * power - errors) * weights

    starts = product((0.3, 1.0), (-1.0, 1.0), np.log(depths[1:-1:2]), (0.3,))
    least = _least(residuals, starts, (math.log(depths[0]), math.log(depths[-1])))
    power, largest = basis(least)
    a, b, _ = _line(power, errors, weights)
    c0, c1, log_d1, f1 = map(float, least)
    found = {"c0": c0, "c1": c1, "d1": math.exp(log_d1), "f1": f1}
    return Curve({"a": a, "b": b * math.exp(-largest), **found}, broken_power_law)


def _least(
    residuals: Callable[[Array], Array],
    starts: "product[tuple[float, ...]]",
    break_at: tuple[float, float],
) -> Array:
    c0, c1, f1 = BREAK_BOUNDS
    low, high = zip(c0, c1, break_at, f1, strict=True)
    found = [least_squares(residuals, start, bounds=(low, high), max_nfev=200) for start in starts]
    return np.asarray(min(found, key=lambda each: each.cost).x)


def _line(basis: Array, errors: Array, weights: Array) -> tuple[float, float, float]:
    """a, b and the sum of squares of errors = a + b basis, weighted, with a from 0 to 1."""
    squares = weights**2
    centre = float(np.average(basis, weights=squares))
    middle = float(np.average(errors, weights=squares))
    apart = basis - centre
    spread = squares @ apart**2
    b = squares @ (apart * (errors - middle)) / spread if spread > 0 else 0.0
    a = middle - b * centre
    if not 0 <= a <= 1:
        # The sum is convex in (a, b): outside the bounds it is least on the nearer one.
        a = min(max(a, 0.0), 1.0)
        b = squares @ (basis * (errors - a)) / (squares @ basis**2)
    return float(a), float(b), float(squares @ (a + b * basis - errors) ** 2)


FORMS: Sequence[Form] = (
    Form("saturating", 5, fit_saturating),
    Form("log-quadratic", 5, fit_log_quadratic),
    Form("broken power law", 8, fit_broken_power_law),
)
