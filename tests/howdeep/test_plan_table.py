"""The tables of `howdeep plan`: what each column says, and that they fit a terminal."""

from typing import Any

import pytest

from howdeep import plan_table
from howdeep.fit import Fit

KINDS = (
    *("parameters", "buffers", "input", "gradients", "optimizer_state", "activations"),
    "temporaries",
)
WIDEST = 100


def cell(depth: int, n_bytes: dict[str, int], **changes: Any) -> dict[str, Any]:
    by_kind = dict.fromkeys(KINDS, 0) | n_bytes
    return {
        "family": "made_up",
        "depth": depth,
        "batch_size": 128,
        "parameters": 1_557_611_200,
        "flops_forward": 125_486_000_000,
        "macs_forward": 62_743_000_000,
        "flops_backward": 250_972_000_000,
        "flops_step": 376_458_000_000,
        "hardware_flops_step": 376_458_000_000,
        "uncounted_ops": [],
        "activation_bytes": 3 * 2**30,
        "peak_bytes": sum(by_kind.values()),
        "peak_by_kind": by_kind,
        "fits": None,
        "warnings": [],
    } | changes


def table_of_memory(*cells: dict[str, Any]) -> list[str]:
    """The lines of the second table: header, ruler and a line a depth."""
    text = plan_table.text(list(cells), None, None)
    return text.split("come on top\n\n")[1].splitlines()


def test_tables_fit_a_terminal() -> None:
    """All columns at once, each at its widest, are 100 characters at most."""
    widest = dict.fromkeys(KINDS, 1023 * 2**20 + 2**19)
    changes = {"fits": True, "largest_batch": 1_234_567, "hardware_flops_step": 999_999_000_000}
    text = plan_table.text([cell(1202, widest, **changes)], 2**40, None)
    assert max(map(len, text.splitlines())) <= WIDEST
    for name in ("parameters", "gradients", "optimizer", "activations", "temporaries", "input"):
        assert name in text


def test_buffers_and_input_are_shown_where_they_count() -> None:
    """Together, and only where they are more than a hundredth of some depth's peak."""
    small, large = {"activations": 2**20, "input": 2**10}, {"activations": 2**20, "input": 2**16}
    assert "input" not in "".join(table_of_memory(cell(2, small)))
    lines = table_of_memory(cell(2, small), cell(4, large | {"buffers": 2**16}))
    assert "input" in "".join(lines)
    assert [line.split()[-2:] for line in lines[-2:]] == [["1.00", "KiB"], ["128", "KiB"]]


def test_kinds_are_shown_even_where_they_hold_nothing() -> None:
    """The five kinds are the same columns in every plan, so that plans can be compared."""
    lines = table_of_memory(cell(2, {"parameters": 2**20}))
    assert lines[-1].split() == [*("2", "1.00", "MiB", "1.00", "MiB"), *("0", "B") * 4]


def test_columns_of_what_was_not_asked_are_left_out() -> None:
    """What fits without a limit, the largest batch, and FLOPs that are run again."""
    plain = plan_table.text([cell(2, {})], None, None)
    for words in ("fits", "largest", "FLOPs run", "Not counted"):
        assert words not in plain
    changes = {"fits": False, "largest_batch": None, "hardware_flops_step": 10**12}
    text = plan_table.text([cell(2, {}, uncounted_ops=["aten.odd"], **changes)], 1, None)
    assert "Not counted, for want of a formula: aten.odd" in text
    assert "FLOPs run" in text
    assert text.splitlines()[-1].split()[-2:] == ["no", "none"]


@pytest.mark.parametrize(
    ("n_bytes", "drawn"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1,023 B"),
        (1024, "1.00 KiB"),
        (200_000, "195 KiB"),
        (43.25 * 2**10, "43.2 KiB"),
        (99.99 * 2**20, "100 MiB"),
        (9.999 * 2**20, "10.0 MiB"),
        (1023.9 * 2**20, "1,024 MiB"),
        (3 * 2**30, "3.00 GiB"),
        (2**70, "1,024 EiB"),
    ],
)
def test_sizes_have_three_digits(n_bytes: float, drawn: str) -> None:
    """And a binary prefix, as --memory takes it."""
    (line,) = table_of_memory(cell(2, {"activations": int(n_bytes)}))[-1:]
    assert line.split()[1:3] == drawn.split()


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (Fit(value=8, need_bytes=2**20), "depth 8, which needs 1.00 MiB."),
        (
            Fit(value=8, need_bytes=2**20, extrapolated=True),
            "depth 8, which needs 1.00 MiB, read off a line through shallower ones.",
        ),
        (
            Fit(value=8, need_bytes=2**20, at_least=True),
            "depth 8, which needs 1.00 MiB; deeper ones may fit too, but were not predicted.",
        ),
    ],
)
def test_the_answer_is_a_sentence(fit: Fit, words: str) -> None:
    """With the limit, the batch and what the answer rests on."""
    text = plan_table.text([cell(8, {"activations": 2**20})], 2**21, fit)
    last = text.splitlines()[-1]
    assert last == f"The deepest that fits in 2.00 MiB at batch 128: {words}"


def test_the_smallest_need_is_told_exactly() -> None:
    """So that it can be typed as the next limit."""
    said = plan_table.smallest_need(Fit(value=None, need_bytes=14_276), 2**10)
    assert said == "nothing fits in 1.00 KiB: the smallest need is 13.9 KiB (14,276 bytes)"
