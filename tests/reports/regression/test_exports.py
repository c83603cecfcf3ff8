"""The new values of a check in the formats of benchmark dashboards."""

import json
import math
from typing import Any

import jsonschema
import pytest

from reports.errors import InputError
from reports.regression.exports import FORMATS, check_format, export
from reports.regression.finding import EQUIVALENT, IMPROVED, NEW, REGRESSED, Answer, Finding

from .answers import HOSTILE, accuracy, answer, exact, mixed, time

NUMBER = {"type": "number"}
BENCHER = {  # of its documentation, "Bencher Metric Format (BMF) JSON Schema"
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": dict.fromkeys(("value", "lower_value", "upper_value"), NUMBER),
                    "required": ["value"],
                }
            },
        }
    },
}  # fmt: skip
TEXT = {"type": "string"}
GITHUB = {  # of its README, "customBiggerIsBetter", and `BenchmarkResult` in `src/extract.ts`
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"value": NUMBER} | dict.fromkeys(("name", "unit", "range", "extra"), TEXT),
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}  # fmt: skip


def bencher(given: Answer) -> Any:
    """Read back."""
    return json.loads(export("bencher", given))


def github(given: Answer) -> dict[str, Any]:
    """Read back, by name, of which none is there twice."""
    entries = json.loads(export("github-action-benchmark", given))
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry.pop("name"): entry for entry in entries}


@pytest.mark.parametrize("name", FORMATS)
def test_the_structure_is_the_formats(name: str) -> None:
    """Of findings of every lane, verdict and name."""
    schemas = {"bencher": BENCHER, "github-action-benchmark": GITHUB}
    jsonschema.validate(json.loads(export(name, mixed())), schemas[name])


def test_time_is_benchers_latency_in_nanoseconds() -> None:
    """With the interval of the change about the new value."""
    assert bencher(answer(time(REGRESSED, 0.25, depth=8, base=1e-3, new=1.25e-3))) == {
        "mlp/depth 8/step": {
            "latency": {"value": 1.25e6, "lower_value": 1.24e6, "upper_value": 1.26e6}
        }
    }


def test_measures_of_one_place_stand_together_at_bencher() -> None:
    """One benchmark with the parameters and the saved bytes, which stay whole numbers."""
    given = answer(exact(REGRESSED, 1, 2), exact(IMPROVED, 8, 2**60 + 1, metric="saved_bytes"))
    assert bencher(given) == {
        "mlp/depth 8": {"parameters": {"value": 2}, "saved_bytes": {"value": 2**60 + 1}}
    }


def test_units_do_not_change_with_the_size() -> None:
    """Dashboards compare numbers without a look at units."""
    small, large = (github(answer(time(NEW, 0.0, depth=8, new=new))) for new in (1e-6, 60.0))
    assert small["mlp/depth 8/step/time"]["unit"] == large["mlp/depth 8/step/time"]["unit"] == "ms"
    assert large["mlp/depth 8/step/time"]["value"] == 60_000.0


def test_smaller_is_better_in_all_that_is_written_for_github() -> None:
    """Accuracies are written as errors, ends swapped; the best depth is neither."""
    best = Finding(lane="accuracy", verdict=EQUIVALENT, metric="best_depth", family="mlp", new=8)
    found = github(answer(accuracy(REGRESSED, -0.02), best))
    assert found == {
        "mlp/mnist1d/depth 8/validation_error": {
            "unit": "%",
            "value": 5.0,
            "range": "4.5 to 5.5",
            "extra": "accuracy, regressed: 97.00 -> 95.00% (-2.0 pp)",
        }
    }


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("new", [None, "[8, 10]", math.nan, math.inf, True])
def test_what_is_no_number_is_left_out(name: str, new: object) -> None:
    """Missing values, shapes, NaN and infinity; open intervals lose their open end."""
    given = answer(time(NEW, 0.0, depth=8, new=new), time(NEW, 0.0, depth=9, high=math.inf))
    text = export(name, given)
    assert len(json.loads(text)) == 1
    assert "Infinity" not in text
    assert "upper_value" not in text


def test_one_place_and_metric_is_written_once() -> None:
    """The first lane's: two of one name would mix two histories."""
    first, second = (time(EQUIVALENT, 0.0, depth=8, new=new) for new in (1.0, 2.0))
    assert github(answer(first, second))["mlp/depth 8/step/time"]["value"] == 1_000.0


def test_names_fit_what_bencher_takes() -> None:
    """1,024 letters of a benchmark, on one line."""
    (name,) = bencher(answer(time(NEW, 0.0, depth=8, family=HOSTILE * 50)))
    assert len(name) == 1_024
    assert name.isprintable()


def test_an_unknown_format_is_named_with_those_known() -> None:
    """In one line."""
    with pytest.raises(InputError, match=r"github-action-benchmark or bencher.*got 'codspeed'"):
        check_format("codspeed")
