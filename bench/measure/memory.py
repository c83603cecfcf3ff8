"""Memory of one pass: what is saved for the backward, and the peak.

Saved bytes are free of any allocator: storages that autograd keeps, each once, less parameters and
buffers. The peak is the allocator's on CUDA. On a CPU there is no such counter, so the peak is
what must stay (counted exactly) plus the growth of the resident set (VmHWM) over one pass, in a
process of its own: `ru_maxrss` would survive a fork and report the parent's.
"""

import ctypes
import gc
import itertools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ..records import Peak
from .passes import Pass, call
from .state import left_as_found

CPU_SOURCE = "counted tensors, and growth of a child's resident set (VmHWM)"
CUDA_SOURCE = "CUDA allocator"


def saved_bytes(model: nn.Module, inputs: Any) -> int:
    """Bytes saved for the backward by one forward pass in the model's present mode.

    The input counts where a layer saves it. The model is left as it was found.
    """
    known = {_identity(t) for t in itertools.chain(model.parameters(), model.buffers())}
    saved: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Kept alive until the end: an address may not come back as another storage.
        saved.setdefault(storage._cdata, storage)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t)
    with left_as_found(model), torch.enable_grad(), hooks:
        call(model, inputs)
    return sum(s.nbytes() for identity, s in saved.items() if identity not in known)


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
    """The most memory that one `pass_` holds, after one to warm up.

    On a CPU call it in a process of its own: what else grows meanwhile would be counted.
    """
    pass_.prepare()
    pass_.run()
    if torch.device(device).type == "cuda":
        return _cuda_peak(pass_, device)
    model.zero_grad(set_to_none=True)
    kept = tensor_bytes(list(model.parameters()), list(model.buffers()), inputs)
    states = optimizer.state.values() if optimizer else ()
    kept += tensor_bytes([list(state.values()) for state in states])
    growth = _resident_growth(pass_)
    if growth is None:
        warning = "peak memory is unknown: /proc/self/clear_refs cannot be written here"
        return Peak(peak_bytes=None, source=None, warnings=(warning,))
    return Peak(peak_bytes=kept + growth, source=CPU_SOURCE)


def _cuda_peak(pass_: Pass, device: str) -> Peak:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    pass_.prepare()
    pass_.run()
    torch.cuda.synchronize(device)
    return Peak(peak_bytes=torch.cuda.max_memory_allocated(device), source=CUDA_SOURCE)


def _resident_growth(pass_: Pass) -> int | None:
    """Bytes by which the resident set grows at most during one prepared pass."""
    gc.collect()
    _return_free_memory()
    before = _status_bytes("VmRSS")
    try:
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM := VmRSS
    except OSError:
        return None
    pass_.prepare()
    pass_.run()
    after = _status_bytes("VmHWM")
    return None if before is None or after is None else max(after - before, 0)


def _return_free_memory() -> None:
    """Give freed heap back to the system, else the next pass would hide in it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status_bytes(field: str) -> int | None:
    """A field of /proc/self/status in bytes; None where there is no such file or field."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def _identity(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _is_tensor(leaf: object) -> bool:
    return isinstance(leaf, Tensor)
