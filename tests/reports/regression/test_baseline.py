"""The baseline file: what it keeps, how it reads in a diff, and what is refused."""

import difflib
import json
from dataclasses import replace
from typing import Any

import pytest

from reports.regression.baseline import UnreadableError, parse, render
from tests.reports.regression.counts import counted


def test_what_is_written_is_read_again() -> None:
    """Also counts that are unknown."""
    table = counted(lambda _: {"flops_backward": None, "operators_backward": None})
    assert parse(render(table), "file") == table


def test_the_order_of_counting_does_not_show() -> None:
    """Families by name, depths by size: 8 before 16."""
    table = counted()
    reverse = replace(table, cells=dict(reversed(table.cells.items())))
    assert render(reverse) == render(table)
    assert list(json.loads(render(table))["families"]["net.py:build"]) == ["2", "4", "8"]


def test_one_count_is_one_line_of_a_diff() -> None:
    """A layer more at one depth changes that line and no other."""
    changed = counted(lambda depth: {"parameters": 7} if depth == 4 else {})
    lines = difflib.unified_diff(
        render(counted()).splitlines(), render(changed).splitlines(), n=0, lineterm=""
    )
    assert [line for line in lines if line[0] in "+-" and line[:3] not in ("---", "+++")] == [
        '-        "parameters": 400,',
        '+        "parameters": 7,',
    ]


def damaged(**changes: Any) -> str:
    return json.dumps({**json.loads(render(counted())), **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        (render(counted())[:-40], "no JSON"),
        ("<<<<<<< HEAD\n" + render(counted()), "no JSON"),
        ("[]", "names no schema"),
        ("{}", "names no schema"),
        ('{"schema": true}', "names no schema"),
        (damaged(schema=2), "its schema is 2, and this howdeep reads up to 1"),
        ('{"schema": 1}', "damaged"),
        (damaged(batch_size="8"), "expected int; got '8'"),
        (damaged(families=[]), "damaged"),
        (damaged(families={"net": {"two": {}}}), "damaged"),
        (damaged(families={"net": {"2": {"parameters": 3}}}), "damaged"),
        (render(counted(lambda _: {"parameters": 1.5})), "expected int; got 1.5"),
        (render(counted(lambda _: {"output_shapes": None})), "expected str; got None"),
        (render(counted(lambda _: {"operators_forward": {"relu": "2"}})), "expected int; got '2'"),
        (render(counted(lambda _: {"parameters": -1})), "-1 is no count"),
        (render(counted(lambda _: {"parameters": 10**400})), "is no count"),
        (100_000 * "[", "no JSON"),
    ],
)
def test_what_is_no_baseline_is_refused_in_one_line(text: str, why: str) -> None:
    """It names the file, what is wrong, and what writes a new one."""
    with pytest.raises(UnreadableError) as caught:
        parse(text, "howdeep-baseline.json")
    message = str(caught.value)
    assert message.startswith("howdeep-baseline.json: ")
    assert why in message
    assert "`howdeep check --accept`" in message
    assert "\n" not in message
