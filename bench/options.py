"""What a study is asked to measure: one frozen record, and the text forms that people type.

The options of `pytest bench` and of the command share these names and parsers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from . import matching
from .families import BUILT_IN
from .measure.machine import device_error
from .measure.variants import variant_error
from .points import PASSES, VARIANTS
from .specs import InputError
from .train import duration
from .train.cluster import cluster_error
from .train.duration import Duration
from .train.optimizers import OPTIMIZERS
from .train.store import DEFAULT_PATH

DEFAULT_FAMILIES = ("mlp", "resnet", "resnet:residual=false")
DEFAULT_DEPTHS = (2, 4, 8, 16, 32)
DEFAULT_EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Options:
    """A study's settings. `seeds` and `threads` are numbers; times are in seconds.

    Attributes:
        depths: None means 2, 4, 8, 16, 32 for the default families, else those a family names.
        variants: how cells are run, of `VARIANTS` and in its order.
        match: what the depths have in common, of `matching.CHOICES`.
        train_for: steps or training FLOPs, where these were asked for and no epochs.
        tune: the learning rate is chosen at each depth, around `learning_rate`.
        cluster: where trainings execute; None for this machine.
        reproducible: each network is trained by itself, always in the same way.
    """

    families: tuple[str, ...] = DEFAULT_FAMILIES
    depths: tuple[int, ...] | None = None
    passes: tuple[str, ...] = PASSES
    batch_sizes: tuple[int, ...] = (128,)
    device: str = "cpu"
    dtype: str = "fp32"
    threads: int = 1
    variants: tuple[str, ...] = ()
    match: str = matching.WIDTH
    task: str = "mnist1d"
    seeds: int = 3
    epochs: int | None = None
    train_for: Duration | None = None
    optimizer: str = "adamw"
    learning_rate: float = 0.01
    tune: bool = False
    weight_decay: float = 0.01
    cell_timeout: float = 120.0
    run_timeout: float = 3600.0
    cluster: str | None = None
    store: Path = DEFAULT_PATH
    resume: bool = False
    reproducible: bool = False
    quick: bool = False

    def __post_init__(self) -> None:
        self._check_choices()
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"--lr takes a number above 0; got {self.learning_rate:g}")
        if not 0 <= self.weight_decay < float("inf"):
            raise InputError(f"--weight-decay takes 0 or more; got {self.weight_decay:g}")
        error = self._device_error() or variant_error(self.variants, self.device)
        if error:
            raise InputError(error)

    def _device_error(self) -> str | None:
        """A training on a cluster needs no such device here."""
        here = device_error(self.device, self.dtype, here=self.cluster is None)
        return here or (cluster_error(self.cluster, self.device) if self.cluster else None)

    def _check_choices(self) -> None:
        for pass_ in self.passes:
            if pass_ not in PASSES:
                raise InputError(f"unknown pass {pass_!r}; known: {', '.join(PASSES)}")
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(sorted(OPTIMIZERS))
            raise InputError(f"unknown optimizer {self.optimizer!r}; known: {known}")
        if self.match not in matching.CHOICES:
            known = ", ".join(matching.CHOICES)
            raise InputError(f"unknown --match {self.match!r}; known: {known}")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise InputError("needs at least one name")
    return names


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({_whole_number(part) for part in text.split(",")}))


def _whole_number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise InputError(f"takes whole numbers of at least 1; got {text.strip()!r}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"takes a number; got {text!r}") from None


def _seconds(text: str) -> float:
    """`90`, `90s`, `2min`, `1.5h` -> seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _timedelta_seconds(text)
    if not 0 < seconds < float("inf"):
        raise InputError(f"takes a time above 0, such as 90s, 2min or 1h; got {text!r}")
    return seconds


def _timedelta_seconds(text: str) -> float:
    try:
        return float(pd.Timedelta(text).total_seconds())
    except ValueError:
        return 0.0


@dataclass(frozen=True)
class Option:
    """A command-line option: the field of `Options` it sets, and how its text is read."""

    flag: str
    field: str
    parse: Callable[[str], Any]
    help: str


TABLE = (
    Option(
        "--depths",
        "depths",
        _whole_numbers,
        "default: 2,4,8,16,32, or a family's own",
    ),
    Option("--passes", "passes", _names, "of forward,backward,step; default: all three"),
    Option("--batch-size", "batch_sizes", _whole_numbers, "default: 128; runs use the smallest"),
    Option("--device", "device", str, "cpu, cuda or cuda:N; default: cpu"),
    Option("--dtype", "dtype", str, "fp32, bf16 or fp16; default: fp32"),
    Option("--threads", "threads", _whole_number, "CPU threads of one network; default: 1"),
    Option(
        "--match",
        "match",
        str,
        "parameters or flops: alike at all depths, by the family's width; default: width",
    ),
    Option("--task", "task", str, "mnist1d, digits or file.py:load, with :knob=value,…"),
    Option("--seeds", "seeds", _whole_number, "trainings a depth; default: 3"),
    Option("--epochs", "epochs", _whole_number, "default: 10; limits: 10, at least 300 steps"),
    Option(
        "--train-for",
        "train_for",
        duration.parse,
        "10epochs, 3000steps or 1e12flops: of training, at each depth; default: --epochs",
    ),
    Option("--optimizer", "optimizer", str, f"{', '.join(OPTIMIZERS)}; default: adamw"),
    Option(
        "--lr",
        "learning_rate",
        _number,
        "peak of the one-cycle schedule; default: 0.01; tune or tune:0.01: chosen at each depth",
    ),
    Option("--weight-decay", "weight_decay", _number, "default: 0.01"),
    Option("--cell-timeout", "cell_timeout", _seconds, "to try a cell; default: 2min"),
    Option("--run-timeout", "run_timeout", _seconds, "for one training; default: 1h"),
    Option("--cluster", "cluster", str, "HOST:PORT of a Ray cluster that trains, or auto"),
    Option("--store", "store", Path, "where everything is kept; default: results/howdeep.sqlite"),
)

FAMILY_HELP = (
    f"{', '.join(BUILT_IN)}, package.module:build or file.py:build, with :knob=value,…; "
    "repeatable; default: mlp, resnet and resnet:residual=false"
)

# Options without a value; those that name a variant say how cells are run.
SWITCHES = {
    "--channels-last": "cells with images in channels-last memory format",
    "--checkpointing": "cells whose blocks keep only their inputs for the backward",
    "--compile": "cells through torch.compile",
    "--cuda-graphs": "forward and step of cells replayed as a CUDA graph",
    "--flush-l2": "write over the GPU's L2 cache before each timed pass",
    "--resume": "measure only what is missing or failed",
    "--reproducible": "each network trained by itself: slower, the same numbers every time",
    "--quick": "limits: only the screen, quick remedies and two learning rates",
}


def read(
    texts: Mapping[str, str | None],
    *,
    families: Sequence[str] = (),
    switches: Collection[str] = (),
) -> Options:
    """Options from what was typed, by flag; None keeps the default. `switches` are those given.

    Raises:
        InputError: a text that its option cannot take, named by its flag.
    """
    chosen: dict[str, Any] = {"families": tuple(families)} if families else {}
    chosen["tune"], texts = _tuned(texts)
    for option in TABLE:
        text = texts.get(option.flag)
        if text is not None:
            try:
                chosen[option.field] = option.parse(text)
            except InputError as error:
                raise InputError(f"{option.flag} {error}") from None
    given = {switch.removeprefix("--").replace("-", "_") for switch in switches}
    return Options(
        **_one_duration(chosen),
        variants=tuple(name for name in VARIANTS if name in given),
        resume="resume" in given,
        reproducible="reproducible" in given,
        quick="quick" in given,
    )


def _tuned(texts: Mapping[str, str | None]) -> tuple[bool, Mapping[str, str | None]]:
    """Whether the learning rate is to be tuned, and the texts with the rate to do so around."""
    mode, _, rate = (texts.get("--lr") or "").partition(":")
    return (True, {**texts, "--lr": rate or None}) if mode == "tune" else (False, texts)


def _one_duration(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Epochs are in `epochs` whichever option asks for them; steps and FLOPs in `train_for`."""
    asked = dict(chosen)
    wanted: Duration | None = asked.get("train_for")
    if wanted is None:
        return asked
    epochs = wanted.amount if wanted.unit == "epochs" else None
    if asked.get("epochs") not in (None, epochs):
        raise InputError(
            f"--epochs {asked['epochs']} and --train-for {wanted} contradict each other: give one"
        )
    return asked if epochs is None else {**asked, "epochs": epochs, "train_for": None}
