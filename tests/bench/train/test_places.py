"""Where trainings execute, and what has to be sent there."""

from pathlib import Path

import pytest

from bench.isolate import Children, Outcome
from bench.measure import machine
from bench.options import Options
from bench.specs import InputError
from bench.train import places
from tests.bench import fake_ray
from tests.bench.fake_ray import FakeRay

FILE = "nets/family.py:build"


def test_here_a_training_has_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many at once as the cores are for; the machine is part of what a run is kept under."""
    monkeypatch.setattr(machine, "cores", lambda: 6)
    children = Children()
    place = places.find(Options(threads=2), children)
    assert place.executor is children
    assert place.workers == 3
    assert place.machine == machine.identity("cpu")


def test_on_a_cluster_it_has_what_was_asked_for(ray: FakeRay) -> None:
    """As many at once as the machines have room for; which machines is no part of what a run is
    kept under, so that none is trained again because one was lost."""
    found = []
    for machines in ([fake_ray.machine(4, 2), fake_ray.machine(3, 1)], [fake_ray.machine(9, 9)]):
        ray.machines[:] = machines
        ray.results[:] = [Outcome("ok")] * len(machines)
        found.append(places.find(Options(cluster="auto", device="cuda", threads=2), Children()))
    assert [place.workers for place in found] == [3, 4]
    assert found[0].machine == found[1].machine
    assert found[0].machine["cluster"] == "cuda"


@pytest.mark.parametrize(
    ("families", "task", "sent"),
    [
        (("mlp", "resnet:width=8"), "mnist1d:train=200", False),
        (("mlp", FILE), "digits", True),
        (("mlp",), "task.py:load", True),
        (("package.module:build:width=8",), "digits", True),
    ],
)
def test_the_working_folder_is_sent_with_code_of_ones_own(
    families: tuple[str, ...],
    task: str,
    sent: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is built in is on every machine."""
    monkeypatch.chdir(tmp_path)
    expected = str(tmp_path) if sent else None
    assert places.folder_to_send(Options(families=families, task=task)) == expected


def test_code_outside_the_working_folder_cannot_be_sent() -> None:
    """The line says from where to start."""
    with pytest.raises(InputError, match=r"\.\./nets/family\.py lies outside the working folder"):
        places.folder_to_send(Options(families=(f"../{FILE}",)))
