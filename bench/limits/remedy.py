"""A remedy: one thing changed in a network, its training or its data, and nothing else."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import specs
from ..families import BUILT_IN
from ..points import Training
from ..specs import Value
from ..train.tasks import BUILT_IN as BUILT_IN_TASKS


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a remedy must know of the training that it changes.

    Attributes:
        knobs: of the family, defaults included.
        n_train: training samples.
    """

    training: Training
    knobs: Mapping[str, Any]
    n_train: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """What differs from the training as it was asked for.

    Attributes:
        knobs: of the family; None takes a knob out of the spec, back to its default.
        treatments: specs of `train.treatments`, added.
        settings: fields of `Training`, replaced.
        task: knobs of the task.
    """

    knobs: Mapping[str, Value] = field(default_factory=dict)
    treatments: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        """`norm=batch`, `l1:strength=1e-05`, `optimizer=sgd, learning_rate=0.1`."""
        pairs = {**self.knobs, **self.task, **self.settings}
        words = [f"{k}={specs.format_value(v)}" for k, v in pairs.items() if v is not None]
        words += [f"{k} as by default" for k, v in pairs.items() if v is None]
        return ", ".join([*self.treatments, *words])

    def applied(self, training: Training) -> Training:
        """The training with this change."""
        return dataclasses.replace(
            training,
            family=_with_knobs(training.family, self.knobs, BUILT_IN, "family"),
            task=_with_knobs(training.task, self.task, BUILT_IN_TASKS, "task"),
            treatments=(*training.treatments, *self.treatments),
            **self.settings,
        )

    def also(self, **settings: Any) -> "Change":
        """This change with fields of `Training` replaced too."""
        return dataclasses.replace(self, settings={**self.settings, **settings})


def _with_knobs(text: str, knobs: Mapping[str, Value], built_in: Any, kind: str) -> str:
    if not knobs:
        return text
    spec = specs.parse(text, built_in=built_in, kind=kind)
    changed = {k: v for k, v in {**spec.knobs, **knobs}.items() if v is not None}
    return str(dataclasses.replace(spec, knobs=changed))


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One way against one limit.

    Attributes:
        name: in the field's words.
        changes: for a situation, the strengths or kinds to choose among; none where the remedy is
            there already or cannot be applied.
        tuned: its learning rate is chosen too, since another network trains at another.
        quick: tried where there is little time, too.
    """

    name: str
    limit: str
    changes: Callable[[Situation], tuple[Change, ...]]
    tuned: bool = False
    quick: bool = False
