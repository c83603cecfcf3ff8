"""What people type as options, and what they get."""

import re
from pathlib import Path
from typing import Any

import pytest
from torch._inductor import cpp_builder

from bench import options
from bench.options import DEFAULT_DEPTHS, DEFAULT_FAMILIES, Options
from bench.points import PASSES
from bench.specs import InputError
from bench.train.duration import Duration


def test_nothing_typed_is_the_default_study() -> None:
    """The three families at 2 to 32, three passes, three seeds, on a CPU with one thread."""
    nothing = options.read({option.flag: None for option in options.TABLE})
    assert nothing == Options()
    assert nothing.families == DEFAULT_FAMILIES == ("mlp", "resnet", "resnet:residual=false")
    assert nothing.depths is None
    assert nothing.variants == ()
    assert DEFAULT_DEPTHS == (2, 4, 8, 16, 32)
    assert nothing.passes == PASSES == ("forward", "backward", "step")
    assert (nothing.seeds, nothing.threads, nothing.device) == (3, 1, "cpu")
    assert (nothing.task, nothing.optimizer) == ("mnist1d", "adamw")
    assert nothing.store == Path("results/howdeep.sqlite")


@pytest.mark.parametrize(
    ("flag", "text", "field", "value"),
    [
        ("--depths", "8,2, 4", "depths", (2, 4, 8)),
        ("--depths", "4,4,4", "depths", (4,)),
        ("--passes", "step, forward", "passes", ("step", "forward")),
        ("--passes", "step,step", "passes", ("step",)),
        ("--batch-size", "64,32", "batch_sizes", (32, 64)),
        ("--dtype", "bf16", "dtype", "bf16"),
        ("--threads", "2", "threads", 2),
        ("--task", "digits", "task", "digits"),
        ("--seeds", "5", "seeds", 5),
        ("--epochs", "1", "epochs", 1),
        ("--optimizer", "sgd", "optimizer", "sgd"),
        ("--optimizer", "momentum", "optimizer", "momentum"),
        ("--train-for", "20epochs", "epochs", 20),
        ("--train-for", "3ksteps", "train_for", Duration(3_000, "steps")),
        ("--train-for", "1e12flops", "train_for", Duration(1e12, "flops")),
        ("--match", "parameters", "match", "parameters"),
        ("--match", "width", "match", "width"),
        ("--lr", "1e-3", "learning_rate", 0.001),
        ("--lr", "tune", "tune", True),
        ("--weight-decay", "0", "weight_decay", 0.0),
        ("--cell-timeout", "90", "cell_timeout", 90.0),
        ("--cell-timeout", "0.5", "cell_timeout", 0.5),
        ("--cell-timeout", "90s", "cell_timeout", 90.0),
        ("--cell-timeout", "500ms", "cell_timeout", 0.5),
        ("--run-timeout", "2min", "run_timeout", 120.0),
        ("--run-timeout", "1.5h", "run_timeout", 5400.0),
        ("--store", "a/b.sqlite", "store", Path("a/b.sqlite")),
    ],
)
def test_text_becomes_a_value(flag: str, text: str, field: str, value: Any) -> None:
    """Numbers sorted and once each, units understood; all else stays at its default."""
    assert options.read({flag: text}) == Options(**{field: value})


def test_families_and_switches_are_taken() -> None:
    """Families are repeatable, in the order given; variants have an order of their own."""
    chosen = options.read({}, families=["resnet", "mlp"], switches=["--resume"])
    assert chosen == Options(families=("resnet", "mlp"), resume=True)
    both = options.read({}, switches=["--checkpointing", "--channels-last"])
    assert both.variants == ("channels_last", "checkpointing")


@pytest.mark.usefixtures("ray")
def test_on_a_cluster_the_device_need_not_be_here() -> None:
    """A machine without a GPU may hand trainings to some that have one; names are checked still."""
    asked = {"--cluster": "10.0.0.2:6379", "--device": "cuda"}
    assert options.read(asked).cluster == "10.0.0.2:6379"
    for flag, wrong in (("--device", "tpu"), ("--dtype", "fp64")):
        with pytest.raises(InputError, match="unknown"):
            options.read({**asked, flag: wrong})


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        (["--cuda-graphs"], "--device cuda"),
        (["--flush-l2"], "--device cuda"),
        (["--compile"], "C++ compiler"),
    ],
)
def test_a_switch_that_cannot_be_had_is_refused(
    switches: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it needs is named: a GPU, a compiler."""

    def no_compiler() -> None:
        raise RuntimeError("none of g++, clang++ works")

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", no_compiler)
    with pytest.raises(InputError, match=re.escape(said)):
        options.read({}, switches=switches)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        *(("--depths", text) for text in ("0", "-3", "abc", "", "2,,4", "2.5", "1e3", "2,0")),
        *(("--batch-size", text) for text in ("0", "-1", "all")),
        *(("--threads", text) for text in ("0", "two")),
        *(("--seeds", text) for text in ("0", "-1", "1.5")),
        *(("--epochs", text) for text in ("0", "x")),
        *(("--train-for", text) for text in ("0", "2h", "1.5steps", "")),
        *(("--lr", text) for text in ("0", "-1", "nan", "inf", "fast", "tune:fast", "tune:0")),
        *(("--weight-decay", text) for text in ("-1", "nan", "inf", "x")),
        *(("--cell-timeout", text) for text in ("0", "-1", "soon", "", "nan", "1e400")),
        *(("--run-timeout", text) for text in ("0s", "-2h", "2 parsecs")),
        ("--passes", ""),
        ("--passes", ","),
    ],
)
def test_text_that_cannot_be_is_refused_by_its_flag(flag: str, text: str) -> None:
    """One line that names the option and what was typed or expected."""
    with pytest.raises(InputError) as caught:
        options.read({flag: text})
    assert str(caught.value).startswith(flag)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("--passes", "forward,sideways", "unknown pass 'sideways'; known: forward, backward, step"),
        ("--match", "depth", "unknown --match 'depth'; known: width, parameters, flops"),
        ("--optimizer", "newton", "unknown optimizer 'newton'; known: adam, adamw"),
        ("--device", "tpu", "unknown device 'tpu'; known: cpu, cuda, cuda:N"),
        ("--device", "cuda:99", "no device 'cuda:99' here"),
        ("--dtype", "fp64", "unknown dtype 'fp64'; known: fp32, bf16, fp16"),
    ],
)
def test_a_choice_that_is_not_there_lists_those_that_are(flag: str, text: str, said: str) -> None:
    """An error is also an answer."""
    with pytest.raises(InputError) as caught:
        options.read({flag: text})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rate_to_tune_around_may_be_given() -> None:
    """The grid is spread around it."""
    assert options.read({"--lr": "tune:0.003"}) == Options(tune=True, learning_rate=0.003)


def test_epochs_may_be_given_in_two_ways() -> None:
    """Which must agree; steps and FLOPs agree with no epochs."""
    assert options.read({"--epochs": "5", "--train-for": "5"}) == Options(epochs=5)
    for text in ("6epochs", "5steps", "1e9flops"):
        with pytest.raises(InputError, match=f"--epochs 5 and --train-for {re.escape(text[0])}"):
            options.read({"--epochs": "5", "--train-for": text})


def test_every_option_sets_a_field_of_its_own() -> None:
    """The table is complete: all that can be set has a flag, but for what pytest reads itself."""
    fields = [option.field for option in options.TABLE]
    assert len(set(fields)) == len(fields)
    switched = {"families", "variants", "resume", "reproducible", "quick", "tune"}
    assert set(fields) == set(Options.__dataclass_fields__) - switched
