"""The words that the evidence is written with, and read by another room."""

from bench.limits import (
    compute,
    data,
    degradation,
    experiment,
    gradients,
    optimization,
    overfitting,
)
from reports import limit_tests, remedies, trials


def test_both_rooms_use_the_same_words() -> None:
    """bench writes them, reports reads them."""
    limits = (compute, data, degradation, gradients, optimization, overfitting)
    assert {limit.NAME for limit in limits} == set(limit_tests.TESTS)
    assert optimization.TUNED == trials.TUNED
    assert data.MORE == trials.MORE_DATA
    assert remedies.SHORTCUTS in {remedy.name for remedy in degradation.REMEDIES}
    assert remedies.AUGMENTATION in {remedy.name for remedy in overfitting.REMEDIES}
    assert set(experiment.OF_TRAINING) == set(trials.OF_TRAINING)
