"""Which limit stops a network: each of the six planted, what it is confused with, and noise."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from reports.case import Case
from reports.limits import judge, subjects
from reports.limits_verdict import LimitsVerdict
from reports.margin import MARGIN
from tests.reports import experiments as planted
from tests.reports.experiments import HELD, LEVEL, OVERFIT_HELD, UNFIT, UNFIT_HELD, evidence

SIZES = {
    32: {1250: 0.50, 2500: 0.60, 5000: 0.70, 20_000: 0.88},
    4: {1250: 0.75, 2500: 0.80, 5000: 0.85, 20_000: 0.91},
}
UNFITTING: dict[str, Any] = {"fit": UNFIT, "held": UNFIT_HELD}


def binds(verdict: LimitsVerdict) -> dict[str, bool | None]:
    """Which limits bind."""
    return {each.name: each.binds for each in verdict.limits}


def named(verdict: LimitsVerdict) -> tuple[str, str | None]:
    """The limit and how sure that is."""
    return verdict.name, verdict.confidence


# --- each limit -------------------------------------------------------------------------------

PLANTED: dict[str, dict[str, Any]] = {
    "gradients": {
        **UNFITTING,
        "screen": planted.VANISHING,
        "remedies": [planted.normalized(0.99), planted.tuned(0.81)],
    },
    "optimization": {**UNFITTING, "remedies": [planted.residual(0.80), planted.tuned(0.98)]},
    "degradation": {
        **UNFITTING,
        "remedies": [planted.residual(0.99), planted.tuned(0.81), planted.momentum(0.78)],
    },
    "overfitting": {"held": OVERFIT_HELD, "remedies": [planted.dropout(0.89)]},
    "data": {"held": OVERFIT_HELD, "remedies": [planted.dropout(0.80)], "sizes": SIZES},
    "compute": {},
    "none": {"fit": planted.RISING, "held": planted.RISING},
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_limit_is_named(name: str) -> None:
    """Strongly with three fresh seeds and a clear effect; it alone binds."""
    verdict = judge(evidence(**PLANTED[name]))
    assert named(verdict) == (name, "strong")
    assert [each for each, found in binds(verdict).items() if found] == [name] * (name != "none")
    assert verdict.settle == ()
    assert verdict.evidence


@pytest.mark.parametrize("name", PLANTED)
def test_no_verdict_is_strong_with_two_fresh_seeds(name: str) -> None:
    """However large the effect; what is named is the same."""
    assert named(judge(evidence(**PLANTED[name], seeds=2))) == (name, "weak")


def test_no_verdict_is_strong_if_the_fresh_seeds_of_its_remedy_failed() -> None:
    """What counts are the pairs that were compared."""
    rows = evidence(**PLANTED["degradation"])
    for row in rows:
        if row["kind"] == "trial" and row["role"] == "confirmation" and row["seed"] > 1:
            row |= planted.failed("oom", "out of memory")
    assert named(judge(rows)) == ("degradation", "weak")


# --- what it is confused with -----------------------------------------------------------------


def test_a_large_gap_alone_is_not_overfitting() -> None:
    """Double descent: 40 points between training and other data, at every depth, and no shallower
    network does better; that a remedy helps them all changes nothing."""
    gap = dict.fromkeys(HELD, 0.6)
    verdict = judge(evidence(held=gap, remedies=[planted.dropout(0.70)]))
    assert binds(verdict)["overfitting"] is False
    assert verdict.name != "overfitting"


def test_a_network_that_fits_worse_does_not_overfit() -> None:
    """Its accuracy on data held out is worse because that on its training data is."""
    verdict = judge(evidence(**UNFITTING, remedies=[planted.dropout(0.89)]))
    assert binds(verdict)["overfitting"] is False


def test_a_learning_rate_that_recovers_half_is_optimization_not_degradation() -> None:
    """The twin with shortcuts is better still, and degradation binds; the cause is named."""
    verdict = judge(evidence(**UNFITTING, remedies=[planted.residual(0.99), planted.tuned(0.91)]))
    assert binds(verdict)["degradation"] is True
    assert verdict.name == "optimization"


def rated(row_depth: int, fit: float) -> list[dict[str, Any]]:
    """A shallower depth at a learning rate of its own, with all seeds."""
    about = {"depth": row_depth, "learning_rate": planted.TUNED_RATE}
    roles = ("window", "reference", "reference", "reference")
    return [planted.trial(r, seed=s, fit=fit) | about for s, r in enumerate(roles)]


@pytest.mark.parametrize(("shallow", "fires"), [(0.80, False), (0.99, True)])
def test_degradation_compares_each_depth_at_its_best_learning_rate(
    shallow: float, fires: bool
) -> None:
    """Both train badly at the one asked for: the deep one may be the better at its own, and may
    not, and the shallow one too."""
    low = dict.fromkeys(LEVEL, 0.5) | {4: 0.6}
    remedies = [planted.residual(0.999), planted.tuned(0.9)]
    rows = evidence(fit=low, held=low, remedies=remedies) + rated(4, shallow)
    (found,) = [each for each in judge(rows).limits if each.name == "degradation"]
    assert bool(found.symptoms) is fires
    if fires:
        assert "by 9.0 points, each at the best of its learning rates" in found.symptoms[0]


def test_a_learning_rate_that_recovers_less_than_half_leaves_degradation() -> None:
    """A real gain of the learning rate that explains too little does not bind."""
    remedies = [planted.residual(0.99), planted.tuned(0.85), planted.momentum(0.78)]
    verdict = judge(evidence(**UNFITTING, remedies=remedies))
    assert binds(verdict)["optimization"] is False
    assert named(verdict) == ("degradation", "strong")


def test_degradation_is_weak_where_no_other_optimizer_was_tried() -> None:
    """Only the shortcut helps, as far as was looked."""
    verdict = judge(evidence(**UNFITTING, remedies=[planted.residual(0.99)]))
    assert named(verdict) == ("degradation", "weak")


def test_degradation_is_weak_where_the_screen_says_nothing_or_fires_untreated() -> None:
    """Unknown is not clean."""
    remedies = [planted.residual(0.99), planted.momentum(0.78)]
    for screen in ({}, planted.VANISHING):
        verdict = judge(evidence(**UNFITTING, screen=screen, remedies=remedies))
        assert named(verdict) == ("degradation", "weak")


def test_a_dip_in_depth_is_not_taken_for_rising() -> None:
    """The last step pays, but a shallower depth is better by far."""
    dip = {4: 0.70, 8: 0.95, 16: 0.40, 32: 0.60}
    verdict = judge(evidence(fit=dip, held=dip, remedies=planted.without_effect(0.6, 0.6)))
    assert verdict.name != "none"


def test_gradients_may_stop_every_depth_alike() -> None:
    """All are stuck, the screen fires and a norm sets them free."""
    stuck = dict.fromkeys(planted.LEVEL, 0.3)
    remedies = [planted.normalized(0.99)]
    found = judge(evidence(fit=stuck, held=stuck, screen=planted.VANISHING, remedies=remedies))
    assert found.name == "gradients"


def test_depths_that_name_one_class_have_learnt_nothing() -> None:
    """Their accuracy is the share of the most frequent class."""
    same = dict.fromkeys(planted.LEVEL, 0.95)
    rows = [row | {"chance": 0.95} for row in evidence(fit=same, held=same)]
    assert judge(rows).name == "undetermined"


def test_a_remedy_that_generalises_worse_is_no_strong_evidence() -> None:
    """It fits the training data, and does 15 points worse on others."""
    remedies = [planted.momentum(0.99, held=0.60)]
    assert named(judge(evidence(**UNFITTING, remedies=remedies))) == ("optimization", "weak")


def test_studies_of_two_files_are_judged_apart() -> None:
    """They may differ in more than their rows say."""
    rows = [row | {"source": name} for name in "ab" for row in evidence()]
    assert [len(each) for each in subjects(rows)] == [len(rows) // 2] * 2


def test_a_shortcut_is_compared_with_the_network_at_its_best_learning_rate() -> None:
    """Where tuning alone does all that the twin does, nothing is left for degradation."""
    verdict = judge(evidence(**UNFITTING, remedies=[planted.residual(0.99), planted.tuned(0.99)]))
    assert binds(verdict)["degradation"] is False
    assert verdict.name == "optimization"


def test_a_remedy_that_recovers_everything_recovers_100_percent() -> None:
    """Gain and loss are measured from the same network: seed by seed at its better rate."""
    deviating = {1: 0.80, 2: 0.86, 3: 0.90}
    rows = evidence(**UNFITTING, remedies=[planted.residual(0.995), planted.tuned(0.85)])
    for row in rows:
        if row.get("remedy") == planted.TUNED:
            row["train_accuracy"] = deviating[row["seed"]]
    verdict = judge(rows)
    (found,) = (each for each in verdict.remedies if each.name == "residual connections")
    assert found.recovered_share == pytest.approx(1.0, abs=0.01)


def test_vanishing_gradients_are_named_before_the_degradation_they_cause() -> None:
    """They fire at initialisation and a norm recovers; that a shortcut does too is expected."""
    remedies = [planted.normalized(0.98), planted.residual(0.99)]
    verdict = judge(evidence(**UNFITTING, screen=planted.VANISHING, remedies=remedies))
    assert binds(verdict)["degradation"] is True
    assert named(verdict) == ("gradients", "strong")


def test_without_a_remedy_that_recovers_gradients_are_not_the_cause() -> None:
    """The symptom fires and only the shortcut helps: degradation."""
    remedies = [planted.normalized(0.80), planted.residual(0.99)]
    verdict = judge(evidence(**UNFITTING, screen=planted.VANISHING, remedies=remedies))
    assert binds(verdict)["gradients"] is False
    assert verdict.name == "degradation"


def test_a_norm_that_helps_without_a_symptom_is_not_the_cure_of_gradients() -> None:
    """Gradients are clean at initialisation."""
    verdict = judge(evidence(**UNFITTING, remedies=[planted.normalized(0.99)]))
    assert binds(verdict)["gradients"] is False
    assert verdict.name == "undetermined"


def test_overfitting_that_a_remedy_cures_is_not_lack_of_data() -> None:
    """More data brings the shallower network as much."""
    sizes = {32: {5000: 0.70, 20_000: 0.83}, 4: {5000: 0.85, 20_000: 0.94}}
    verdict = judge(evidence(held=OVERFIT_HELD, remedies=[planted.dropout(0.89)], sizes=sizes))
    assert binds(verdict)["data"] is False
    assert named(verdict) == ("overfitting", "strong")


def test_two_remedies_that_explain_it_make_it_weak() -> None:
    """A regularizer and more data both win it all back."""
    verdict = judge(evidence(held=OVERFIT_HELD, remedies=[planted.dropout(0.89)], sizes=SIZES))
    assert binds(verdict)["overfitting"]
    assert binds(verdict)["data"]
    assert named(verdict) == ("overfitting", "weak")


def test_an_early_stop_is_a_remedy_for_overfitting() -> None:
    """It needs no training of its own."""
    verdict = judge(evidence(held=OVERFIT_HELD, stopping=0.09))
    assert named(verdict) == ("overfitting", "strong")
    assert [each.name for each in verdict.remedies] == ["early stopping"]


def test_more_layers_that_pay_are_stopped_by_nothing() -> None:
    """Although twice the data and another learning rate would bring something too."""
    sizes = {32: {5000: 0.90, 20_000: 0.96}, 16: {5000: 0.86, 20_000: 0.89}}
    rows = evidence(
        fit=planted.RISING, held=planted.RISING, sizes=sizes, remedies=[planted.tuned(0.96)]
    )
    assert judge(rows).name == "none"


# --- what cannot be told ----------------------------------------------------------------------


def test_remedies_that_win_nothing_bind_nothing() -> None:
    """The symptom fires, nothing helps: undetermined, and another remedy would settle it."""
    remedies = planted.without_effect(0.80, 0.75)
    verdict = judge(evidence(**UNFITTING, screen=planted.VANISHING, remedies=remedies))
    assert named(verdict) == ("undetermined", None)
    assert not any(binds(verdict).values())
    assert any("another remedy for gradients" in each for each in verdict.settle)


def test_a_limit_whose_remedy_was_not_tried_is_open() -> None:
    """It binds neither yes nor no, and its p value is unknown."""
    verdict = judge(evidence(**UNFITTING, screen=planted.VANISHING))
    found = next(each for each in verdict.limits if each.name == "gradients")
    assert (found.binds, found.p_value, found.remedy) == (None, None, None)
    assert verdict.name == "undetermined"
    assert any("a remedy for gradients" in each for each in verdict.settle)


def test_noise_that_hides_the_gain_asks_for_seeds() -> None:
    """Deeper networks may pay or not."""
    noise = planted.noisy(random.Random(5), 0.03)
    verdict = judge(evidence(fit=planted.RISING, held=HELD, deviation=noise))
    assert verdict.name == "undetermined"
    assert any("more fresh seeds than 3" in each for each in verdict.settle)


def test_one_fresh_seed_is_enough_for_a_weak_verdict_only() -> None:
    """As with `--quick`; it says how many there should be."""
    verdict = judge(evidence(**PLANTED["degradation"], seeds=1))
    assert named(verdict) == ("degradation", "weak")
    assert "at least 3 fresh seeds instead of 1" in verdict.settle


def test_without_fresh_seeds_nothing_is_tested() -> None:
    """The seed that chose is no evidence."""
    verdict = judge(evidence(**PLANTED["degradation"], seeds=0))
    assert verdict.name == "undetermined"


def test_without_a_shallower_depth_it_cannot_be_told() -> None:
    """There is nothing that depth could be worse than."""
    verdict = judge(evidence(fit={32: 0.99}, held={32: 0.9}))
    assert named(verdict) == ("undetermined", None)
    assert verdict.reference_depth is None
    assert verdict.settle == ("a depth that has shallower ones to compare with",)


@pytest.mark.parametrize("status", ["oom", "error", "timeout"])
def test_trainings_that_failed_are_told_by_their_reasons(status: str) -> None:
    """Of nothing nothing follows."""
    rows = [row | planted.failed(status, "no room") for row in evidence() if row["kind"] == "trial"]
    verdict = judge(rows)
    assert named(verdict) == ("undetermined", None)
    assert verdict.evidence == ("no room",)
    assert verdict.settle
    assert judge([planted.probe("failed", None, note="not built")]).evidence == ("not built",)


def test_trainings_that_all_diverged_are_undetermined() -> None:
    """At every depth and with every remedy: that none is better than another says nothing."""
    rows = [
        row | planted.failed("diverged", "loss is NaN") if row["kind"] == "trial" else row
        for row in evidence(remedies=planted.without_effect(0.9, 0.9))
    ]
    verdict = judge(rows)
    assert named(verdict) == ("undetermined", None)
    assert verdict.evidence == ("loss is NaN",)
    assert set(binds(verdict).values()) == {None}
    assert verdict.outlook == ()


def test_a_network_that_diverges_at_this_depth_only_does_as_well_as_chance() -> None:
    """That is a loss to recover, and what prevents it is the remedy."""
    rows = evidence(
        **UNFITTING, screen={"nonfinite_layers": 1.0}, remedies=[planted.normalized(0.99)]
    )
    for row in rows:
        if row["kind"] == "trial" and row["role"] == "asked":
            row |= planted.failed("diverged", "loss is NaN")
    verdict = judge(rows)
    assert verdict.name == "gradients"
    assert verdict.remedies[0].points == pytest.approx(89.0)


def test_trainings_that_were_cut_short_say_nothing_of_costs() -> None:
    """Those that diverged: doublings are then those of depth, and remedies have no cost."""
    rows = evidence(**UNFITTING, remedies=[planted.residual(0.99)])
    for row in rows:
        if row["kind"] == "trial" and row["role"] == "asked":
            row |= planted.failed("diverged", "loss is NaN") | {"train_flops": 1.0}
            row |= {"train_seconds": 1e-3}
    verdict = judge(rows)
    assert {each.cost_ratio for each in verdict.remedies} == {None}
    assert Case(rows, MARGIN).doublings == 1.0


@pytest.mark.parametrize("status", ["diverged", "ok"])
def test_divergence_at_every_learning_rate_is_a_symptom_of_gradients(status: str) -> None:
    """With the layer where it began; at one that is too high it is none."""
    rows = evidence(**UNFITTING, remedies=[planted.normalized(0.99)])
    lost = planted.failed("diverged", "loss is NaN")
    for row in rows:
        if row["kind"] == "trial" and row["role"] == "asked":
            row |= lost
    lower = planted.trial("window", fit=0.99) | {"learning_rate": planted.RATE / 100}
    rows.append(lower | (lost if status == "diverged" else {}))
    rows.append(planted.probe("nonfinite_step", 7.0, at="blocks.3"))
    verdict = judge(rows)
    (found,) = [each for each in verdict.limits if each.name == "gradients"]
    assert (found.symptoms == ()) is (status == "ok")
    if status == "diverged":
        assert verdict.name == "gradients"
        assert (
            "down to 0.0001: in step 8 blocks.3 is the first that is not finite"
            in found.symptoms[0]
        )


def test_shortcuts_are_listed_for_gradients_too_where_the_screen_fires() -> None:
    """They decide nothing there: the limit has no remedy of its own to be tested by."""
    for screen, limits in (
        (planted.VANISHING, {"degradation", "gradients"}),
        (planted.CLEAN, {"degradation"}),
    ):
        verdict = judge(evidence(**UNFITTING, screen=screen, remedies=[planted.residual(0.99)]))
        assert {r.limit for r in verdict.remedies} == limits
        assert binds(verdict)["gradients"] is (None if "gradients" in limits else False)


def test_augmentation_is_listed_for_data_too() -> None:
    """It makes data of data; whether these bind is told by more of them."""
    remedies = [planted.Remedied(limit="overfitting", name="augmentation", fit=0.99, held=0.89)]
    verdict = judge(evidence(held=OVERFIT_HELD, remedies=remedies))
    assert {r.limit for r in verdict.remedies if r.name == "augmentation"} == {
        "data",
        "overfitting",
    }
    assert binds(verdict)["data"] is False


def test_without_a_validation_split_the_test_split_is_held_out() -> None:
    """The verdict is the same."""
    rows = evidence(**PLANTED["overfitting"])
    for row in rows:
        if row["kind"] == "trial":
            row |= {"validation_accuracy": None, "n_validation": None}
    assert judge(rows) == judge(evidence(**PLANTED["overfitting"]))


# --- error rates ------------------------------------------------------------------------------

OF_TRAINING = ("gradients", "optimization", "degradation")


def repeated(experiments: int, **settings: Any) -> list[str]:
    """The verdicts on so many experiments with deviations of two points."""
    generator = random.Random(7)
    deviation = planted.noisy(generator, 0.02)
    return [judge(evidence(**settings, deviation=deviation)).name for _ in range(experiments)]


def test_noise_is_not_a_limit_of_training() -> None:
    """No depth differs and no remedy has an effect; its symptom fires all the same. Of 40
    experiments at most 5% name a limit that keeps a network from fitting its data."""
    level = dict.fromkeys(LEVEL, 0.9)
    found = repeated(
        40,
        fit=level,
        held=level,
        screen=planted.VANISHING,
        remedies=planted.without_effect(0.9, 0.9),
    )
    assert sum(name in OF_TRAINING for name in found) <= 2


def test_remedies_without_effect_are_no_cause() -> None:
    """The network is worse than shallower ones, and nothing helps: of 40 experiments at most 5%
    name a cause."""
    found = repeated(
        40,
        **UNFITTING,
        screen=planted.VANISHING,
        remedies=planted.without_effect(0.80, 0.75),
    )
    assert sum(name != "undetermined" for name in found) <= 2


def test_holm_s_correction_is_over_the_limits() -> None:
    """The same gain has twice the p value where a second limit fires."""
    remedies = [planted.residual(0.81), *planted.without_effect(0.80, 0.75)[:1]]
    degradation = [
        next(each.p_value for each in found.limits if each.name == "degradation")
        for screen in (planted.CLEAN, planted.VANISHING)
        for found in [judge(evidence(**UNFITTING, screen=screen, remedies=remedies))]
    ]
    assert degradation[0] is not None
    assert degradation[1] == pytest.approx(2 * degradation[0])


# --- properties -------------------------------------------------------------------------------


def shuffled(rows: Sequence[planted.Row]) -> list[planted.Row]:
    return random.Random(11).sample(list(rows), len(rows))


@pytest.mark.parametrize("name", PLANTED)
def test_the_order_of_the_rows_does_not_matter(name: str) -> None:
    """To no number of the verdict."""
    rows = evidence(**PLANTED[name], deviation=planted.noisy(random.Random(3), 0.005))
    assert judge(shuffled(rows)) == judge(rows)


@pytest.mark.parametrize("name", PLANTED)
def test_the_json_object(name: str) -> None:
    """Its keys are those of the contract, and no number of it is NaN or infinite."""
    found = judge(evidence(**PLANTED[name])).as_dict()
    json.dumps(found, allow_nan=False)
    keys = {"family", "depth", "reference_depth", "task", "limit", "limits", "remedies"}
    assert keys <= found.keys()
    assert found["limit"].keys() == {"name", "confidence", "evidence"}
    assert list(found["limits"]) == [
        "gradients", "overfitting", "degradation", "compute", "optimization", "data",
    ]  # fmt: skip
    for each in found["limits"].values():
        assert each.keys() == {"binds", "symptoms", "p_value"}
    for each in found["remedies"]:
        assert {"name", "limit", "recovered_share", "low", "high", "cost_ratio"} <= each.keys()


def test_what_it_is_about() -> None:
    """The reference is the best shallower depth on data held out."""
    verdict = judge(evidence(held=OVERFIT_HELD | {8: 0.93}))
    about = verdict.family, verdict.depth, verdict.reference_depth, verdict.task
    assert about == (planted.FAMILY, 32, 8, planted.TASK)


def test_remedies_are_ranked_by_what_they_recover() -> None:
    """With bounds where fresh seeds confirmed them, and what they cost in time."""
    rows = evidence(
        **UNFITTING,
        remedies=[planted.residual(0.99), planted.momentum(0.85, confirmed=False)],
    )
    first, second = judge(rows).remedies
    assert (first.name, first.limit, first.seeds) == ("residual connections", "degradation", 3)
    assert first.recovered_share == pytest.approx(0.19 / 0.195)
    assert first.low is not None
    assert first.high is not None
    assert first.low < first.recovered_share < first.high
    assert first.cost_ratio == 1.0
    assert (second.name, second.seeds, second.low, second.high) == (
        "another optimizer", 0, None, None,
    )  # fmt: skip
    assert second.points == pytest.approx(5.0)


def test_a_margin_decides_what_counts() -> None:
    """A loss of three points is a limit to who cares for one, and none to who cares for five."""
    rows = evidence(held=HELD | {32: 0.87}, remedies=[planted.dropout(0.90)])
    assert judge(rows, margin=0.01).name == "overfitting"
    assert judge(rows, margin=0.05).name == "compute"
    json.dumps(judge(evidence(), margin=0.0).as_dict(), allow_nan=False)


def test_subjects_are_told_apart() -> None:
    """By family, task and depth, in the order of their first rows."""
    rows = [planted.probe("failed", None, family=family) for family in ("b", "a", "b")]
    assert [[row["family"] for row in each] for each in subjects(rows)] == [["b", "b"], ["a"]]
