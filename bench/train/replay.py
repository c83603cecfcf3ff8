"""Losses and gradients of a stack, replayed from a CUDA graph.

A small network's kernels take less time than Python and the driver take to launch them; a graph
launches all of a forward and backward pass as one. The optimizer's step is not in it: it is one
kernel, or few, and its learning rate, and Adam's first momentum, change from step to step, where a
graph would keep those of its capture.
"""

from collections.abc import Callable

from torch import Tensor

from ..measure.cuda_graph import WARM_UPS, Capturing, captured
from ..measure.passes import Pass
from .tasks import Split


class Replayed:
    """What `losses` computes, from the step after `WARM_UPS` on as a graph.

    Args:
        losses: of a batch: (networks,); it sets gradients that were None.
        forget: sets them to None.
        tools: that capture.
    """

    def __init__(
        self, losses: Callable[[Split], Tensor], forget: Callable[[], None], tools: Capturing
    ) -> None:
        self._losses, self._forget, self._tools = losses, forget, tools
        self._warm_ups = WARM_UPS
        self._batch: Split | None = None

    def __call__(self, batch: Split) -> Tensor:
        """The losses; the gradients lie in the graph's memory, from step to step in one place."""
        if self._warm_ups:
            self._warm_ups -= 1
            with self._tools.side_stream():
                self._forget()
                return self._losses(batch)
        if self._batch is None:
            self._capture(Split(batch.inputs.clone(), batch.labels.clone()))
        else:
            self._batch.inputs.copy_(batch.inputs)
            self._batch.labels.copy_(batch.labels)
        self._graph.run()
        return self._result.clone()  # the next replay writes over it

    def _capture(self, batch: Split) -> None:
        def run() -> None:
            self._result = self._losses(batch)

        # The steps so far were the warm-up: another one would change buffers once more.
        pass_ = Pass(run, self._forget)
        self._graph = captured(pass_, name="step", tools=self._tools, warm_ups=0)
        self._batch = batch
