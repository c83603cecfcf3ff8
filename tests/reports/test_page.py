"""The page as text: what stands in it, and that nothing can leave its place in it."""

import json
import re
from pathlib import Path

import altair as alt
import pytest

from reports.frame import script_json
from reports.pictures import pictures
from tests.reports import studies
from tests.reports.page import pages


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a study with something for every section."""
    return pages.written(tmp_path_factory.mktemp("page"), pages.everything()).read_text()


def data(page: str) -> dict[str, object]:
    """What its script reads."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    found: dict[str, object] = json.loads(text)
    return found


def test_json_cannot_end_the_script_that_it_stands_in() -> None:
    """Of the letters that could, none is left; what is read back is the same."""
    value = {"name": "</script><!-- & \u2028\u2029 é"}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_a_number_that_is_not_finite_is_refused() -> None:
    """Bare NaN is no JSON: the page would stay empty."""
    with pytest.raises(ValueError, match="Out of range"):
        script_json({"value": float("nan")})


def test_every_chart_is_valid_and_has_its_place(tmp_path: Path, page: str) -> None:
    """Each is valid Vega-Lite, stands once in the page, and its rows have fixed names of fields."""
    drawn = list(pictures(pages.findings(tmp_path, pages.everything())))
    keys = [each.name for each in drawn]
    assert len(set(keys)) == len(keys) > 20
    for each in drawn:
        alt.Chart.from_dict(each.spec | {"config": {}})  # Vega takes more than the schema says
        assert page.count(f'data-chart="{each.name}"') == 1
        fields = {key for rows in each.spec["datasets"].values() for row in rows for key in row}
        assert all(re.fullmatch(r"[a-z]+", field) for field in fields), fields
    charts = data(page)["charts"]
    assert isinstance(charts, dict)
    assert list(charts) == keys


def test_a_curve_is_called_the_best_or_it_is_said_why_none_is(tmp_path: Path) -> None:
    """Of two depths none can be left out."""
    few = studies.document([], studies.runs("mlp", {2: 0.8, 4: 0.9}))
    told = pages.written(tmp_path, few).read_text()
    assert "no fitted curve is the best: there are too few depths to leave one out" in told


def test_every_panel_of_the_limits_is_filled(page: str) -> None:
    """With evidence on them all, no command is named in its place."""
    assert "To fill this panel" not in page


def test_the_page_says_how_it_was_made(tmp_path: Path) -> None:
    """The command where the study tells it; else what it tells."""
    assert (
        "The file does not tell the command"
        in pages.written(tmp_path, studies.default_study()).read_text()
    )
    environment = studies.ENVIRONMENT | {"command": "pytest bench --family 'a b'"}
    study = studies.document(studies.costs("mlp"), environment={"before": environment})
    told = pages.written(tmp_path, study).read_text()
    assert "<code>pytest bench --family &#39;a b&#39;</code>" in told


def test_the_page_says_what_was_held_equal_and_what_stayed_out(page: str) -> None:
    """Also warnings, the machine, and each excluded cell with its reason."""
    for words in (
        "held equal: width 24, 10 epochs",
        "cell resnet at depth 64, step, batch 128, fp32, cpu: oom (the child was killed at",
        "the machine was busy (load",
        "Example CPU 2.4GHz",
    ):
        assert words in page


def test_a_budget_is_looked_up_in_steps_that_rise(page: str) -> None:
    """Each network has one answer more than steps: that below the first."""
    sliders = data(page)["sliders"]
    assert isinstance(sliders, list)
    assert [each["name"] for each in sliders] == [
        "latency", "memory", "flops", "train_time", "train_flops", "energy",
    ]  # fmt: skip
    for slider in sliders:
        assert 0 < slider["low"] < slider["high"]
        for network in slider["networks"]:
            assert network["from"] == sorted(set(network["from"]))
            assert len(network["answers"]) == len(network["from"]) + 1
            assert network["answers"][0]["depth"] == "none"
