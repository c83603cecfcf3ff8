"""What others would call slower, of the same simulated processes as ours."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import false_discovery_control, mannwhitneyu, ttest_1samp

from reports.paired import paired

from .checks import Array, Session

Rule = Callable[[Session, np.random.Generator], Array]
"""From a session to the cells that it calls slower, (cells,) of bool."""

PAIRS = 10


def mean_of_one_job(session: Session, _: np.random.Generator) -> Array:
    """`pytest-benchmark --benchmark-compare-fail=mean:10%`: one process a side, in one job."""
    base, _, head = session.rounds().mean(axis=1)
    return head > 1.1 * base


def mean_of_two_jobs(session: Session, generator: np.random.Generator) -> Array:
    """The same against a stored baseline, which another job measured."""
    base, _, head = session.rounds().mean(axis=1)
    jobs = session.noise.job * generator.standard_normal(2)
    return head * np.exp(jobs[1] - jobs[0]) > 1.1 * base


def rank_test(session: Session, _: np.random.Generator) -> Array:
    """One process a side: Mann and Whitney's test of the rounds at .002, and a ratio above 1.1."""
    base, _, head = session.rounds()
    p_values = mannwhitneyu(head, base, alternative="greater", axis=0).pvalue
    return (p_values < 0.002) & (np.median(head, axis=0) > 1.1 * np.median(base, axis=0))


def plain_t(session: Session, _: np.random.Generator) -> Array:
    """Ten pairs of processes: Student's t, Benjamini and Hochberg, and more than 3%."""
    ratios = _ratios(session)
    return _called(ratios, ttest_1samp(ratios, 0.0, axis=0, alternative="greater").pvalue)


def moderated_t(session: Session, _: np.random.Generator) -> Array:
    """The same with a moderated t."""
    ratios = _ratios(session)
    columns = dict(enumerate(ratios.T.tolist()))
    tested = paired(columns, dict.fromkeys(columns, 1e-12))
    return _called(ratios, np.array([tested[place].p_value for place in columns]))


def _ratios(session: Session) -> Array:
    """Log ratios of head to base, (pairs, cells)."""
    pairs = [np.log(np.median(session.rounds(), axis=1)) for _ in range(PAIRS)]
    return np.array([head - base for base, _, head in pairs])


def _called(ratios: Array, p_values: Array) -> Array:
    return (false_discovery_control(p_values) <= 0.05) & (ratios.mean(axis=0) > np.log(1.03))


RULES: Mapping[str, Rule] = {
    "pytest-benchmark `mean:10%`, one job": mean_of_one_job,
    "pytest-benchmark `mean:10%`, stored baseline": mean_of_two_jobs,
    "one process a side, rank test and > 10%": rank_test,
    "ten pairs, t, Benjamini-Hochberg, > 3%": plain_t,
    "ten pairs, moderated t, Benjamini-Hochberg, > 3%": moderated_t,
}
