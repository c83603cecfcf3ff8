"""What a search trains next, and why it stops, on tables whose truth is known."""

import random
from collections.abc import Callable, Iterable

import pytest

from reports.payoff import payoff
from reports.search import Step, Stop, next_step
from reports.search_table import Space, Table, Tried
from reports.search_words import belief, block, intent, outcome

DEPTHS = (1, 2, 4, 8, 16, 32, 64)
EXAMPLES = 5_000

Curve = Callable[[int], float]


def space(depths: Iterable[int] = DEPTHS, **more: object) -> Space:
    """In which a training costs as much as it is deep."""
    chosen = tuple(depths)
    return Space(depths=chosen, flops={d: float(d) for d in chosen}, **more)  # type: ignore[arg-type]


def trained(
    depth: int, seeds: int, curve: Curve, *, spread: float = 0.002, examples: int = EXAMPLES
) -> Tried:
    """So many seeds of a depth; the same seed is the same training."""
    draws = (random.Random(f"{depth} {seed}").gauss(curve(depth), spread) for seed in range(seeds))
    return Tried(depth, tuple(draws), examples)


def searched(
    asked: Space, curve: Curve, *, spread: float = 0.002, examples: int = EXAMPLES
) -> tuple[dict[int, int], Stop, list[Step]]:
    """The seeds a depth that were trained, why it stopped, and its steps."""
    seeds: dict[int, int] = {}
    steps: list[Step] = []
    while True:
        tried = [
            trained(d, n, curve, spread=spread, examples=examples) for d, n in sorted(seeds.items())
        ]
        found = next_step(Table(asked, tried))
        if isinstance(found, Stop):
            return seeds, found, steps
        assert all(n > seeds.get(d, 0) for d, n in found.seeds.items())
        seeds |= found.seeds
        steps.append(found)


def peak_at_eight(depth: int) -> float:
    return {1: 0.6, 2: 0.75, 4: 0.85, 8: 0.9, 16: 0.86, 32: 0.7}.get(depth, 0.5)


def rising(depth: int) -> float:
    return 0.95 - 0.4 / depth**0.5


def flat_from_four(depth: int) -> float:
    return {1: 0.6, 2: 0.8}.get(depth, 0.9)


def test_it_begins_with_the_shallowest_and_doubles() -> None:
    """With the fewest seeds that have a spread."""
    _, _, steps = searched(space(), peak_at_eight)
    assert [step.seeds for step in steps[:3]] == [{1: 2}, {2: 2}, {4: 2}]


def test_it_goes_no_deeper_than_what_is_worse() -> None:
    """Where each doubling is clearly better or worse no depth has more than the fewest seeds."""
    seeds, stop, _ = searched(space(), peak_at_eight)
    assert seeds == {1: 2, 2: 2, 4: 2, 8: 2, 16: 2}
    assert (stop.why, stop.complete) == (
        "depth 16 is shown to bring less than 1 point a doubling over 8", True
    )  # fmt: skip


def test_it_climbs_to_the_deepest_while_that_pays() -> None:
    """And says that the end was not found."""
    seeds, stop, _ = searched(space(), rising)
    assert tuple(seeds) == DEPTHS
    assert stop.why == "depth 64, the deepest allowed, was reached"


def test_seeds_are_added_where_they_decide() -> None:
    """Where depths are alike: to the shallowest that may be as good as the best, and to the
    best; those that are clearly worse keep the fewest."""
    seeds, _, _ = searched(space(), flat_from_four, spread=0.004)
    assert (seeds[1], seeds[2], seeds[4]) == (2, 2, 5)
    assert max(seeds) < 64


def test_a_margin_says_what_a_doubling_must_bring() -> None:
    """Steps of half a point are climbed with a margin of a tenth, and not with one of a point."""

    def slowly(depth: int) -> float:
        return 0.8 + 0.005 * DEPTHS.index(depth)

    wide, _, _ = searched(space(margin=0.01), slowly, spread=0.0005, examples=10**6)
    fine, _, _ = searched(space(margin=0.001), slowly, spread=0.0005, examples=10**6)
    assert (max(wide), max(fine)) == (2, 64)


def test_two_doublings_are_shown_to_bring_too_little_where_one_is_not() -> None:
    """Together they must bring twice the margin."""
    accuracies = {1: (0.79, 0.81), 2: (0.798, 0.812), 4: (0.79, 0.806)}
    tried = [Tried(depth, found, 10**6) for depth, found in accuracies.items()]
    asked = space((1, 2, 4, 8), seeds=2, margin=0.03)
    assert not payoff(Table(asked, tried[:2])).is_too_small  # type: ignore[union-attr]
    both = payoff(Table(asked, tried))
    assert (both.reference, both.is_too_small) == (1, True)  # type: ignore[union-attr]


def test_the_margin_is_that_of_a_doubling() -> None:
    """Half as much for half of one."""
    assert space(margin=0.02).worth(8, 16) == pytest.approx(0.02)
    assert space(margin=0.02).worth(4, 16) == pytest.approx(0.04)
    assert space(margin=0.02).worth(100, 141) == pytest.approx(0.01, rel=0.01)


def test_no_seeds_where_they_have_no_hope_to_decide() -> None:
    """Of two depths that are alike neither gets more; with a difference that may count both do."""

    def last_step(gap: float) -> Step | Stop:
        alike = [Tried(d, (0.9, 0.91), EXAMPLES) for d in (2, 4)]
        deepest = Tried(8, (0.9 + gap, 0.91 + gap), EXAMPLES)
        return next_step(Table(space((1, 2, 4, 8)), [trained(1, 2, rising), *alike, deepest]))

    assert isinstance(last_step(0.0001), Stop)
    found = last_step(0.01)
    assert isinstance(found, Step)
    assert found.seeds == {2: 3, 8: 3}


def test_depths_between_are_tried_around_the_answer() -> None:
    """The neighbours of the best and the next shallower of the sufficient depth, no others."""
    every = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)

    def curve(depth: int) -> float:
        return 0.89 if depth == 6 else 0.88 if depth == 12 else peak_at_eight(depth)

    seeds, _, _ = searched(space(every), curve)
    assert set(seeds) == {1, 2, 4, 6, 8, 12, 16}


def test_what_should_not_train_ends_the_climb_where_depth_no_longer_pays() -> None:
    """Theory alone excludes no depth: while the deepest is the best, the next is tried."""
    bad = frozenset({8, 16, 32, 64})

    def until_eight(depth: int) -> float:
        return {4: 0.85, 8: 0.9}.get(depth, 0.5 + depth / 16 if depth < 4 else 0.89)

    seeds, stop, _ = searched(space(untrainable=bad, margin=0.0001), until_eight)
    assert tuple(seeds) == (1, 2, 4, 8, 16)
    assert stop.why == "depth 16 is no better than 8, and deeper should not train"


def test_depths_that_do_not_train_end_the_climb() -> None:
    """A run without an accuracy counts as one that was tried."""
    tried = [trained(1, 2, rising), trained(2, 2, rising), Tried(4, (), lost=2)]
    found = next_step(Table(space(), tried))
    assert isinstance(found, Stop)
    assert found.why == "no training at depth 4 has an accuracy"


def test_where_nothing_trains_it_goes_on_to_the_end() -> None:
    """The first that trains may be any; where none does, there is no answer."""
    found = next_step(Table(space(), [Tried(1, (), lost=2), Tried(2, (), lost=2)]))
    assert isinstance(found, Step)
    assert found.seeds == {4: 2}
    nothing = [Tried(depth, (), lost=2) for depth in DEPTHS]
    assert next_step(Table(space(), nothing)) == Stop("no training has an accuracy", complete=False)


@pytest.mark.parametrize(
    ("depths", "climbed"),
    [
        ((1, 2, 3, 4, 6, 8, 12), (1, 2, 4, 8, 12)),
        ((11, 13, 16, 19), (11, 19)),
        ((18, 34, 50, 101, 152, 200), (18, 34, 50, 101, 200)),
        ((8, 20, 56), (8, 20, 56)),
        ((5,), (5,)),
    ],
)
def test_the_climb_ends_at_the_deepest(depths: tuple[int, ...], climbed: tuple[int, ...]) -> None:
    """Each depth is at most twice the one before, where the family has such."""
    assert space(depths).climbed == climbed


def test_what_all_seeds_do_not_show_is_no_complete_answer() -> None:
    """Two doublings whose spread hides any gain end the climb, and that is said."""

    def drop(depth: int) -> float:
        return 0.8 if depth <= 4 else 0.78

    _, stop, _ = searched(space(seeds=2), drop, spread=0.08)
    assert not stop.complete
    assert stop.why.startswith("neither of the last two doublings")


@pytest.mark.parametrize("chance", range(12))
def test_any_search_ends(chance: int) -> None:
    """Whatever is lost and however depths lie; each step asks for more than there is, and for no
    more than is allowed."""
    draw = random.Random(chance)
    depths = sorted(draw.sample(range(1, 40), draw.randint(1, 5)))
    asked = space(depths, seeds=draw.choice([1, 2, 3]), margin=draw.choice([1e-6, 0.01, 0.5]))
    taken: dict[int, Tried] = {}
    for _ in range(60):
        found = next_step(Table(asked, taken.values()))
        if isinstance(found, Stop):
            return
        for depth, seeds in found.seeds.items():
            before = taken.get(depth, Tried(depth, ()))
            assert before.runs < seeds <= asked.seeds
            new = [draw.choice([0.0, 0.5, 1.0, draw.random()]) for _ in range(seeds - before.runs)]
            kept = [each for each in new if draw.random() > 0.2]
            lost = before.lost + len(new) - len(kept)
            taken[depth] = Tried(depth, (*before.accuracies, *kept), 100, lost)
    raise AssertionError("it did not end")


def test_an_interrupted_depth_gets_its_seeds_first() -> None:
    """A search that was stopped goes on where it was."""
    found = next_step(Table(space(), [trained(1, 2, rising), trained(2, 1, rising)]))
    assert isinstance(found, Step)
    assert found.seeds == {2: 2}


def test_the_training_allowed_is_not_exceeded() -> None:
    """The step that would is not begun, and the answer says that it is incomplete."""
    seeds, stop, _ = searched(space(most_flops=40.0), rising)
    assert sum(n * d for d, n in seeds.items()) <= 40
    assert (stop.complete, stop.why) == (
        False, "the next step (depth 16) would need more than the training allowed"
    )  # fmt: skip


def test_one_seed_is_enough_where_that_is_the_most() -> None:
    """It answers; that one seed cannot tell is said by the report."""
    seeds, _, _ = searched(space(seeds=1), peak_at_eight)
    assert set(seeds.values()) == {1}


def test_the_order_of_the_table_does_not_matter() -> None:
    """Neither of depths nor of seeds."""
    tried = [trained(d, 3, flat_from_four, spread=0.01) for d in (1, 2, 4, 8)]
    turned = [Tried(t.depth, t.accuracies[::-1], t.n_examples) for t in reversed(tried)]
    assert next_step(Table(space(), tried)) == next_step(Table(space(), turned))


@pytest.mark.parametrize("curve", [peak_at_eight, rising, flat_from_four])
def test_more_seeds_go_on_from_what_is_there(curve: Curve) -> None:
    """A search with five seeds asks for nothing less than one with three."""
    three, _, _ = searched(space(seeds=3), curve, spread=0.004)
    five, _, _ = searched(space(seeds=5), curve, spread=0.004)
    assert all(five.get(depth, 0) >= min(n, 2) for depth, n in three.items())


# --- words -----------------------------------------------------------------------------------


def test_each_step_is_told() -> None:
    """What was found, what is believed, and what comes next."""
    tried = [Tried(4, (0.85, 0.86), EXAMPLES), Tried(8, (0.862, 0.862), EXAMPLES)]
    assert outcome(tried[0]) == "depth 4: 85.0%, 86.0%"
    table = Table(space(), tried)
    assert belief(table) == "best depth 8 (86.2%, 2 seeds); depth 4 may be as good"
    assert intent(Step({16: 2}, "depth 16"), table) == "next: depth 16 with 2 seeds"
    assert intent(Step({4: 3, 8: 4}, "whether depth 4 is as good as 8"), table) == (
        "next: 1 more seed at depth 4 and 2 more seeds at depth 8, to tell whether depth 4 is as "
        "good as 8"
    )
    assert intent(Stop("enough"), table) == "stops: enough"
    assert belief(Table(space())) == "no depth has an accuracy yet"


def test_how_it_went_is_told() -> None:
    """Its cost against a sweep, and the depths that were left out."""
    found = block(Stop("enough"), runs=9, share=0.27, most_seeds=5, left_out={64: "too large"})
    assert found.paragraphs == (
        "9 trainings, 27% of the training FLOPs of every depth with 5 seeds. It stopped: enough.",
    )
    assert found.items == ("Depth 64 was left out: too large.",)
