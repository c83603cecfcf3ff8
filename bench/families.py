"""Finds a family by its spec: a built-in, a module's or a file's `build(depth, **knobs)`.

The built-ins lie in the folder `models` beside this package and are loaded from there by path,
under a name of their own: a user's repository often has a package `models`,
and ours must not stand in its way in `sys.modules`.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from . import sources, specs
from .measure.passes import Loss, scalar_loss
from .specs import InputError, Spec, Value

BUILT_IN = (
    "cifar_resnet",
    "densenet",
    "gpt",
    "mlp",
    "preact_resnet",
    "resnet",
    "resnet_imagenet",
    "vgg",
    "vit",
    "wide_resnet",
)

_FOLDER = Path(__file__).parent.parent / "models"
_PACKAGE = "howdeep_families"


@dataclass(frozen=True)
class Family:
    """Networks that differ only in depth.

    Attributes:
        name: the canonical spec, as it stands in every table.
        knobs: what `build` is called with, those that the task filled in included.
        code: a digest of the source, part of what determines a measurement.
    """

    name: str
    knobs: Mapping[str, Value]
    code: str
    _module: ModuleType
    _build: Callable[..., nn.Module]

    @property
    def depths(self) -> tuple[int, ...] | None:
        """The depths that make sense, when the family says so."""
        depths = getattr(self._module, "depths", None)
        return tuple(depths) if depths else None

    @property
    def file(self) -> Path | None:
        """Where `build` was defined; None for a module without a file."""
        file = getattr(self._module, "__file__", None)
        return Path(file).resolve() if file else None

    @property
    def loss(self) -> Loss:
        """The module's `loss(output, inputs)`, where it has one; else a stand-in."""
        loss: Loss = getattr(self._module, "loss", scalar_loss)
        return loss

    @property
    def all_knobs(self) -> dict[str, Any]:
        """Every knob with its value here: those of the spec and the task, and the defaults of
        `build` (None where it has none)."""
        return {**specs.defaults(self._build, after=1), **self.knobs}

    def at_width(self, width: int | None) -> "Family":
        """This family, under its name, with that value of the knob `width`; None: as it is."""
        return self if width is None else replace(self, knobs={**self.knobs, "width": width})

    def build(self, depth: int) -> nn.Module:
        """The network of that depth; what the family raises is passed on."""
        model = self._build(depth, **self.knobs)
        if not isinstance(model, nn.Module):
            found = type(model).__name__
            raise TypeError(f"build({depth}) must return a torch.nn.Module; got {found}")
        return model

    def example_input(self, batch_size: int) -> Any:
        """A tensor, tuple or dict of tensors with `batch_size` rows.

        Of the knobs it is given those that `example_input` names.
        """
        function = self._module.example_input
        names = specs.knob_names(function, after=1)
        return function(batch_size, **{k: v for k, v in self.knobs.items() if k in names})

    def for_task(self, *, input_shape: tuple[int, ...], classes: int) -> "Family":
        """This family with `input_shape` and `classes` from a task, where it has these knobs
        and the spec leaves them open; as it is, where it cannot take such inputs: its costs do not
        depend on a task."""
        names = self.all_knobs
        offered: dict[str, Value] = {"input_shape": input_shape, "classes": classes}
        filled = {k: v for k, v in offered.items() if k in names and k not in self.knobs}
        bound = replace(self, knobs={**self.knobs, **filled})
        return bound if bound._takes_its_input() else self

    def _takes_its_input(self) -> bool:
        """Whether the family has an input for its knobs, as far as the meta device can tell."""
        try:
            with torch.device("meta"):
                self.example_input(1)
        except (ValueError, TypeError):  # as an image network says of a signal
            return False
        except Exception:  # what needs a real device is left for the measurement
            return True
        return True

    def check_depth(self, depth: int) -> None:
        """Raise `InputError` when the family refuses that depth or the values of its knobs.

        The network is built on the meta device, where nothing is allocated. What fails there is
        built for real before it is refused; any other error is left for the measurement.
        """
        try:
            with torch.device("meta"):
                self.build(depth)
        except (Exception, SystemExit):
            try:
                self.build(depth)
            except (ValueError, TypeError, SystemExit) as error:
                raise InputError(f"{self.name}: {specs.one_line(error)}") from error
            except Exception:
                return


def find(text: str) -> Family:
    """The family that a spec names.

    Raises:
        InputError: no such family, file, module, function or knob.
    """
    spec = specs.parse(text, built_in=BUILT_IN, kind="family")
    module = sources.load_module(spec.target) if spec.attribute else _built_in(spec.target)
    build = sources.function_of(module, spec.attribute or "build", spec.target)
    if not specs.takes_any_knob(build):
        specs.check_knobs(spec, specs.knob_names(build, after=1))
    if not callable(getattr(module, "example_input", None)):
        raise InputError(f"{spec.target} has no function example_input(batch_size)")
    return Family(str(spec), spec.knobs, _code(spec, module), module, build)


def _code(spec: Spec, module: ModuleType) -> str:
    """What a measurement of the family depends on; the whole folder for a built-in."""
    if spec.attribute is None:
        return sources.digest(*_FOLDER.glob("*.py"))
    return sources.code_of(module)


def _built_in(name: str) -> ModuleType:
    if _PACKAGE not in sys.modules:
        sources.execute(_PACKAGE, _FOLDER / "__init__.py", package=True)
    return importlib.import_module(f"{_PACKAGE}.{name}")
