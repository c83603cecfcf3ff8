"""The runs of one family on one task, depth by depth: estimates, and what had to stay out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .cost_bounds import Bounds, of_mean
from .estimates import ASSUMED_EXAMPLES, Estimate, Observations, estimate_depths
from .held_equal import Held, settings_held
from .protocol import (
    TUNED,
    best_tuned,
    in_order,
    is_finished,
    mean_of,
    one_per_seed,
    one_protocol,
    settings_words,
)
from .tables import SPLITS, Row, Tables, grouped, records
from .trained import Trained, trained

# By depth, shallowest first.
RowsByDepth = Mapping[int, list[Row]]


@dataclass(frozen=True)
class TrainingCost:
    """What training one depth took, as means over its finished runs.

    Attributes:
        bounds: by the names of the above, of those whose noise is known.
    """

    parameters: float | None = None
    train_seconds: float | None = None
    train_flops: float | None = None
    bounds: Mapping[str, Bounds] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """The accuracies of one family on one task.

    Attributes:
        knobs: what the family was built with, defaults included; empty where that is unknown or the
            runs differ in it.
        metric: what the depths are chosen by, as the verdict calls it.
        estimates: of that metric, for the depths with at least one finished run.
        train, test: the same of the other splits, where they are known.
        trained: the runs behind the estimates, one by one.
        failed: the depths without a finished run, and how their runs ended.
        tried: the depths that were trained to an end or diverged; one that ran out of memory was
            not.
        protocol: what the runs have in common besides family and task.
        held: the settings of the runs, equal or not.
    """

    family: str
    knobs: Mapping[str, Any]
    task: str | None
    metric: str
    estimates: tuple[Estimate, ...]
    train: tuple[Estimate, ...]
    test: tuple[Estimate, ...]
    trained: tuple[Trained, ...]
    training_costs: dict[int, TrainingCost]
    failed: dict[int, str]
    tried: tuple[int, ...]
    protocol: dict[str, Any]
    held: tuple[Held, ...]
    notes: tuple[str, ...]


def sweeps(tables: Tables) -> tuple[Sweep, ...]:
    """One sweep per (family, task), in the order of their names."""
    by_network = grouped(records(tables.runs), ("family", "task"))
    return tuple(_sweep(family, task, in_order(group)) for (family, task), group in by_network)


def _sweep(family: str, task: str | None, rows: list[Row]) -> Sweep:
    rows, protocol, protocol_notes = one_protocol(rows)
    split, metric, metric_notes = _metric(rows)
    given = dict(sorted((depth, group) for (depth,), group in grouped(rows, ("depth",))))
    tuned = {depth: best_tuned(group, split) for depth, group in given.items()}
    finished = {depth: one_per_seed(group, split) for depth, group in tuned.items()}
    estimates = _estimates(finished, split)
    return Sweep(
        family=family,
        knobs=_knobs(rows),
        task=task,
        metric=metric,
        estimates=estimates,
        train=_estimates(finished, "train_accuracy"),
        test=_estimates(finished, "test_accuracy") if split != "test_accuracy" else (),
        trained=trained(finished, split),
        training_costs={depth: _training(group) for depth, group in finished.items()},
        failed={depth: _ends(tuned[depth]) for depth, group in finished.items() if not group},
        tried=_tried(tuned, finished),
        protocol=protocol,
        held=settings_held(tuned),
        notes=(
            *protocol_notes,
            *metric_notes,
            *_tuning_notes(given, tuned),
            *_repeat_notes(tuned, finished, split),
            *_failure_notes(tuned, split),
            *_noise_notes(estimates),
        ),
    )


def _knobs(rows: Sequence[Row]) -> Mapping[str, Any]:
    first, *others = (row["knobs"] or {} for row in rows)
    return first if all(knobs == first for knobs in others) else {}


def _metric(rows: Sequence[Row]) -> tuple[str, str, tuple[str, ...]]:
    """The column to choose by, the name of the metric, and a note if it is the wrong split."""
    if any(row["validation_accuracy"] is not None for row in rows):
        return "validation_accuracy", "validation_accuracy", ()
    if rows[0]["metric"] is not None:
        return "test_accuracy", rows[0]["metric"], ()
    if any(row["test_accuracy"] is not None for row in rows):
        note = (
            "There are no validation accuracies: depths are chosen on the test split, which "
            "flatters the best of them."
        )
        return "test_accuracy", "test_accuracy", (note,)
    return "validation_accuracy", "validation_accuracy", ()


def _estimates(finished: RowsByDepth, split: str) -> tuple[Estimate, ...]:
    observed = (_observations(depth, rows, split) for depth, rows in finished.items())
    return estimate_depths([each for each in observed if each.accuracies])


def _observations(depth: int, rows: Sequence[Row], split: str) -> Observations:
    known = [row for row in rows if row[split] is not None]
    counts = [row[SPLITS[split]] for row in known if row[SPLITS[split]] is not None]
    # The smallest count is the cautious one where seeds differ in it.
    n_examples = int(min(counts)) if counts else None
    return Observations(depth, tuple(sorted(row[split] for row in known)), n_examples)


def _training(rows: Sequence[Row]) -> TrainingCost:
    seconds = of_mean([row["train_seconds"] for row in rows if row["train_seconds"] is not None])
    return TrainingCost(
        parameters=mean_of(rows, "parameters"),
        train_seconds=mean_of(rows, "train_seconds"),
        train_flops=mean_of(rows, "train_flops"),
        bounds={"train_seconds": seconds} if seconds else {},
    )


def _tried(tuned: RowsByDepth, finished: RowsByDepth) -> tuple[int, ...]:
    return tuple(
        depth
        for depth, rows in tuned.items()
        if finished[depth] or any(row["status"] == "diverged" for row in rows)
    )


def _ends(rows: Sequence[Row]) -> str:
    """How the runs ended, counted: `2 diverged, 1 timeout`."""
    counts = Counter(_end(row) for row in rows)
    return ", ".join(f"{count} {end}" for end, count in sorted(counts.items()))


def _end(row: Row) -> str:
    return "without an accuracy" if row["status"] == "ok" else str(row["status"])


def _tuning_notes(given: RowsByDepth, tuned: RowsByDepth) -> Iterator[str]:
    for depth, rows in given.items():
        settings = len(grouped(rows, TUNED))
        if settings > 1:
            yield (
                f"Depth {depth}: of {settings} optimizer settings, the one with most finished "
                f"seeds and the best mean was taken ({settings_words(tuned[depth][0], TUNED)})."
            )


def _repeat_notes(tuned: RowsByDepth, finished: RowsByDepth, split: str) -> Iterator[str]:
    repeats = {
        depth: sum(is_finished(row, split) for row in rows) - len(finished[depth])
        for depth, rows in tuned.items()
    }
    depths = ", ".join(str(depth) for depth, count in repeats.items() if count)
    if depths:
        yield f"Some seeds are given more than once at depth {depths}: each counts once, as a mean."


def _failure_notes(tuned: RowsByDepth, split: str) -> Iterator[str]:
    everything = [row for rows in tuned.values() for row in rows]
    if not any(is_finished(row, split) for row in everything):
        yield _nothing_note(everything)
        return
    for depth, rows in tuned.items():
        lost = [row for row in rows if not is_finished(row, split)]
        if lost:
            yield _failure_note(depth, len(rows), lost)


def _nothing_note(rows: Sequence[Row]) -> str:
    if all(row["status"] == "diverged" for row in rows):
        return f"All {len(rows)} runs diverged: try a lower learning rate (--lr)."
    return f"None of {len(rows)} runs gave an accuracy: {_ends(rows)}."


def _failure_note(depth: int, total: int, lost: Sequence[Row]) -> str:
    words = f"{len(lost)} of {total} runs at depth {depth} {_verb(lost)}"
    left = total - len(lost)
    if not left:
        return f"{words}: depth {depth} has no accuracy and cannot be the best."
    if len(lost) > left:
        return f"{words}: depth {depth} is unreliable, as its mean is over the {left} that did not."
    return f"{words}; its mean is over the other {left}."


def _verb(lost: Sequence[Row]) -> str:
    if all(row["status"] == "diverged" for row in lost):
        return "diverged"
    return f"did not finish ({_ends(lost)})"


def _noise_notes(estimates: Sequence[Estimate]) -> Iterator[str]:
    single = [each for each in estimates if each.n_seeds == 1]
    repeated = len(single) < len(estimates)
    if single and repeated:
        depths = ", ".join(str(each.depth) for each in single)
        yield f"There is one seed at depth {depths}: its spread is taken from the other depths."
    if repeated and any(each.n_examples is None for each in estimates):
        yield f"The number of examples is not known: {ASSUMED_EXAMPLES:,} were assumed."
    if single and not repeated:
        yield _one_seed_note(estimates)


def _one_seed_note(estimates: Sequence[Estimate]) -> str:
    if any(each.tested for each in estimates):
        return "One seed cannot tell: differences between trainings are not included."
    return (
        "Neither several seeds nor a number of examples are known, so no depth can be told from "
        "another: give n_test, or one row a seed."
    )
