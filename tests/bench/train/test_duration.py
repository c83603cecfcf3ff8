"""How long a training takes, in epochs, steps or FLOPs."""

import pytest

from bench.specs import InputError
from bench.train.duration import Duration, parse, steps_within
from bench.train.trainer import train
from tests.bench.train.small import family, task, training


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("10", 10, "epochs"),
        ("1epoch", 1, "epochs"),
        (" 20 Epochs ", 20, "epochs"),
        ("3000steps", 3_000, "steps"),
        ("3ksteps", 3_000, "steps"),
        ("1.5 ksteps", 1_500, "steps"),
        ("1e12flops", 1e12, "flops"),
        ("1.5 TFLOPs", 1.5e12, "flops"),
        ("2e3Mflop", 2e9, "flops"),
        ("12.5flops", 12.5, "flops"),
    ],
)
def test_text_becomes_a_duration(text: str, amount: float, unit: str) -> None:
    """A plain number is epochs; prefixes and both cases are understood, and it reads back."""
    assert parse(text) == Duration(amount, unit)
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1epochs", "2.5epochs", "2.5steps", "2h", "10k", "flops", "1e999flops", "nan"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """One line with examples."""
    with pytest.raises(InputError, match="10epochs, 3000steps or 1e12flops") as caught:
        parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(("flops", "steps"), [(4_800, 12), (4_990, 12), (5_010, 13), (5_200, 13)])
def test_steps_are_the_nearest_to_the_flops(flops: float, steps: int) -> None:
    """A step of one linear layer, 6 to 2, is 2 x 2 x 6 x 2 FLOPs a row: 384 of eight rows, and 400
    is no whole number of them."""
    each = 2 * 2 * 6 * 2 * 8
    assert steps_within(flops * each / 400, family(), 1, batch_size=8) == steps


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_runs_of_equal_flops_spend_equal_flops(depth: int) -> None:
    """What a run counts is within half a step of what was asked for."""
    asked, narrow = 2e5, family("mlp:width=4")
    steps = steps_within(asked, narrow, depth, batch_size=8)
    record = train(narrow, task(), training(depth=depth, steps=steps))
    assert record.train_flops is not None
    assert record.steps == steps
    assert abs(record.train_flops - asked) <= record.train_flops / steps / 2


def test_too_few_steps_are_refused() -> None:
    """Rounding would miss the amount by more than 5%: what would be enough is said."""
    with pytest.raises(InputError, match=r"is 9 steps of mlp at depth 1; .* 3\.84e\+03flops"):
        steps_within(9 * 384, family(), 1, batch_size=8)
    assert steps_within(10 * 384, family(), 1, batch_size=8) == 10


def test_a_network_that_cannot_be_counted_is_refused() -> None:
    """With its own error."""
    with pytest.raises(InputError, match="cifar_resnet at depth 9 cannot be counted: ValueError"):
        steps_within(1e9, family("cifar_resnet"), 9, batch_size=8)
