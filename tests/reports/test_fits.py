"""Curves of error against depth: planted ones, published ones, and where they end."""

import numpy as np
import pytest

from reports.curves import FORMS, broken_power_law, log_quadratic, saturating
from reports.errors import InputError
from reports.estimates import Estimate, Observations, estimate_depths
from reports.fits import Fit, best_fit, fits
from tests.reports.test_published import CIFAR_AGAIN, CIFAR_PAPER

DEPTHS = 2.0 ** np.arange(1, 10)
PLANTED = {
    "saturating": saturating(DEPTHS, a=0.04, b=0.5, c=0.9),
    "log-quadratic": log_quadratic(DEPTHS, a=0.5, b=-0.2, c=0.025),
    "broken power law": broken_power_law(DEPTHS, a=0.05, b=0.6, c0=0.8, c1=-1.5, d1=30.0, f1=0.4),
}


def estimates(errors: dict[int, float], n_examples: int | None = 10_000) -> tuple[Estimate, ...]:
    """One run a depth; errors in percent."""
    observed = [Observations(d, (1 - error / 100,), n_examples) for d, error in errors.items()]
    return estimate_depths(observed)


@pytest.mark.parametrize("form", PLANTED)
def test_a_planted_curve_is_found_by_its_own_form(form: str) -> None:
    """Its errors are met, also the one that is left out, and it is named the best where errors are
    known to a thousandth of a point."""
    errors = {int(d): 100 * e for d, e in zip(DEPTHS, PLANTED[form], strict=True)}
    found = {each.form: each for each in fits(estimates(errors, 10**9))}
    assert found[form].left_out_points == pytest.approx(0, abs=1e-4)
    assert [found[form].error_at(d) for d in DEPTHS] == pytest.approx(PLANTED[form], abs=1e-6)
    best = best_fit(tuple(found.values()))
    if form == "saturating":  # is one with a break at the end of the depths as well
        assert best.form is None
        assert best.reason is not None
        assert all(name in best.reason for name in ("saturating", "broken power law"))
    else:
        assert (best.form, best.reason) == (form, None)


@pytest.mark.parametrize(
    ("misses", "noise", "form"),
    [
        ((0.5, 0.81), 0.3, "a"),
        ((0.5, 0.79), 0.3, None),
        ((-0.81, 0.5), 0.3, "b"),  # either way
        ((0.5, -0.5), 0.3, None),
        ((0.5, 0.6, 2.0), 0.3, None),
        ((0.5, 2.0, 0.85), 0.3, "a"),
        ((0.5,), 0.3, "a"),
        ((0.5, 9.0), None, None),
        ((None, None), 0.3, None),
    ],
)
def test_a_form_is_the_best_by_more_than_the_noise_of_the_point(
    misses: tuple[float | None, ...], noise: float | None, form: str | None
) -> None:
    """Else the one that is nearest may be so by chance; why none is named is said."""
    given = zip("abc", misses, strict=False)
    best = best_fit([Fit(name, None, 2, 32, miss, noise) for name, miss in given])
    assert best.form == form
    assert (best.reason is None) == (form is not None)


def test_why_no_form_is_the_best_is_said_in_numbers() -> None:
    """How much each misses, beside the standard error of what it misses."""
    near = best_fit([Fit("b", None, 2, 32, -0.75, 0.3), Fit("a", None, 2, 32, 0.5, 0.3)])
    assert near.reason == (
        "the a and the b curve miss depth 32, left out, by 0.5 and 0.75 points: less apart than "
        "its standard error (0.3 points)"
    )
    unknown = best_fit([Fit("a", None, 2, 32, 0.5)])
    assert unknown.reason == "nothing is known of the noise at depth 32"
    assert best_fit([]).reason == "there are too few depths to leave one out"


def test_the_noise_of_the_point_is_that_of_its_seeds_and_examples() -> None:
    """Binomial of one run: 6.43% of 10,000 are known to 0.245 points; unknown without a number."""
    first = {depth: error for depth, error in CIFAR_PAPER.items() if depth <= 110}
    share = 100 * (0.0643 * 0.9357 / 10_000) ** 0.5
    assert fits(estimates(first))[0].noise_points == pytest.approx(share)
    assert fits(estimates(first))[0].as_dict()["noise_points"] == pytest.approx(0.245, abs=0.0005)
    assert fits(estimates(first, None))[0].noise_points is None


def test_the_best_of_published_errors_is_wrong_by_six_standard_errors() -> None:
    """Of the six ResNets on CIFAR-10 the saturating curve is nearest to 1202 layers: that is said
    with by how much it misses, beside the 0.27 points to which the error is known."""
    found = fits(estimates(CIFAR_PAPER))
    assert best_fit(found).form == found[0].form == "saturating"
    miss, noise = found[0].left_out_points, found[0].noise_points
    assert noise == pytest.approx(100 * (0.0793 * 0.9207 / 10_000) ** 0.5)
    assert miss is not None
    assert miss / noise == pytest.approx(-6.6, abs=0.1)


def test_a_saturating_curve_foretells_6_17_at_1202_where_the_truth_is_7_93() -> None:
    """Published: the first five ResNets on CIFAR-10, all points alike."""
    depths, errors = (np.array(list(each)[:5]) for each in (CIFAR_PAPER, CIFAR_PAPER.values()))
    (form,) = (form for form in FORMS if form.name == "saturating")
    curve = form.fit(depths.astype(float), errors / 100, np.ones(5))
    assert 100 * curve.error_at(1202) == pytest.approx(6.17, abs=0.005)


def test_the_deepest_point_left_out_says_how_wrong_that_is() -> None:
    """1.76 percentage points too low; with weights by standard errors it is about as much."""
    (found,) = (each for each in fits(estimates(CIFAR_PAPER, None)) if each.form == "saturating")
    assert found.left_out_points == pytest.approx(6.17 - 7.93, abs=0.005)
    (found,) = (each for each in fits(estimates(CIFAR_PAPER)) if each.form == "saturating")
    assert found.left_out_points == pytest.approx(6.17 - 7.93, abs=0.05)


def test_a_curve_ends_at_twice_the_deepest() -> None:
    """Five depths to 110 say nothing of 1202, nor of anything shallower than 20."""
    first = {depth: error for depth, error in CIFAR_PAPER.items() if depth <= 110}
    for found in fits(estimates(first))[:2]:
        assert 0 < found.error_at(20) < 0.1
        assert 0 < found.error_at(220) < 0.1
        for depth in (19.9, 220.1, 1202):
            with pytest.raises(InputError, match="says nothing beyond 20 to 220; got"):
                found.error_at(depth)


def test_the_points_of_a_curve_reach_from_the_shallowest_to_twice_the_deepest() -> None:
    """Evenly spread on a log scale, and equal to the curve there."""
    (found, *_) = fits(estimates(CIFAR_AGAIN))
    points = found.points()
    assert points["depth"][0] == pytest.approx(20)
    assert points["depth"][-1] == pytest.approx(2404)
    assert np.ptp(np.diff(np.log(points["depth"]))) == pytest.approx(0, abs=1e-9)
    assert points["error"] == [found.error_at(depth) for depth in points["depth"]]


def test_a_form_that_has_too_few_depths_is_left_out_with_the_reason() -> None:
    """It would meet any points: one more depth than parameters must remain when one is left out."""
    found = fits(estimates(CIFAR_PAPER))
    assert [each.curve is None for each in found] == [False, False, True]
    assert found[2].as_dict() == {
        "form": "broken power law", "parameters": None, "left_out_points": None,
        "noise_points": None, "curve": None, "reason": "8 depths are needed, there are 6",
    }  # fmt: skip
    with pytest.raises(InputError, match="was not fitted: 8 depths are needed"):
        found[2].error_at(56)
    few = fits(estimates({2: 10.0, 4: 8.0}))
    assert best_fit(few).form is None
    assert fits(()) == ()


def test_a_point_of_few_examples_counts_less() -> None:
    """A stray error, known to a standard error of ten times the others', hardly bends the curve."""
    truth = {2: 30.0, 4: 20.0, 8: 15.0, 16: 12.5, 32: 11.25, 64: 10.625}

    def at_8(n_examples: int) -> float:
        observed = [
            Observations(d, (1 - (e + 10 * (d == 8)) / 100,), n_examples if d == 8 else 10_000)
            for d, e in truth.items()
        ]
        return fits(estimate_depths(observed))[0].error_at(8)

    assert abs(at_8(100) - 0.15) < 0.2 * abs(at_8(10_000) - 0.15)


@pytest.mark.parametrize("error", [0.0, 5.0, 100.0])
def test_errors_that_are_all_alike_are_a_flat_curve(error: float) -> None:
    """Also where nothing is wrong, or nothing right."""
    found = fits(estimates(dict.fromkeys((1, 2, 4, 8, 16, 32, 64, 128, 256), error)))
    for each in found:
        assert each.points()["error"] == pytest.approx([error / 100] * 25, abs=1e-9)


def test_depths_of_any_size_are_fitted() -> None:
    """Powers of very large depths neither overflow nor vanish."""
    errors = {2**power: 50 - power / 2 for power in range(0, 53, 6)}
    for each in fits(estimates(errors)):
        assert np.isfinite(each.points()["error"]).all()
