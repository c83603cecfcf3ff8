"""The stages of a network: how many blocks each has, and what shape each block.

ImageNet networks have four stages and were published at a few depths. From ResNet-50 to 101 all
new blocks went to the third stage, and from DenseNet-169 to 201 too; here all do, so that
neighbouring depths differ by one block in one place.
"""

from collections.abc import Sequence
from typing import NamedTuple

FourStages = tuple[int, int, int, int]


def grow_third_stage(published: Sequence[FourStages], blocks: int) -> FourStages:
    """`blocks` in four stages: the largest of `published` that fits, and the rest in its third."""
    start = max((stages for stages in published if sum(stages) <= blocks), key=sum)
    return (start[0], start[1], start[2] + blocks - sum(start), start[3])


class BlockShape(NamedTuple):
    """Channels before, inside and after a block, and the stride by which it subsamples."""

    channels_in: int
    width: int
    channels_out: int
    stride: int

    @property
    def keeps_channels(self) -> bool:
        return self.channels_in == self.channels_out


def block_shapes(
    stages: Sequence[int], *, channels_in: int, width: int, expansion: int = 1
) -> list[BlockShape]:
    """One shape a block: `width` doubles with each stage, and `expansion * width` channels leave.

    `stages` holds the number of blocks of each. The first block of each stage but the first has
    stride 2.
    """
    shapes = []
    for stage, blocks in enumerate(stages):
        for place in range(blocks):
            stride = 2 if stage > 0 and place == 0 else 1
            shapes.append(BlockShape(channels_in, width, expansion * width, stride))
            channels_in = expansion * width
        width *= 2
    return shapes
