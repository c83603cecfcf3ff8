"""The exact lane's findings: every change, what it is, and how it goes with depth."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from reports.regression.baseline import METRICS
from reports.regression.exact import ALL_COUNTS, compare
from reports.regression.finding import (
    EQUIVALENT,
    IMPROVED,
    MISSING,
    NEW,
    REGRESSED,
    Answer,
    Finding,
)
from tests.reports.regression.counts import DEPTHS, Change, counted


def found(change: Change, *, torch: str = "2.13.0") -> list[Finding]:
    """What is not equivalent."""
    findings = compare(counted(), counted(change, torch=torch))
    return [each for each in findings if each.verdict != EQUIVALENT]


def exit_code(findings: tuple[Finding, ...]) -> int:
    return Answer(base="base", new="new", findings=findings).exit_code


def test_the_same_counts_are_equivalent() -> None:
    """One finding a cell and count, and exit code 0."""
    findings = compare(counted(), counted())
    assert Counter(each.verdict for each in findings) == {EQUIVALENT: len(METRICS) * len(DEPTHS)}
    assert all(each.reason == "" for each in findings)
    assert exit_code(findings) == 0


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("parameters", "parameter"),
        ("flops_forward", "FLOP"),
        ("flops_backward", "FLOP"),
        ("hardware_flops_step", "FLOP"),
        ("activation_bytes", "byte"),
    ],
)
def test_one_more_is_regressed_and_one_less_improved(metric: str, unit: str) -> None:
    """However small; both need to be accepted."""
    for by, verdict in ((1, REGRESSED), (-1, IMPROVED)):
        base = counted()
        cells = {
            place: {**counts, metric: int(str(counts[metric])) + by}
            for place, counts in base.cells.items()
        }
        findings = compare(base, replace(base, cells=cells))
        changed = [each for each in findings if each.verdict != EQUIVALENT]
        assert [(each.metric, each.depth) for each in changed] == [(metric, d) for d in DEPTHS]
        assert {each.verdict for each in changed} == {verdict}
        assert {each.reason for each in changed} == {
            f"{by:+} {unit} ({by:+} {unit} at every depth)"
        }
        assert exit_code(findings) == 1


def test_an_operator_a_layer_is_named_with_its_rule() -> None:
    """The operator that came, by how many, and how that goes with depth."""
    findings = found(
        lambda depth: {
            "operators_forward": {"aten.addmm": depth, "aten.relu": depth, "aten.clone": depth}
        }
    )
    assert [(each.base, each.new, each.reason) for each in findings] == [
        (4, 6, "aten.clone +2 (+1 operator a layer)"),
        (8, 12, "aten.clone +4 (+1 operator a layer)"),
        (16, 24, "aten.clone +8 (+1 operator a layer)"),
    ]
    assert [each.change for each in findings] == [pytest.approx(0.5)] * 3


def test_other_operators_are_regressed_though_they_are_as_many() -> None:
    """One activation in another's place."""
    findings = found(lambda depth: {"operators_forward": {"aten.addmm": depth, "aten.gelu": depth}})
    assert {each.verdict for each in findings} == {REGRESSED}
    assert findings[0].reason == "aten.gelu +2, aten.relu -2"
    assert findings[0].change == 0


def test_many_operators_are_cut_short() -> None:
    """Eight are named, the rest counted."""
    (finding, *_) = found(
        lambda _: {"operators_backward": {f"aten.op{i}": i + 1 for i in range(10)}}
    )
    assert finding.reason.startswith("aten.op9 +10, aten.op8 +9")
    assert "and 3 other operators" in finding.reason


def test_another_output_shape_is_regressed() -> None:
    """Both are told."""
    findings = found(lambda _: {"output_shapes": "8x12"})
    assert [(each.verdict, each.reason) for each in findings] == [(REGRESSED, "8x10 -> 8x12")] * 3


@pytest.mark.parametrize(
    ("base", "new", "verdict"),
    [
        ("", "aten.fft", REGRESSED),
        ("aten.fft", "", IMPROVED),
        ("aten.fft, aten.svd", "aten.svd", IMPROVED),
        ("aten.fft", "aten.svd", REGRESSED),
    ],
)
def test_fewer_operators_of_unknown_flops_are_better(base: str, new: str, verdict: str) -> None:
    """Others are not."""
    findings = compare(
        counted(lambda _: {"uncounted_ops": base}), counted(lambda _: {"uncounted_ops": new})
    )
    changed = [each for each in findings if each.verdict != EQUIVALENT]
    assert {(each.metric, each.verdict) for each in changed} == {("uncounted_ops", verdict)}
    assert changed[0].reason == f"{base or 'none'} -> {new or 'none'}"


def test_a_network_that_nothing_trains_any_more_is_regressed() -> None:
    """Unknown is not less."""
    findings = found(lambda _: {"flops_backward": None, "operators_backward": None})
    assert {each.verdict for each in findings} == {REGRESSED}
    assert "-> unknown" in findings[0].reason


def test_cells_that_go_are_missing_and_cells_that_come_are_new() -> None:
    """Never a pass: missing cells end with exit code 3, new ones with 0."""
    base = counted()
    fewer = replace(base, cells=dict(list(base.cells.items())[1:]))
    (missing,) = [each for each in compare(base, fewer) if each.verdict != EQUIVALENT]
    assert (missing.verdict, missing.depth, missing.metric) == (MISSING, 2, ALL_COUNTS)
    assert exit_code(compare(base, fewer)) == 3
    (new,) = [each for each in compare(fewer, base) if each.verdict != EQUIVALENT]
    assert (new.verdict, new.depth, new.metric) == (NEW, 2, ALL_COUNTS)
    assert exit_code(compare(fewer, base)) == 0


@pytest.mark.parametrize(
    ("own", "suspected"), [({}, True), ({"parameters": 1}, False), ({"output_shapes": "1"}, False)]
)
def test_another_pytorch_is_suspected_where_it_can_be(own: dict[str, Any], suspected: bool) -> None:
    """It changes operators and saved bytes, and neither parameters, FLOPs nor shapes; the finding
    still fails."""
    findings = found(lambda _: {"activation_bytes": 1_000, **own}, torch="2.14.0")
    reasons = [each.reason for each in findings if each.metric == "activation_bytes"]
    why = "perhaps by PyTorch (2.13.0 in the baseline, 2.14.0 here)"
    assert all((why in reason) == suspected for reason in reasons)
    assert exit_code(tuple(findings)) == 1


def test_families_are_told_apart() -> None:
    """The rule over depths is each family's own."""
    two = ("a", "b")
    base = [counted(family=family).cells for family in two]
    new = [counted(lambda depth: {"parameters": 101 * depth}, family="a").cells, base[1]]
    table = counted()
    findings = compare(
        replace(table, cells={**base[0], **base[1]}), replace(table, cells={**new[0], **new[1]})
    )
    changed = [each for each in findings if each.verdict != EQUIVALENT]
    assert {each.family for each in changed} == {"a"}
    assert "(+1 parameter a layer)" in changed[0].reason
