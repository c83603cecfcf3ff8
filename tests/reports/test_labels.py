"""Names from outside: on one line, bounded, told apart."""

from reports.labels import LONGEST, labels, shortened, visible


def test_marks_that_steer_are_dropped() -> None:
    """Escapes of terminals, marks of direction, line breaks."""
    assert visible("a\x1b[31mb\u202ec\u2066d\u200fe\n f") == "a[31mbcde f"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    """Knobs stand at the end."""
    name = "resnet" + "x" * 10_000 + ":residual=false"
    short = shortened(name)
    assert len(short) == LONGEST
    assert short.startswith("resnet")
    assert short.endswith("residual=false")


def test_names_that_are_alike_when_shortened_are_numbered() -> None:
    """A legend has as many entries as there are networks."""
    names = ["a" + "x" * place + "b" for place in (100, 200, 300)]
    found = labels([*names, "mlp"])
    assert len(set(found.values())) == 4
    assert found["mlp"] == "mlp"
