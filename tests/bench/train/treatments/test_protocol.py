"""Fewer rows and a longer warm-up."""

import pytest

from bench.specs import InputError
from bench.train.trainer import train
from bench.train.treatments.table import find
from tests.bench.train.small import family, task, training


def test_a_training_sees_the_first_rows_only() -> None:
    """The record says how many, and its training accuracy is theirs."""
    record = train(family(), task(40), training(treatments=("rows:n=16",)))
    assert record.n_train == 16
    assert record.loss_curve == train(family(), task(16), training()).loss_curve


def test_the_warm_up_takes_its_share_of_the_steps() -> None:
    """Another share is another training; PyTorch's own is 0.3."""
    curves = {
        share: train(family(), task(), training(treatments=treatments)).loss_curve
        for share, treatments in {
            None: (),
            0.3: ("warmup:share=0.3",),
            0.8: ("warmup:share=0.8",),
        }.items()
    }
    assert curves[None] == curves[0.3] != curves[0.8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rows:n=1", "n must be a whole number of at least 2; got 1"),
        ("rows:n=0.5", "n must be a whole number of at least 2; got 0.5"),
        ("rows", "missing"),
        ("warmup:share=1", "share must lie between 0 and 1; got 1"),
        ("warmup:share=-1", "share must be a number of at least 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str, said: str) -> None:
    """With the knob and what was found."""
    with pytest.raises(InputError, match=said):
        find(text)
