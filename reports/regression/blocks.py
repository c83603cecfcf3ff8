"""The answer of a check as headings, tables and sentences, for the terminal and Markdown."""

from ..block import Block, Column, header_and_rows, number
from .finding import VERDICTS, Answer, Finding


def check_blocks(answer: Answer) -> tuple[Block, ...]:
    """What was found, the worst first."""
    ranked = sorted(answer.findings, key=lambda each: VERDICTS.index(each.verdict))
    header, rows = header_and_rows(_COLUMNS, ranked)
    return (Block(f"{answer.new} against {answer.base}", header, rows, items=answer.notes),)


_COLUMNS = (
    Column("verdict", lambda each: each.verdict),
    Column("where", lambda each: each.place),
    Column("metric", lambda each: each.metric),
    Column("change %", lambda each: _percent(each)),
)


def _percent(finding: Finding) -> str:
    return number(finding.change, 0.01, "+.2f")
