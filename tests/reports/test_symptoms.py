"""The symptoms of gradients at initialisation, and the hints of the structure."""

import math
from typing import Any

import pytest

from reports.hints import structure_hints
from reports.symptoms import gradient_symptoms
from tests.reports.experiments import probe


def symptoms(**values: float) -> tuple[str, ...]:
    """Of a network of depth 32."""
    return gradient_symptoms([probe(quantity, value) for quantity, value in values.items()])


@pytest.mark.parametrize(
    ("quantity", "below", "above", "words"),
    [
        ("log_gradient_change", math.log(999), math.log(1001), "the gradient vanishes"),
        ("log_gradient_change", -math.log(999), -math.log(1001), "the gradient explodes"),
        ("trainable_depth", 33.0, 31.0, "by mean-field theory 31 layers are trainable"),
        ("last_cosine", 0.999, 0.9995, "different inputs are the same"),
        ("dead_share", 0.5, 0.51, "51% of the units give zero for every input"),
        ("nonfinite_layers", 0.0, 1.0, "is the first that is not finite"),
    ],
)
def test_each_threshold(quantity: str, below: float, above: float, words: str) -> None:
    """Nothing at the threshold, one sentence with the number beyond it."""
    assert symptoms(**{quantity: below}) == ()
    (found,) = symptoms(**{quantity: above})
    assert words in found


def test_an_unknown_number_is_no_symptom() -> None:
    """Nor are those of single layers, or of other limits."""
    assert symptoms() == ()
    assert gradient_symptoms([probe("log_gradient_change", None)]) == ()
    assert gradient_symptoms([probe("cosine", 1.0, at="layer 3")]) == ()
    assert gradient_symptoms([probe("log_gradient_change", 50.0, limit="structure")]) == ()


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    """It is where to look."""
    (found,) = gradient_symptoms([probe("nonfinite_layers", 1.0, at="blocks.7")])
    assert found == "at initialisation blocks.7 is the first that is not finite"


def test_a_factor_is_a_power_of_ten() -> None:
    """However large, it can be read."""
    (found,) = symptoms(log_gradient_change=20 * math.log(10))
    assert "falls by a factor of 10^20.0 from the last layer to the first" in found


def hints(*rows: dict[str, Any]) -> tuple[str, ...]:
    """Of the depth that was asked about."""
    return structure_hints(rows, 32)


def test_layers_beyond_the_border_of_the_receptive_field() -> None:
    """Their share, and where they begin; nothing where there are none."""
    (found,) = hints(probe("share_beyond_border", 0.68, at="blocks.4"))
    assert found.startswith("68% of the convolutions lie beyond the receptive-field border")
    assert hints(probe("share_beyond_border", 0.0)) == ()
    assert hints(probe("share_beyond_border", 0.5, depth=16)) == ()


def test_blocks_that_are_needed() -> None:
    """Of those that can be bypassed; all of them are said in a plain sentence."""
    drops = [probe("bypass_drop", 0.1, at=f"blocks.{place}") for place in range(15)]
    (some,) = hints(*drops, probe("needed_blocks", 6.0))
    assert some.startswith("6 of 15 blocks are needed")
    (every,) = hints(*drops, probe("needed_blocks", 15.0))
    assert every.startswith("each of the 15 blocks is needed")
    assert hints(probe("needed_blocks", None)) == ()


def test_what_can_be_built_of_a_shallower_network() -> None:
    """Its training accuracy; nothing where it could not be built."""
    (found,) = hints(probe("constructed_train_accuracy", 0.998))
    assert "has 99.8% training accuracy" in found
    assert hints(probe("constructed_train_accuracy", None)) == ()


def test_layers_that_hardly_change_their_input_and_the_best_layer_to_read() -> None:
    """Numbers of the representations."""
    similar = [probe("similarity_to_next", value) for value in (0.5, 0.99, 0.999, None)]
    (found,) = hints(*similar)
    assert found.startswith("2 of 3 layers hardly change")
    read = [
        probe("linear_probe_accuracy", value, at=f"layer{place}")
        for place, value in enumerate((0.5, 0.9, 0.8))
    ]
    (found,) = hints(*read)
    assert "the output of layer1, layer 2 of 3: 90.0% on data held out" in found
    assert hints(read[0]) == ()


def test_units_that_died_in_training_are_told() -> None:
    """As they were when they were last counted; few are not worth a sentence."""
    dead = [probe("training_dead_share", x, at=f"epoch {i}") for i, x in ((1, 0.1), (5, 0.62))]
    (words,) = hints(*dead)
    assert (
        words == "62% of the units give zero for every input of a batch in epoch 5 of the training"
    )
    assert hints(probe("training_saturated_share", 0.05, at="epoch 5")) == ()


def test_how_much_of_their_width_layers_use() -> None:
    """In the median, and the last one."""
    values = [probe("saturation", value) for value in (0.8, 0.4, None, 0.2)]
    (words,) = hints(*values)
    assert words == "layers use 40% of their width in the median (saturation), the last one 20%"


def test_the_landscape_is_told_with_its_residual() -> None:
    """And that a value did not converge."""
    about = {"limit": "optimization", "at": "largest 1"}
    top = probe("hessian_eigenvalue", 41.26, **about, note="not converged")
    rows = [
        top,
        probe("hessian_eigenvalue_residual", 0.02, **about),
        probe("negative_curvature_share", 0.31, limit="optimization"),
        probe("minibatch_gradient_cosine", 0.123, limit="optimization"),
    ]
    assert hints(*rows) == (
        "the top Hessian eigenvalue after training is 41.3 (relative residual 0.02, not converged)",
        "31% of its curvature is negative (one random probe)",
        "the mean cosine between gradients of minibatches is 0.12 there",
    )
    assert hints(top | {"value": None}, *rows[1:2]) == ()
