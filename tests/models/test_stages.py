"""Stages of networks between and beyond the published ones."""

import pytest

from models.stages import block_shapes, grow_third_stage

PUBLISHED = ((2, 2, 2, 2), (3, 4, 6, 3))


@pytest.mark.parametrize(
    ("blocks", "stages"),
    [
        (8, (2, 2, 2, 2)),
        (9, (2, 2, 3, 2)),
        (15, (2, 2, 9, 2)),
        (16, (3, 4, 6, 3)),
        (17, (3, 4, 7, 3)),
        (100, (3, 4, 90, 3)),
    ],
)
def test_growth_of_the_third_stage(blocks: int, stages: tuple[int, ...]) -> None:
    """Published stages are kept; what is left over goes to the third."""
    assert grow_third_stage(PUBLISHED, blocks) == stages
    assert sum(stages) == blocks


def test_shapes_follow_each_other() -> None:
    """A block takes what the one before it gives; stages after the first halve and double."""
    assert block_shapes([1, 2, 1], channels_in=3, width=8, expansion=4) == [
        (3, 8, 32, 1),
        (32, 16, 64, 2),
        (64, 16, 64, 1),
        (64, 32, 128, 2),
    ]
