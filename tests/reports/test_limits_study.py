"""Evidence on limits in a study file and in the store, and the report on such a study."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.errors import InputError
from reports.findings import find
from reports.limits import judge
from reports.study import read
from reports.tables import Tables
from tests.reports import experiments as planted
from tests.reports import studies

PLAIN = "resnet:residual=false"
ABOUT = {"family": PLAIN, "task": "mnist1d"}


def degraded() -> list[planted.Row]:
    """Evidence on the plain network of the default study."""
    rows = planted.evidence(
        fit=planted.UNFIT, held=planted.UNFIT_HELD, remedies=[planted.residual(0.99)]
    )
    return [row | ABOUT for row in rows]


def study(limits: list[Any]) -> dict[str, Any]:
    """The default study with this evidence."""
    document = studies.default_study()
    document["howdeep"]["limits"] = limits
    return document


def from_json(tmp_path: Path, limits: list[Any]) -> Tables:
    """What is read of a study's file."""
    return read([studies.write(tmp_path / "study.json", study(limits))])


def from_store(tmp_path: Path, limits: Any) -> Tables:
    """What is read of a store."""
    path = tmp_path / "study.sqlite"
    connection = studies.write_store(path, study([]), close=False)
    studies.add_record(connection, "limits", "limits 1", {"status": "ok", "rows": limits})
    connection.close()
    return read([path])


@pytest.mark.parametrize("reader", [from_json, from_store])
def test_evidence_is_read_as_it_was_written(reader: Any, tmp_path: Path) -> None:
    """The verdict on what was read is that on what was measured."""
    tables = reader(tmp_path, degraded())
    assert judge(tables.limits) == judge(degraded())
    assert judge(tables.limits).name == "degradation"


@pytest.mark.parametrize("reader", [from_json, from_store])
def test_numbers_that_others_made_text_are_unknown(reader: Any, tmp_path: Path) -> None:
    """Not an error, and never a number."""
    odd = planted.trial("asked", train_loss="UNSERIALIZABLE[nan]", train_seconds=None)
    (row,) = reader(tmp_path, [odd]).limits
    assert (row["train_loss"], row["train_seconds"]) == (None, None)


@pytest.mark.parametrize("reader", [from_json, from_store])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "guess"}, "kind must be trial or probe; got 'guess'"),
        ({"depth": 0}, "depth must be a positive whole number; got 0"),
        ({"asked_depth": None}, "asked_depth must be a positive whole number; got None"),
        ({"train_accuracy": 98.5}, "train_accuracy must be a fraction from 0 to 1"),
        ({"classes": "ten"}, "classes must be a positive whole number"),
    ],
)
def test_broken_evidence_is_refused(
    reader: Any, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """With the field, what was found and where."""
    with pytest.raises(InputError, match=words) as caught:
        reader(tmp_path, [planted.trial("asked") | changes])
    assert "study." in str(caught.value)


@pytest.mark.parametrize("reader", [from_json, from_store])
@pytest.mark.parametrize("limits", [[3], "text", {"a": 1}])
def test_what_is_no_list_of_objects_is_refused(reader: Any, limits: Any, tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(InputError, match="must be a list of objects"):
        reader(tmp_path, limits)


def test_a_study_without_evidence_has_no_limits(tmp_path: Path) -> None:
    """Its verdicts cannot tell what stops a network."""
    found = find(from_json(tmp_path, []))
    assert found.limits == ()
    assert {verdict.limit.name for verdict in found.verdicts} == {"undetermined"}


def test_the_verdict_on_depths_names_the_limit(tmp_path: Path) -> None:
    """Of its family and task; others stay undetermined. The JSON holds both verdicts."""
    found = find(from_json(tmp_path, degraded()))
    (limits,) = found.limits
    by_family = {verdict.family: verdict.limit for verdict in found.verdicts}
    assert by_family[PLAIN].name == "degradation"
    assert by_family[PLAIN].evidence == limits.evidence
    assert by_family["resnet"].name == "undetermined"
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert [each["family"] for each in document["limits"]] == [PLAIN]
    (depths,) = (each for each in document["depths"] if each["family"] == PLAIN)
    assert depths["limit"] == document["limits"][0]["limit"]


def test_the_margin_decides_whether_depth_pays(tmp_path: Path) -> None:
    """The last step brings 6 points."""
    rising = [row | ABOUT for row in planted.evidence(fit=planted.RISING, held=planted.RISING)]
    tables = from_json(tmp_path, rising)
    names = [find(tables, margin=margin).limits[0].name for margin in (0.01, 0.1)]
    assert names == ["none", "compute"]


def test_the_deepest_network_that_was_asked_about_counts(tmp_path: Path) -> None:
    """Going deeper still paid at depth 16, and at 32 no more."""
    rising = planted.evidence(fit=planted.RISING, held=planted.RISING)
    shallower = [row | ABOUT | {"asked_depth": 16} for row in rising if row["depth"] < 32]
    for row in shallower:
        if row["kind"] == "trial" and row["depth"] == 16:
            row["role"] = "asked"
    found = find(from_json(tmp_path, [*shallower, *degraded()]))
    assert [(each.depth, each.name) for each in found.limits] == [(16, "none"), (32, "degradation")]
    (verdict,) = (each for each in found.verdicts if each.family == PLAIN)
    assert verdict.limit.name == "degradation"


def test_evidence_alone_is_worth_a_report(tmp_path: Path) -> None:
    """A study of `-m limits` has neither costs nor sweeps."""
    document = studies.document(limits=degraded())
    found = find(read([studies.write(tmp_path / "study.json", document)]))
    assert not found.empty
    assert not found.undetermined
    undetermined = studies.document(limits=[planted.probe("failed", None, note="not built")])
    assert find(read([studies.write(tmp_path / "other.json", undetermined)])).undetermined
