"""Specs: what they mean, their canonical form, and what is refused."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import sources, specs
from bench.specs import InputError, Spec, parse

KNOWN = ("mlp", "resnet")


def read(text: str) -> Spec:
    return parse(text, built_in=KNOWN, kind="family")


@pytest.mark.parametrize(
    ("text", "target", "attribute", "knobs"),
    [
        ("mlp", "mlp", None, {}),
        (" mlp ", "mlp", None, {}),
        ("mlp:", "mlp", None, {}),
        ("resnet:norm=none,residual=false", "resnet", None, {"norm": "none", "residual": False}),
        ("my.nets:build", "my.nets", "build", {}),
        ("a/b.py:make:width=64,rate=1e-3", "a/b.py", "make", {"width": 64, "rate": 1e-3}),
        ("mlp:input_shape=1x40", "mlp", None, {"input_shape": (1, 40)}),
        ("mlp:standard", "mlp", None, {"standard": True}),
        ("mlp:a = 1, b=x y", "mlp", None, {"a": 1, "b": "x y"}),
    ],
)
def test_a_spec_is_a_target_and_knobs(
    text: str, target: str, attribute: str | None, knobs: dict[str, specs.Value]
) -> None:
    """`TARGET[:knob=value,…]`; a knob without a value is a switch."""
    assert read(text) == Spec(target, attribute, knobs)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((True, "true"), (False, "false"), (3, "3"), (-2, "-2"), (0.1, "0.1"), (1e-7, "1e-07")),
        *(((1, 40), "1x40"), ((3, 32, 32), "3x32x32"), ("relu", "relu"), ("none", "none")),
    ],
)
def test_values_are_written_as_they_are_read(value: specs.Value, text: str) -> None:
    """Formatting is the inverse of parsing."""
    assert specs.format_value(value) == text
    parsed = specs.parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("text", ["resnet", "resnet:b=2,a=TRUE,c=0.10", "net.py:build:w=3x3,v=q"])
def test_the_canonical_name_is_stable(text: str) -> None:
    """Reading it gives the same spec again, so that it can stand in every table."""
    spec = read(text)
    assert read(str(spec)) == spec
    assert str(read(str(spec))) == str(spec)


def test_equal_specs_have_equal_names() -> None:
    """Knobs in any order and way of writing."""
    texts = ["resnet:a=1,b=false", "resnet:b=False,a=1", " resnet:b=FALSE, a=1,"]
    assert {str(read(text)) for text in texts} == {"resnet:a=1,b=false"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nope", "unknown family 'nope'; known: mlp, resnet"),
        ("", "unknown family ''"),
        ("net.py", "path/to/file.py:attribute"),
        ("net.py:width=3", "unknown family"),
        ("mlp:width=", "expected knob=value"),
        ("mlp:=3", "expected knob=value"),
        ("mlp:3=4", "expected knob=value"),
        ("mlp:width=1,width=2", "knob 'width' stands twice"),
    ],
)
def test_bad_specs_are_refused_in_one_line(text: str, said: str) -> None:
    """With what was expected and what was found."""
    with pytest.raises(InputError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# --- loading -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder; imports from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_a_file_can_import_its_neighbours(folder: Path) -> None:
    """Its folder is on the path, as when Python runs it; loading twice gives one module."""
    (folder / "inner").mkdir()
    (folder / "inner" / "spec_neighbour.py").write_text("ANSWER = 42\n")
    (folder / "inner" / "spec_net.py").write_text("from spec_neighbour import ANSWER\n")
    module = sources.load_module("inner/spec_net.py")
    assert module.ANSWER == 42
    assert sources.load_module(str(folder / "inner" / "spec_net.py")) is module


def test_files_of_one_name_are_two_modules(folder: Path) -> None:
    """The folder tells them apart, and none takes a name that others may want."""
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "spec_same.py").write_text(f"NAME = {name!r}\n")
    assert [sources.load_module(f"{name}/spec_same.py").NAME for name in "ab"] == ["a", "b"]
    assert "spec_same" not in sys.modules


def test_a_module_is_found_from_the_working_folder(folder: Path) -> None:
    """As `python -m` would find it."""
    (folder / "spec_package").mkdir()
    (folder / "spec_package" / "nets.py").write_text("ANSWER = 42\n")
    assert sources.load_module("spec_package.nets").ANSWER == 42


BROKEN = {
    "syntax": "def build(",
    "import": "import no_such_module_anywhere",
    "name": "undefined_name",
    "error": "raise OSError('no data')",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("form", ["spec_broken_{}.py", "spec_broken_{}"])
def test_code_that_cannot_be_loaded_is_one_line(folder: Path, kind: str, form: str) -> None:
    """Whatever is wrong with a file or module, there is no traceback; and it can be tried anew."""
    (folder / f"spec_broken_{kind}.py").write_text(BROKEN[kind])
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            sources.load_module(form.format(kind))
        assert f"spec_broken_{kind}" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["no/such/file.py", "no_such_module_anywhere", "./net", "..net", "", "a b"]
)
def test_a_target_that_is_not_there_is_one_line(folder: Path, target: str) -> None:
    """A forgotten `.py` or an empty target, too."""
    with pytest.raises(InputError):
        sources.load_module(target)
    assert list(folder.iterdir()) == []


def test_a_spec_names_a_function(folder: Path) -> None:
    """What is missing or no function is refused by name."""
    (folder / "spec_attribute.py").write_text("value = 3\ndef build(depth): return depth\n")
    module = sources.load_module("spec_attribute.py")
    assert sources.function_of(module, "build", "spec_attribute.py")(5) == 5
    for name in ("value", "missing"):
        with pytest.raises(InputError, match=f"has no function '{name}'"):
            sources.function_of(module, name, "spec_attribute.py")


# --- knobs -------------------------------------------------------------------------------------


def keyword_only(depth: int, *, width: int = 3, norm: str = "none") -> None:
    """A family as the built-ins are written."""


def positional(depth: int, width: int = 3, norm: str = "none") -> None:
    """A family as many are written."""


def no_depth(*, width: int = 3, norm: str = "none") -> None:
    """A task: knobs only."""


@pytest.mark.parametrize(("function", "after"), [(keyword_only, 1), (positional, 1), (no_depth, 0)])
def test_knobs_are_the_parameters_beside_the_depth(
    function: Callable[..., None], after: int
) -> None:
    """Keyword-only or not; a family's first parameter is its depth, a task has none."""
    assert specs.knob_names(function, after=after) == ("width", "norm")


def test_an_unknown_knob_lists_the_known() -> None:
    """And without any known knob, it says none."""
    spec = Spec("mlp", None, {"wdith": 3})
    with pytest.raises(InputError, match=r"unknown knob 'wdith' for mlp; known: width, norm"):
        specs.check_knobs(spec, ("width", "norm"))
    with pytest.raises(InputError, match="known: none"):
        specs.check_knobs(spec, ())
    specs.check_knobs(spec, ("wdith",))


def test_a_digest_changes_with_the_bytes_alone(tmp_path: Path) -> None:
    """The order in which files are named does not matter; a changed byte does."""
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("1")
    b.write_text("2")
    before = sources.digest(a, b)
    assert sources.digest(b, a) == before
    b.write_text("3")
    assert sources.digest(a, b) != before
