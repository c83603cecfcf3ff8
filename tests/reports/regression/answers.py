"""Answers of a check as tests of what it says want them: findings of every lane and verdict."""

from typing import Any

from reports.regression.finding import (
    EQUIVALENT,
    IMPROVED,
    INCOMPARABLE,
    INCONCLUSIVE,
    MISSING,
    NEW,
    REGRESSED,
    Answer,
    Finding,
)

HOSTILE = "a|b*c_[x](y)<b>\n::error::%0Ano\u202e" + "n" * 60
"""A family's name with markup, a workflow command, a direction mark and too many letters."""


def time(verdict: str, change: float, **more: Any) -> Finding:
    """Of the paired lane: a tenth of a millisecond a layer, an interval of one percent each way."""
    given = {"family": "mlp", "pass_": "step", "margin": 0.03, **more}
    base = 1e-4 * (given.get("depth") or 1)
    ends = {"base": base, "new": base * (1 + change), "low": change - 0.01, "high": change + 0.01}
    return Finding(
        lane="paired", verdict=verdict, metric="time", change=change, **{**ends, **given}
    )


def exact(verdict: str, base: object, new: object, **more: Any) -> Finding:
    """Of the exact lane: parameters, where nothing else is said."""
    numbers = isinstance(base, int) and isinstance(new, int)
    change = new / base - 1 if numbers else None  # type: ignore[operator]
    given = {"metric": "parameters", "family": "mlp", "depth": 8, "change": change, **more}
    return Finding(lane="exact", verdict=verdict, base=base, new=new, **given)


def accuracy(verdict: str, change: float, **more: Any) -> Finding:
    """Of the accuracy lane, from 97%."""
    given = {"family": "mlp", "task": "mnist1d", "depth": 8, "margin": 0.01, **more}
    ends = {"low": change - 0.005, "high": change + 0.005, "base": 0.97, "new": 0.97 + change}
    return Finding(
        lane="accuracy", verdict=verdict, metric="validation_accuracy", change=change,
        **{**ends, **given},
    )  # fmt: skip


def answer(*findings: Finding, **more: Any) -> Answer:
    """Of a working tree against `main`."""
    return Answer(**{"base": "main", "new": "the working tree", "findings": findings, **more})


def slower() -> Answer:
    """One family a tenth slower at every depth; seven of eight cells are as they were."""
    return answer(
        time(REGRESSED, 0.102, low=0.091, high=0.114),
        time(INCONCLUSIVE, 0.025, depth=64),
        *(time(EQUIVALENT, 0.002, depth=depth) for depth in (8, 16, 32)),
        *(time(EQUIVALENT, -0.002, depth=depth, family="resnet") for depth in (8, 14, 20, 32)),
    )


def mixed() -> Answer:
    """Something of every verdict and lane, with names of other people's making."""
    return answer(
        time(EQUIVALENT, 0.001, depth=8, family="resnet"),
        time(REGRESSED, 0.104, part="per layer"),
        time(REGRESSED, 0.101),
        *(time(REGRESSED, 0.1 + depth / 1e4, depth=depth) for depth in (8, 16, 32)),
        time(REGRESSED, 0.2, depth=14, family="resnet", pass_="forward"),
        time(INCONCLUSIVE, 0.025, depth=20, family="resnet", low=-0.01, high=0.06,
             reason="the time was up"),
        Finding(lane="paired", verdict=IMPROVED, metric="peak_bytes", family="resnet", depth=20,
                pass_="step", base=12_500_000, new=11_000_000, change=-0.12, low=-0.125,
                high=-0.115, margin=0.01),
        *(exact(REGRESSED, 4_032 * depth, 4_096 * depth, depth=depth) for depth in (8, 16)),
        exact(IMPROVED, 2_000_000, 1_999_999, metric="saved_bytes"),
        exact(REGRESSED, "[8, 10]", "[8, 12]", metric="output_shape"),
        exact(EQUIVALENT, 100, 100, family="resnet"),
        *(Finding(lane="stored", verdict=MISSING, metric="time", family=HOSTILE, depth=depth,
                  pass_="step", reason="the new study does not have it") for depth in (8, 16)),
        Finding(lane="stored", verdict=INCOMPARABLE, metric="time", family="lenet", depth=5,
                pass_="step", reason="measured on another CPU"),
        Finding(lane="stored", verdict=NEW, metric="time", family="vgg", depth=11, pass_="step",
                new=0.25),
        accuracy(REGRESSED, -0.019),
        Finding(lane="accuracy", verdict=INCONCLUSIVE, metric="best_depth", family="mlp",
                task="mnist1d", base=8, new=16, reason="both depths are in both confidence sets"),
        notes=("12 pairs of processes a cell.",),
    )  # fmt: skip
