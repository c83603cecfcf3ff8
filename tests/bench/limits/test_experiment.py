"""Which trainings are asked for, in which order, and that no seed both chooses and confirms."""

from collections import Counter
from typing import Any

import pytest

from bench.limits import optimization
from bench.limits.evidence import ROLES, failed
from bench.limits.examine import examined, screened
from bench.limits.experiment import ladder
from bench.points import Training
from tests.bench.limits.fake_lab import RATE, FakeLab, experiment, family

KNOBS = {"norm": "batch", "residual": True, "activation": "relu", "dropout": 0.0, "init": "he"}


def changes(lab: FakeLab, role: str) -> list[str]:
    return [str(planned.change) for planned in lab.of(role)]


def of_treatment(name: str, accuracy: float) -> Any:
    """Networks come to 70%; with the treatment to another accuracy."""

    def answer(training: Training) -> float:
        return accuracy if any(t.startswith(name) for t in training.treatments) else 0.7

    return answer


# --- depths ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depths", "depth", "rungs"),
    [
        (None, 32, [16, 8, 4, 2]),
        (None, 5, [2]),
        (None, 3, [1]),
        (range(8, 200, 6), 56, [26, 8]),
        ((18, 34, 50), 50, [18]),
        ((6,), 6, []),
        ((101, 201), 201, []),
    ],
)
def test_depths_halve_until_one_is_shallow(depths: Any, depth: int, rungs: list[int]) -> None:
    """By the depths that the family has; a family of one depth, or of none that can be found, has
    nothing to compare with."""
    assert ladder(family(depths=depths), depth) == rungs


def test_there_are_at_most_six_rungs() -> None:
    """A network of a thousand layers is not trained at every halving."""
    assert ladder(family(), 1_024) == [512, 256, 128, 64, 32, 16]


# --- the order ---------------------------------------------------------------------------------


def test_each_step_knows_the_one_before() -> None:
    """The network as asked; shallower ones and its learning rates; remedies; data; confirmations.
    Looks into networks come first and last."""
    lab, rows = experiment(of_treatment("clipping", 0.9))
    roles = [list(dict.fromkeys(each.role for each in batch)) for batch in lab.batches]
    assert roles == [["asked"], ["shallower", "window"], ["screening"], ["data"], ["confirmation"]]
    assert [name for name, _ in lab.probed] == ["screened", "weigh", "examined"]
    assert {row["role"] for row in rows if row["kind"] == "trial"} == set(ROLES) - {"reference"}


def test_no_core_waits_for_the_network_as_asked() -> None:
    """Shallower networks are queued behind it, before it is waited for."""
    lab, _ = experiment()
    first = {each.training for batch in lab.batches[:2] for each in batch}
    assert set(lab.begun) == first


def test_all_depths_have_all_seeds() -> None:
    """The one that chooses and the fresh ones, as asked and shallower."""
    lab, _ = experiment(seeds=2)
    found = Counter(each.training.depth for each in lab.of("asked") + lab.of("shallower"))
    assert found == {16: 3, 8: 3, 4: 3, 2: 3}
    assert [each.training.seed for each in lab.of("asked")] == [0, 1, 2]


def test_rows_name_their_subject() -> None:
    """Each holds the network asked about, whatever depth it speaks of."""
    _, rows = experiment()
    subjects = {(row["family"], row["task"], row["asked_depth"]) for row in rows}
    assert subjects == {("net.py:build", "task.py:load", 16)}
    assert {row["depth"] for row in rows} == {16, 8, 4, 2}


# --- choosing and confirming -------------------------------------------------------------------


def test_the_seed_that_chooses_never_confirms() -> None:
    """Learning rates and remedies are screened with seed 0 alone, and confirmed with all others."""
    lab, _ = experiment(of_treatment("clipping", 0.9), seeds=3)
    assert {each.training.seed for each in lab.of("window") + lab.of("screening")} == {0}
    assert [each.training.seed for each in lab.of("confirmation")] == [1, 2, 3]
    assert set(changes(lab, "confirmation")) == {"clipping:norm=1.0"}


def test_a_network_that_trains_at_some_seeds_only_has_twice_as_many() -> None:
    """As asked and with what is confirmed, each seed once; one that trains alike has not."""

    def answer(training: Training) -> float:
        if any(t.startswith("clipping") for t in training.treatments):
            return 0.9
        return 0.8 if training.seed % 2 else 0.3

    lab, _ = experiment(answer, seeds=3)
    assert sorted(e.training.seed for e in lab.of("asked")) == [0, 1, 2, 3, 4, 5, 6]
    clipped = [e.training.seed for e in lab.of("confirmation") if e.remedy == "gradient clipping"]
    assert sorted(clipped) == [1, 2, 3, 4, 5, 6]
    more = {(e.training.depth, e.training.seed) for e in lab.of("shallower") if e.training.seed > 3}
    assert more == {(2, 4), (2, 5), (2, 6)}
    assert not any(e.training.seed > 3 for e in lab.of("data"))


def test_what_wins_nothing_is_not_confirmed() -> None:
    """A remedy or a learning rate that gains less than a point costs no further training."""
    lab, _ = experiment(of_treatment("clipping", 0.705))
    assert lab.of("confirmation") == []


def test_each_limit_confirms_its_best_remedy() -> None:
    """One of each limit, by the metric that it governs: of training data for gradients, of data
    held out for overfitting."""

    def answer(training: Training) -> dict[str, float]:
        fit, held = {
            "clipping": (0.8, 0.6), "initialization": (0.9, 0.6), "dropout": (0.6, 0.8),
            "l1": (1.0, 0.6),
        }.get(" ".join(training.treatments).partition(":")[0], (0.7, 0.6))  # fmt: skip
        return {"train_accuracy": fit, "validation_accuracy": held}

    lab, _ = experiment(answer, seeds=1)
    chosen = {each.limit: each.change for each in lab.of("confirmation")}
    assert chosen == {"gradients": "initialization:scheme=lsuv", "overfitting": "dropout:p=0.1"}


def test_a_remedy_that_fails_is_not_chosen() -> None:
    """Whatever the status; the others go on, and its row says why."""

    def answer(training: Training) -> float | str:
        return "error" if training.treatments == ("clipping:norm=1.0",) else 0.7

    lab, rows = experiment(answer)
    assert lab.of("confirmation") == []
    (row,) = [row for row in rows if row.get("remedy") == "gradient clipping"]
    assert (row["status"], row["reason"]) == ("error", "planted")


# --- learning rates ----------------------------------------------------------------------------


def best_at(rate: float) -> Any:
    """Training accuracy is 90% at one learning rate and 70% at the others."""

    def answer(training: Training) -> float:
        return 0.9 if training.learning_rate == pytest.approx(rate) else 0.7

    return answer


def test_the_tuned_learning_rate_is_confirmed() -> None:
    """As a remedy against optimization."""
    lab, _ = experiment(best_at(3.2 * RATE), seeds=2)
    confirmed = [each for each in lab.of("confirmation") if each.remedy == optimization.TUNED]
    assert {each.limit for each in confirmed} == {"optimization"}
    assert [each.training.learning_rate for each in confirmed] == [pytest.approx(3.2 * RATE)] * 2


def test_the_shallower_depth_that_trains_best_is_trained_at_its_own_best_rate() -> None:
    """With fresh seeds, if it trains better there: it is what a deeper one is compared with."""

    def answer(training: Training) -> float:
        at_best = training.learning_rate == pytest.approx(0.32 * RATE)
        return {4: 0.9, 8: 0.8}.get(training.depth, 0.7) + (0.05 if at_best else 0.0)

    lab, rows = experiment(answer, seeds=2)
    found = [(each.training.depth, each.training.seed) for each in lab.of("reference")]
    assert found == [(4, 1), (4, 2)]
    assert set(changes(lab, "reference")) == {f"learning_rate={0.32 * RATE:g}"}
    assert {row["role"] for row in rows if row["kind"] == "trial"} >= {"reference"}
    lab, _ = experiment(best_at(RATE))
    assert lab.of("reference") == []


def test_every_depth_has_a_window_of_learning_rates() -> None:
    """The same; with little time the deepest has one, of its ends."""
    for quick, depths, factors in (
        (False, {16, 8, 4, 2}, set(optimization.WINDOW)),
        (True, {16}, {optimization.WINDOW[0], optimization.WINDOW[-1]}),
    ):
        lab, _ = experiment(quick=quick)
        found = {(e.training.depth, e.training.learning_rate / RATE) for e in lab.of("window")}
        tried = {(depth, round(factor, 6)) for depth, factor in found}
        assert tried == {(depth, factor) for depth in depths for factor in factors}


def test_networks_that_are_changed_are_tried_at_the_tuned_rate() -> None:
    """Beside the asked and a lower one, since another network trains at another; each once."""
    for best, factors in ((3.2, [1, 0.1, 3.2]), (0.1, [1, 0.1]), (1, [1, 0.1])):
        lab, _ = experiment(best_at(best * RATE))
        shortcuts = [e for e in lab.of("screening") if e.remedy == "residual connections"]
        rates = [each.training.learning_rate / RATE for each in shortcuts]
        assert rates == pytest.approx(factors)
        clipped = [e for e in lab.of("screening") if e.remedy == "gradient clipping"]
        assert [each.training.learning_rate for each in clipped] == [RATE]


@pytest.mark.parametrize(("best", "further"), [(0.1, 0.01), (10.0, 100.0), (3.2, None)])
def test_a_best_rate_at_an_end_of_the_window_widens_it(best: float, further: Any) -> None:
    """Only there is one further learning rate tried."""
    lab, _ = experiment(best_at(best * RATE))
    factors = [e.training.learning_rate / RATE for e in lab.of("window") if e.training.depth == 16]
    assert factors == pytest.approx([*optimization.WINDOW, *([further] if further else [])])


def test_a_network_that_diverges_may_train_at_a_lower_rate() -> None:
    """Divergence is a result: the window is tried, and what trains there is confirmed."""

    def answer(training: Training) -> float | str:
        return 0.8 if training.learning_rate < RATE else "diverged"

    lab, rows = experiment(answer, seeds=1)
    assert failed(rows) is None
    assert {each.remedy for each in lab.of("confirmation")} >= {optimization.TUNED}


def test_a_network_that_diverges_everywhere_has_its_remedies_tried() -> None:
    """Gradients that explode may be what stops it."""
    lab, _ = experiment(lambda _: "diverged")
    assert {each.limit for each in lab.of("screening")} >= {"gradients", "degradation"}


# --- what applies ------------------------------------------------------------------------------


def test_remedies_that_do_not_apply_are_not_tried() -> None:
    """Those that the family's knobs say are there already."""
    lab, _ = experiment(of=family(knobs=KNOBS))
    tried = {each.remedy for each in lab.of("screening")}
    assert not tried & {"normalization", "initialization", "activation", "residual connections"}
    assert {"gradient clipping", "dropout", "dense connections"} <= tried


def test_a_family_without_knobs_gets_treatments() -> None:
    """Surgery on its networks, and never a knob in its spec."""
    lab, _ = experiment()
    assert {each.training.family for each in lab.asked} == {"net.py:build"}
    treated = {t.partition(":")[0] for e in lab.of("screening") for t in e.training.treatments}
    assert treated >= {"shortcut", "dense", "normalization", "initialization", "dropout", "l1"}


def test_a_family_of_one_depth_has_no_reference() -> None:
    """Its remedies are tried; nothing shallower is trained, and no data curve beside its own."""
    lab, _ = experiment(of=family(depths=(16,)))
    assert lab.of("shallower") == []
    assert {each.training.depth for each in lab.asked} == {16}
    assert lab.of("screening")


# --- the reference -----------------------------------------------------------------------------


def by_depth(accuracies: dict[int, float]) -> Any:
    def answer(training: Training) -> float:
        return accuracies[training.depth]

    return answer


@pytest.mark.parametrize(
    ("accuracies", "reference"),
    [({16: 0.7, 8: 0.8, 4: 0.9, 2: 0.6}, 4), ({16: 0.7, 8: 0.9, 4: 0.9, 2: 0.6}, 4)],
)
def test_the_reference_is_the_best_shallower_depth(
    accuracies: dict[int, float], reference: int
) -> None:
    """By accuracy on data held out, the shallower of equals; it is looked into beside the network,
    which is checked against it."""
    lab, _ = experiment(by_depth(accuracies))
    assert ("examined", [16, reference]) in lab.probed
    assert lab.more[-2][0].depth == reference
    assert lab.more[-1] == (None,)


def test_a_doubling_of_data_is_compared_with_the_reference() -> None:
    """With every seed at both depths: a limit of depth is a difference."""
    lab, _ = experiment(by_depth({16: 0.7, 8: 0.9, 4: 0.8, 2: 0.6}), seeds=2)
    doubling = [e.training for e in lab.of("data") if e.change == "n=80"]
    for depth in (16, 8):
        assert sorted(t.seed for t in doubling if t.depth == depth) == [0, 1, 2]
    parts = {e.change for e in lab.of("data")}
    assert parts == {"n=20", "n=40", "n=80"}


# --- less --------------------------------------------------------------------------------------


def test_quick_asks_for_less() -> None:
    """The screen, twins and learning rates: no data curve, no curves, no look at trained
    networks, no remedy but of gradients and degradation."""
    whole, _ = experiment()
    lab, _ = experiment(quick=True)
    assert len(lab.asked) < len(whole.asked)
    assert lab.of("data") == []
    assert {each.limit for each in lab.of("screening")} == {"gradients", "degradation"}
    assert [name for name, _ in lab.probed] == ["screened", "weigh"]
    assert not any(each.training.curves for each in lab.asked)


def test_curves_are_watched_where_an_early_stop_is_judged() -> None:
    """As asked and shallower; a screening needs none."""
    lab, _ = experiment()
    watched = {each.role for each in lab.asked if each.training.curves}
    assert watched == {"asked", "shallower"}


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["error", "skipped", "oom", "timeout"])
def test_a_network_that_cannot_be_trained_ends_the_experiment(status: str) -> None:
    """After its own trainings, not after dozens of others; the rows say why."""
    lab, rows = experiment(lambda _: status)
    assert [each.role for each in lab.asked] == ["asked"] * 3
    assert failed(rows) == (status, "planted")


def test_one_failure_of_the_network_does_not_end_it() -> None:
    """A child that was killed once."""
    lab, rows = experiment(lambda training: "oom" if training.seed == 2 else 0.7)
    assert failed(rows) is None
    assert lab.of("screening")


def test_a_shallower_network_that_fails_is_a_row() -> None:
    """And the others are compared with."""
    answer = {16: 0.7, 8: "error", 4: 0.8, 2: 0.6}
    lab, rows = experiment(lambda training: answer[training.depth])
    assert {r["status"] for r in rows if r["kind"] == "trial" and r["depth"] == 8} == {"error"}
    assert ("examined", [16, 4]) in lab.probed


def test_a_child_that_dies_brings_a_row_that_says_so() -> None:
    """In place of what it was to look at, with the depth; the experiment goes on."""
    lab, rows = experiment(of_treatment("clipping", 0.9), dies=(screened, examined))
    failures = [row for row in rows if row.get("quantity") == "failed"]
    assert [row["depth"] for row in failures] == [16, 8, 4, 2, 16, 2]
    assert {row["note"] for row in failures} == {"error: ended by signal 11 (SIGSEGV)"}
    assert lab.of("confirmation")
