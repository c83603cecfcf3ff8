"""Other counters' view of a network beside ours, each used as its documentation has it.

All but ours and PyTorch's count one multiply-add as one; PyTorch's FLOPs are halved. A counter that
also counts norms, activations or pooling is asked for products and convolutions alone where it can
tell them apart, and for its own total as well. Counts run without gradients, which is faster for
all of them and changes none. Some leave hooks in the network: give each count a copy of its own.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .measure import operations
from .measure.passes import scalar_loss

Count = Callable[[nn.Module, Tensor], int]

# What fvcore counts besides products and convolutions.
_FVCORE_ELEMENTWISE = re.compile(r"norm|pool|upsample|grid_sampler")


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A tool that counts, run on one device. What it cannot count is None.

    Attributes:
        package: whose version counts, and which may be missing.
        device: where the network and its input lie when it counts.
        forward: MACs of a forward pass: products and convolutions, as far as it can be told to
            leave out the rest.
        printed: MACs of its own total, where that holds more.
        step: FLOPs of forward and backward.
        parameters: their number, on any device.
        for_transformers: whether its documentation has it used for them.
    """

    name: str
    package: str
    device: str
    forward: Count
    printed: Count | None = None
    step: Count | None = None
    parameters: Count | None = None
    for_transformers: bool = True

    @property
    def version(self) -> str | None:
        """Of the installed package; None where it is missing."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None


# --- ours ------------------------------------------------------------------------------------


def _ours_forward(model: nn.Module, inputs: Tensor) -> int:
    with _frozen(model):
        return operations.count(model, inputs).forward_flops // 2


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """A network with nothing to train is counted forward alone."""
    trained = [p for p in model.parameters() if p.requires_grad]
    try:
        for parameter in trained:
            parameter.requires_grad = False
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad = True


def _ours_step(model: nn.Module, inputs: Tensor) -> int:
    flops = operations.count(model, inputs).flops("step")
    if flops is None:
        raise ValueError("the network has nothing to train: its backward cannot be counted")
    return flops


def _ours_parameters(model: nn.Module, _inputs: Tensor) -> int:
    return operations.parameter_count(model)


# --- torch.utils.flop_counter ----------------------------------------------------------------


@torch.no_grad()
def _torch_forward(model: nn.Module, inputs: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        model(inputs)
    return int(counter.get_total_flops()) // 2


def _torch_step(model: nn.Module, inputs: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        scalar_loss(model(inputs)).backward()
    return int(counter.get_total_flops())


# --- fvcore ----------------------------------------------------------------------------------


def _fvcore_forward(model: nn.Module, inputs: Tensor) -> int:
    by_operator = _fvcore_operators(model, inputs).items()
    return int(sum(n for name, n in by_operator if not _FVCORE_ELEMENTWISE.search(name)))


def _fvcore_printed(model: nn.Module, inputs: Tensor) -> int:
    return int(sum(_fvcore_operators(model, inputs).values()))


@torch.no_grad()
def _fvcore_operators(model: nn.Module, inputs: Tensor) -> dict[str, float]:
    """MACs of each kind of operator; fvcore's total is their sum."""
    with _quiet():
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(model, inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return dict(analysis.by_operator())


def _fvcore_parameters(model: nn.Module, _inputs: Tensor) -> int:
    with _quiet():
        from fvcore.nn import parameter_count

    return int(parameter_count(model)[""])


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of the tracer, which fvcore uses already when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- ptflops ---------------------------------------------------------------------------------


def _aten_forward(model: nn.Module, inputs: Tensor) -> int:
    return _ptflops(model, inputs, backend="aten")[0]


def _modules_forward(model: nn.Module, inputs: Tensor) -> int:
    products = (nn.Linear, nn.modules.conv._ConvNd)
    others = {type(m) for m in model.modules() if not isinstance(m, products)}
    only = {"ignore_modules": list(others), "backend_specific_config": {"count_functional": False}}
    return len(inputs) * _ptflops(model, inputs, backend="pytorch", **only)[0]


def _modules_printed(model: nn.Module, inputs: Tensor) -> int:
    return len(inputs) * _ptflops(model, inputs, backend="pytorch")[0]


def _ptflops_parameters(model: nn.Module, inputs: Tensor) -> int:
    return _ptflops(model, inputs, backend="aten")[1]


@torch.no_grad()
def _ptflops(model: nn.Module, inputs: Tensor, *, backend: str, **options: Any) -> tuple[int, int]:
    """MACs and trained parameters; the biases' additions are among the MACs.

    The MACs are those of the batch for the backend aten, and of one sample for pytorch.

    Raises:
        RuntimeError: ptflops could not count it; the message is the last line that it printed.
    """
    from ptflops import get_model_complexity_info

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        macs, parameters = get_model_complexity_info(
            model,
            tuple(inputs.shape[1:]),
            print_per_layer_stat=False,
            as_strings=False,
            input_constructor=lambda _: inputs,
            backend=backend,
            **options,
        )
    if macs is None:
        raise RuntimeError(f"ptflops counted nothing: {printed.getvalue().splitlines()[-1]}")
    return int(macs), int(parameters)


# --- torchinfo -------------------------------------------------------------------------------


def _torchinfo_forward(model: nn.Module, inputs: Tensor) -> int:
    return int(_summary(model, inputs).total_mult_adds)


def _torchinfo_parameters(model: nn.Module, inputs: Tensor) -> int:
    return int(_summary(model, inputs).total_params)


def _summary(model: nn.Module, inputs: Tensor) -> Any:
    from torchinfo import summary

    return summary(model, input_data=inputs, device=inputs.device, verbose=0)


# --- all -------------------------------------------------------------------------------------

OURS = Counter(
    name="howdeep",
    package="howdeep",
    device="cpu",
    forward=_ours_forward,
    step=_ours_step,
    parameters=_ours_parameters,
)

FVCORE = Counter(
    name="fvcore",
    package="fvcore",
    device="cpu",
    forward=_fvcore_forward,
    printed=_fvcore_printed,
    parameters=_fvcore_parameters,
)

# fvcore's tracer refuses a convolution on the meta device.
COUNTERS = (
    OURS,
    FVCORE,
    *(
        Counter(
            name=f"ptflops_aten_{device}",
            package="ptflops",
            device=device,
            forward=_aten_forward,
            parameters=_ptflops_parameters,
        )
        for device in ("cpu", "meta")
    ),
    Counter(
        name="ptflops_pytorch_cpu",
        package="ptflops",
        device="cpu",
        forward=_modules_forward,
        printed=_modules_printed,
        parameters=_ptflops_parameters,
        for_transformers=False,
    ),
    *(
        Counter(
            name=f"torchinfo_{device}",
            package="torchinfo",
            device=device,
            forward=_torchinfo_forward,
            parameters=_torchinfo_parameters,
        )
        for device in ("cpu", "meta")
    ),
    *(
        Counter(
            name=f"torch_{device}",
            package="torch",
            device=device,
            forward=_torch_forward,
            step=_torch_step,
        )
        for device in ("cpu", "meta")
    ),
)
