"""Finds a task by its spec: data with train, validation and test splits for classification.

Built-in: `mnist1d` (Greydanus & Kobak 2024, arXiv:2011.14439), generated offline, and `digits`
from scikit-learn. A user's file gives `load(**knobs)` that returns a mapping from "train",
"validation" (may be left out) and "test" to a pair (inputs, labels) of arrays or tensors:
inputs (n, ...) of numbers, labels (n,) of classes 0 to classes - 1.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import sources, specs
from ..measure.state import random_state
from ..specs import InputError

# The authors' own split, and what depth studies need: 8,000 test points give a standard error of
# 0.34 points at 90%, where the authors' 1,000 give 0.95.
STANDARD_TRAIN, STANDARD_TEST = 4_000, 1_000
DEFAULT_TRAIN, DEFAULT_VALIDATION, DEFAULT_TEST = 4_000, 4_000, 8_000

# Generating takes about a quarter of a millisecond a sample.
MOST_SAMPLES = 1_000_000

DIGITS_TRAIN = 1_000
_DIGITS_SPLIT_SEED = 0


# A label beyond is no class: the output layer and every count of labels would have as many rows.
MOST_CLASSES = 1_000_000


@dataclass(frozen=True)
class Split:
    """`inputs`: (n, *input_shape) float32; `labels`: (n,) int64."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Task:
    """Data to learn. `validation` is None where a task has none, as in a published split.

    `code` is a digest of the data and of the code that made them: part of what determines a run.
    """

    name: str
    train: Split
    validation: Split | None
    test: Split
    classes: int
    code: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch."""
        return tuple(self.train.inputs.shape[1:])


Arrays = Mapping[str, tuple[Any, Any]]


def _mnist1d(
    *,
    train: int = DEFAULT_TRAIN,
    validation: int = DEFAULT_VALIDATION,
    test: int = DEFAULT_TEST,
    standard: bool = False,
) -> Arrays:
    """MNIST-1D, inputs (n, 1, 40), 10 classes.

    Validation and test data are the same whatever the number of training samples, and the first of
    those are too.
    `standard` is the authors' split: 4,000 to train, 1,000 to test, nothing to validate on.
    """
    if standard:
        if (train, validation, test) != (DEFAULT_TRAIN, DEFAULT_VALIDATION, DEFAULT_TEST):
            raise InputError(
                "the standard split has its own sizes: leave out train, validation, test"
            )
        sizes = {"train": STANDARD_TRAIN, "test": STANDARD_TEST}
        return _cut(*_generate_mnist1d(STANDARD_TRAIN + STANDARD_TEST), sizes)
    sizes = {"validation": validation, "test": test, "train": train}
    if sum(sizes.values()) > MOST_SAMPLES:
        raise InputError(f"at most {MOST_SAMPLES:,} samples in all; got {sum(sizes.values()):,}")
    inputs, labels = _generate_mnist1d(validation + test + DEFAULT_TRAIN)
    if train > DEFAULT_TRAIN:
        more_inputs, more_labels = _generate_mnist1d(train - DEFAULT_TRAIN, another=1)
        inputs = np.concatenate([inputs, more_inputs])
        labels = np.concatenate([labels, more_labels])
    return _cut(inputs, labels, sizes)


def _generate_mnist1d(n: int, *, another: int = 0) -> tuple[Any, Any]:
    """n samples; `another` is added to the authors' seed and gives others."""
    from mnist1d.data import get_dataset_args, make_dataset

    settings = get_dataset_args()
    settings.num_samples = n
    settings.seed += another
    with random_state():  # `make_dataset` seeds the global generators
        data = make_dataset(settings)
    inputs = np.concatenate([data["x"], data["x_test"]])
    return inputs[:, None], np.concatenate([data["y"], data["y_test"]])


def _digits(*, train: int = DIGITS_TRAIN, validation: int = 397) -> Arrays:
    """scikit-learn's 8x8 digits, inputs (n, 1, 8, 8), 10 classes, 1,797 samples in all.

    Up to 1,000 are trained on; of the others, those not validated on are the test split, the same
    whatever `train` is.
    """
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(_DIGITS_SPLIT_SEED).permutation(len(labels))
    inputs = (inputs[order].reshape(-1, 1, 8, 8) - 8) / 8
    test = len(labels) - DIGITS_TRAIN - validation
    return _cut(
        inputs, labels[order], {"validation": validation, "test": max(test, 0), "train": train}
    )


def _cut(inputs: Any, labels: Any, sizes: Mapping[str, int]) -> Arrays:
    """Consecutive pieces of the data, in the order of `sizes`."""
    if min(sizes.values()) < 1 or sum(sizes.values()) > len(labels):
        asked = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"expected at least 1 of each and {len(labels)} in all; got {asked}")
    edges = np.cumsum([0, *sizes.values()])
    spans = itertools.pairwise(edges)
    return {name: (inputs[a:b], labels[a:b]) for name, (a, b) in zip(sizes, spans, strict=True)}


BUILT_IN: Mapping[str, Callable[..., Arrays]] = {"mnist1d": _mnist1d, "digits": _digits}


def check(text: str) -> str:
    """The canonical spec; `InputError` when it names no task or knob. No data is made."""
    return str(_parse(text)[0])


def load(text: str) -> Task:
    """The task that a spec names.

    Raises:
        InputError: no such task or knob, or data that cannot be learnt from.
    """
    spec, function, code = _parse(text)
    try:
        return _checked(str(spec), function(**spec.knobs), code)
    except InputError as error:
        raise InputError(f"task {spec}: {error}") from error
    except Exception as error:  # whatever a user's function raises
        raise InputError(f"task {spec}: {specs.one_line(error)}") from error


def _parse(text: str) -> tuple[specs.Spec, Callable[..., Arrays], str]:
    spec = specs.parse(text, built_in=BUILT_IN, kind="task")
    if spec.attribute is None:
        function, code = BUILT_IN[spec.target], sources.digest(Path(__file__))
    else:
        module = sources.load_module(spec.target)
        function = sources.function_of(module, spec.attribute, spec.target)
        code = sources.code_of(module)
    if not specs.takes_any_knob(function):
        specs.check_knobs(spec, specs.knob_names(function, after=0))
    return spec, function, code


def _checked(name: str, arrays: Any, code: str) -> Task:
    if not isinstance(arrays, Mapping) or not {"train", "test"} <= set(arrays):
        found = sorted(arrays) if isinstance(arrays, Mapping) else type(arrays).__name__
        raise InputError(f"expected a mapping with the splits train and test; got {found}")
    splits = {part: _split(part, arrays[part]) for part in arrays}
    shapes = {tuple(split.inputs.shape[1:]) for split in splits.values()}
    if len(shapes) > 1:
        raise InputError(f"expected inputs of one shape in all splits; got {sorted(shapes)}")
    if len(splits["train"].labels.unique()) < 2:
        raise InputError("only one class in the training set; at least 2 are needed")
    classes = max(int(split.labels.max()) for split in splits.values()) + 1
    code = _digest(code, splits)
    return Task(name, splits["train"], splits.get("validation"), splits["test"], classes, code)


def _digest(code: str, splits: Mapping[str, Split]) -> str:
    """Of the data as they are: they change also with a package's version or a file that is read."""
    hasher = hashlib.sha256(code.encode())
    for part in sorted(splits):
        inputs, labels = splits[part].inputs, splits[part].labels
        hasher.update(f"{part} {tuple(inputs.shape)}".encode())
        hasher.update(inputs.numpy().data)
        hasher.update(labels.numpy().data)
    return hasher.hexdigest()[:16]


def _split(part: str, pair: Any) -> Split:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError(f"{part}: expected a pair (inputs, labels)")
    x, y = (
        torch.as_tensor(np.asarray(values) if isinstance(values, list) else values)
        for values in pair
    )
    if y.ndim != 1 or x.ndim < 2 or len(x) != len(y) or len(y) == 0:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise InputError(f"{part}: expected inputs (n, …) and labels (n,) with n > 0; got {shapes}")
    bad = int((~torch.isfinite(x.to(torch.float32))).flatten(1).any(1).sum())
    if bad:
        raise InputError(f"{part}: {bad} of {len(x)} inputs hold NaN or infinity")
    wrong = y[(y != y.to(torch.int64)) | (y < 0) | (y >= MOST_CLASSES)]
    if len(wrong):
        raise InputError(
            f"{part}: labels are whole numbers from 0 to below {MOST_CLASSES:,}; "
            f"found {wrong[0].item():g}"
        )
    return Split(x.to(torch.float32).contiguous(), y.to(torch.int64).contiguous())
