"""Memory of one pass: what is saved for the backward, and the peak.

Saved bytes are free of any allocator: storages that autograd keeps, each once, less parameters and
buffers. The peak is the allocator's: CUDA's keeps it; the CPU's does not, so there it is what stays
from pass to pass, plus the most that the allocations of one pass, as PyTorch's profiler records
them, add up to. The resident set would say less: pages that were freed stay with the process,
and small tensors hide in them. What libraries take beside PyTorch's allocator is in neither.
"""

import gc
import itertools
import os
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ..records import Peak
from .passes import Pass, call
from .state import left_as_found

CPU_SOURCE = "CPU allocator"
CUDA_SOURCE = "CUDA allocator"

# The level of its log at which the profiler does not write to the terminal.
_SILENT = "99"


class Saved:
    """What autograd saves for the backward while its `hooks` are on, each storage once.

    Attributes:
        bytes: so far, without the parameters and buffers of the model.
    """

    def __init__(self, model: nn.Module) -> None:
        self.bytes = 0
        known = itertools.chain(model.parameters(), model.buffers())
        # Kept alive until the end: an address may not come back as another storage.
        self._seen = {_identity(t): t.untyped_storage() for t in known}

    def hooks(self) -> torch.autograd.graph.saved_tensors_hooks:
        return torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._seen:
            self._seen[storage._cdata] = storage
            self.bytes += storage.nbytes()
        return tensor


def saved_bytes(model: nn.Module, inputs: Any) -> int:
    """Bytes saved for the backward by one forward pass in the model's present mode.

    The input counts where a layer saves it. The model is left as it was found.
    """
    saved = Saved(model)
    with left_as_found(model), torch.enable_grad(), saved.hooks():
        call(model, inputs)
    return saved.bytes


def tensor_bytes(*tensors: Any) -> int:
    """Bytes of the storages of these tensors (trees allowed), each storage once."""
    leaves, _ = tree_flatten(tensors)
    storages = {_identity(t): t.untyped_storage().nbytes() for t in leaves if _is_tensor(t)}
    return sum(storages.values())


def peak(
    pass_: Pass,
    model: nn.Module,
    inputs: Any,
    optimizer: torch.optim.Optimizer | None,
    *,
    device: str,
) -> Peak:
    """The most memory that one `pass_` holds, after one to warm up."""
    pass_.prepare()
    pass_.run()
    if torch.device(device).type == "cuda":
        return _cuda_peak(pass_, device)
    model.zero_grad(set_to_none=True)
    kept = tensor_bytes(list(model.parameters()), list(model.buffers()), inputs)
    states = optimizer.state.values() if optimizer else ()
    kept += tensor_bytes([list(state.values()) for state in states])
    return Peak(peak_bytes=kept + _allocated_growth(pass_), source=CPU_SOURCE)


def _cuda_peak(pass_: Pass, device: str) -> Peak:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    pass_.prepare()
    pass_.run()
    torch.cuda.synchronize(device)
    return Peak(peak_bytes=torch.cuda.max_memory_allocated(device), source=CUDA_SOURCE)


def _allocated_growth(pass_: Pass) -> int:
    """Bytes by which PyTorch's CPU allocator grows at most during one prepared pass."""
    os.environ.setdefault("KINETO_LOG_LEVEL", _SILENT)
    cpu = torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[cpu], profile_memory=True) as record:
        pass_.prepare()
        pass_.run()
    events = record.profiler.kineto_results.events()
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    in_order = (n_bytes for _, n_bytes in sorted(changes, key=itemgetter(0)))
    return max(itertools.accumulate(in_order), default=0)


def _identity(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _is_tensor(leaf: object) -> bool:
    return isinstance(leaf, Tensor)
