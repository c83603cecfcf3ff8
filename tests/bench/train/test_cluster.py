"""Calls on a cluster: what Ray brings becomes the outcome that a child here would have had.

Ray is a stand-in here; `test_cluster_session` has the real one.
"""

import importlib.util
import os
import sys
import threading
from typing import Any

import pytest

from bench.isolate import Children, Outcome
from bench.specs import InputError
from bench.train import cluster, machines, remote
from bench.train.cluster import ATTEMPTS, Cluster, cluster_error
from bench.train.machines import Needs
from tests.bench.fake_ray import FakeRay, RayError, Reference, machine
from tests.bench.sessions import wait_for

OK = Outcome("ok", 3)


@pytest.fixture(autouse=True)
def _head_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "silent", lambda _: None)


ONE_CORE = Needs(1, 0)


def opened(ray: FakeRay, *results: Any, needs: Needs = ONE_CORE) -> Cluster:
    """A cluster all of whose machines have our code, and whose calls bring `results`."""
    ray.results[:] = [*[OK] * sum(needs.times(each) > 0 for each in ray.machines), *results]
    made = Cluster("auto", Children(), needs)
    ray.asked.clear()
    return made


def test_an_outcome_comes_back_as_it_is(ray: FakeRay) -> None:
    """Whatever became of the child on the machine."""
    outcomes = [OK, Outcome("oom", reason="killed"), Outcome("timeout", reason="not finished")]
    there = opened(ray, *outcomes)
    assert [there.call(len, "abc", timeout=5) for _ in outcomes] == outcomes
    (_, arguments), *_ = ray.asked
    assert arguments == (remote.versions(), 5, "builtins:len", "abc")


@pytest.mark.parametrize("needs", [Needs(2, 0), Needs(1, 1)], ids=str)
def test_a_call_gets_what_it_needs(ray: FakeRay, needs: Needs) -> None:
    """Its cores, or a GPU too, in a process that may have served others; and Ray tries nothing
    again."""
    ray.machines[:] = [machine(8, 2)]
    opened(ray, OK, needs=needs).call(len, "abc", timeout=5)
    (settings, _), *_ = ray.asked
    assert settings == {
        "num_cpus": needs.cpus,
        "num_gpus": needs.gpus,
        "max_retries": 0,
        "max_calls": 0,
    }


@pytest.mark.parametrize("name", ["WorkerCrashedError", "NodeDiedError", "ObjectLostError"])
def test_what_is_lost_is_called_again(ray: FakeRay, name: str) -> None:
    """With the same arguments, and given up when that does not help."""
    lost = getattr(ray.exceptions, name)("The worker died.")
    there = opened(ray, lost, OK, *[lost] * ATTEMPTS)
    assert there.call(len, "abc", timeout=5) == OK
    assert ray.asked[0] == ray.asked[1]
    given_up = there.call(len, "abc", timeout=5)
    assert given_up == Outcome("error", reason=f"lost {ATTEMPTS} times: The worker died.")
    assert not ray.results


def test_what_ray_ends_for_memory_is_oom_in_the_end(ray: FakeRay) -> None:
    """It may have been a neighbour's, so it is tried again first."""
    full = ray.exceptions.OutOfMemoryError("Task was killed")
    there = opened(ray, full, OK, *[full] * ATTEMPTS)
    assert there.call(len, "abc", timeout=5) == OK
    assert there.call(len, "abc", timeout=5).status == "oom"


def test_another_error_is_one_line(ray: FakeRay) -> None:
    """The last that Ray says, which has the cause, without colours; it is not tried again."""
    text = "\x1b[36mray::call()\x1b[39m (pid=7)\n  traceback\nModuleNotFoundError: No module 'x'\n"
    there = opened(ray, RayError(text), OK)
    outcome = there.call(len, "abc", timeout=5)
    assert outcome == Outcome("error", reason="ModuleNotFoundError: No module 'x'")


def test_data_is_sent_once(ray: FakeRay) -> None:
    """However many calls take it; each is given the same reference."""
    there = opened(ray, OK, OK, OK)
    for data in (b"first", b"first", b"second"):
        there.call(len, 7, data, timeout=5)
    assert ray.sent == [b"first", b"second"]
    given = [arguments[3:] for _, arguments in ray.asked]
    assert given == [(7, "reference 1"), (7, "reference 1"), (7, "reference 2")]


def test_closing_ends_what_runs(ray: FakeRay) -> None:
    """By force, on whichever machine; the call is skipped, and later ones start nothing."""
    running = Reference(OK, ready=False)
    there = opened(ray, running)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(there.call(len, "abc", timeout=5)))
    thread.start()
    wait_for(lambda: bool(ray.asked))
    there.close()
    thread.join()
    outcomes.append(there.call(len, "abc", timeout=5))
    assert [outcome.status for outcome in outcomes] == ["skipped", "skipped"]
    assert ray.cancelled == [(running, True)]
    assert len(ray.asked) == 1


def test_a_call_waits_for_no_machine_that_is_gone(ray: FakeRay) -> None:
    """When none is left that could take it, it is an error; one that comes later takes the next."""
    there = opened(ray, Reference(OK, ready=False), OK)
    ray.machines[:] = [machine(alive=False)]
    lonely = there.call(len, "abc", timeout=5)
    assert lonely == Outcome("error", reason="no machine is left that has 1 CPU core")
    ray.machines.append(machine(name="new"))
    assert there.call(len, "abc", timeout=5) == OK


def test_without_its_head_a_cluster_is_asked_nothing(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call that runs and all later ones are errors that say so."""
    there = opened(ray, Reference(OK, ready=False), OK)
    monkeypatch.setattr(cluster, "silent", lambda _: "Connection refused")
    monkeypatch.delattr(sys.modules["ray"], "nodes")
    outcomes = [there.call(len, "abc", timeout=5) for _ in range(2)]
    gone = Outcome("error", reason="the cluster's head at 10.0.0.1:6379 is gone")
    assert outcomes == [gone, gone]
    assert len(ray.asked) == 1


@pytest.mark.parametrize(
    ("needs", "expected"), [(Needs(1, 0), 13), (Needs(3, 0), 3), (Needs(1, 1), 4), (Needs(8, 2), 1)]
)
def test_slots_are_what_fits_on_the_machines(ray: FakeRay, needs: Needs, expected: int) -> None:
    """A call is on one machine; those that were lost have room for none."""
    ray.machines[:] = [machine(8, 4), machine(5), machine(0, 2), machine(64, 8, alive=False)]
    assert opened(ray, needs=needs).slots == expected


def test_a_cluster_without_room_is_refused(ray: FakeRay) -> None:
    """The line says what was wanted."""
    with pytest.raises(InputError, match="no machine of the cluster has 2 CPU cores"):
        opened(ray, needs=Needs(2, 0))
    with pytest.raises(InputError, match="has 1 CPU core and 1 GPU"):
        opened(ray, needs=Needs(1, 1))


def test_each_machine_answers_first(ray: FakeRay) -> None:
    """On the machine itself, waiting for no core; those that can take no call are not asked."""
    ray.machines[:] = [machine(name="a"), machine(0, name="head"), machine(name="b")]
    ray.results[:] = [OK, OK]
    Cluster("auto", Children(), ONE_CORE)
    strategies = [settings["scheduling_strategy"] for settings, _ in ray.asked]
    assert strategies == [("a", False), ("b", False)]
    assert {settings["num_cpus"] for settings, _ in ray.asked} == {0}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Outcome("error", reason="node-b has howdeep 1 where howdeep 2 is needed"), "howdeep 1"),
        (RayError("ray::call()\nModuleNotFoundError: No module named 'bench'"), "'bench'"),
    ],
    ids=["other", "none"],
)
def test_a_machine_with_other_code_is_refused(ray: FakeRay, answer: Any, said: str) -> None:
    """It is named, with what is wrong."""
    ray.machines[:] = [machine(name="10.0.0.2"), machine(name="10.0.0.3")]
    ray.results[:] = [OK, answer]
    with pytest.raises(InputError, match=r"machine 10\.0\.0\.3 .* cannot train") as caught:
        Cluster("auto", Children(), ONE_CORE)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_machine_that_does_not_answer_is_refused(ray: FakeRay) -> None:
    """After a while that is long enough to import PyTorch."""
    ray.results[:] = [ray.exceptions.GetTimeoutError()]
    with pytest.raises(InputError, match=f"no answer after {machines.FIRST_SECONDS:g} s"):
        Cluster("auto", Children(), ONE_CORE)


def test_on_a_machine_a_call_has_a_child() -> None:
    """A process of its own, whose outcome is passed on."""
    outcome = remote.call(remote.versions(), 60, remote.name(os.getpid))
    assert outcome.status == "ok"
    assert outcome.value != os.getpid()
    failed = remote.call(remote.versions(), 60, remote.name(int), "three")
    assert (failed.status, (failed.reason or "")[:10]) == ("error", "ValueError")


def test_each_call_sees_the_gpus_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of the worker's first call, though children come from one process."""
    for gpu in ("1", "0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpu)
        outcome = remote.call(remote.versions(), 60, remote.name(os.getenv), "CUDA_VISIBLE_DEVICES")
        assert outcome == Outcome("ok", gpu)


def test_on_a_machine_with_other_code_nothing_runs() -> None:
    """What it has and what is wanted are said."""
    wanted = {**remote.versions(), "torch": "1.0"}
    outcome = remote.call(wanted, 60, remote.name(os.getpid))
    assert outcome.status == "error"
    assert "torch 1.0 is needed" in (outcome.reason or "")


@pytest.mark.parametrize(
    ("address", "device", "said"),
    [
        ("auto", "cpu", None),
        ("10.0.0.2:6379", "cuda", None),
        ("[fe80::1]:6379", "cpu", None),
        ("here", "cpu", "takes auto or HOST:PORT"),
        ("ray://10.0.0.2:10001", "cpu", "takes auto or HOST:PORT"),
        ("10.0.0.2:6379", "cuda:1", "chooses a GPU for each run"),
    ],
)
@pytest.mark.usefixtures("ray")
def test_an_address_is_a_hosts_or_auto(address: str, device: str, said: str | None) -> None:
    """And which GPU a run gets is the cluster's to say."""
    error = cluster_error(address, device)
    assert error is None if said is None else said in (error or "")


def test_without_ray_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra, by name."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert cluster_error("auto", "cpu") == "--cluster needs Ray: pip install 'howdeep[ray]'"
