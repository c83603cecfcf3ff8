"""Finds a treatment by its spec: `l1:strength=1e-05`, `clipping:norm=1.0`, `augmentation`.

A user's own is a function that returns a `Treatment`: `file.py:function:knob=value`.
"""

from collections.abc import Callable, Mapping

from ... import sources, specs
from ...specs import InputError
from .activation import activation
from .augmentation import augmentation
from .dense import dense
from .initialization import initialization
from .normalization import normalization
from .protocol import rows, warmup
from .regularization import clipping, dropout, l1
from .shortcut import branch_scale, shortcut
from .treatment import Treatment

TREATMENTS: Mapping[str, Callable[..., Treatment]] = {
    "activation": activation,
    "augmentation": augmentation,
    "branch_scale": branch_scale,
    "clipping": clipping,
    "dense": dense,
    "dropout": dropout,
    "initialization": initialization,
    "l1": l1,
    "normalization": normalization,
    "rows": rows,
    "shortcut": shortcut,
    "warmup": warmup,
}


def find(text: str) -> Treatment:
    """The treatment that a spec names.

    Raises:
        InputError: no such treatment or knob, or a knob's value that cannot be.
    """
    spec = specs.parse(text, built_in=TREATMENTS, kind="treatment")
    function = _function(spec)
    if not specs.takes_any_knob(function):
        specs.check_knobs(spec, specs.knob_names(function, after=0))
    try:
        treatment = function(**spec.knobs)
    except Exception as error:  # whatever a user's function raises
        raise InputError(f"treatment {spec}: {specs.one_line(error)}") from error
    if not isinstance(treatment, Treatment):
        found = type(treatment).__name__
        raise InputError(f"treatment {spec}: expected a Treatment to be returned; got {found}")
    return treatment


def _function(spec: specs.Spec) -> Callable[..., Treatment]:
    if spec.attribute is None:
        return TREATMENTS[spec.target]
    module = sources.load_module(spec.target)
    return sources.function_of(module, spec.attribute, spec.target)
