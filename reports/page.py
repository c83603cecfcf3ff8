"""The report as a page: the answer with its budget slider, charts, and all of the numbers."""

from collections.abc import Sequence

from .answer import answer
from .block import Block
from .blocks import circumstances, cost_block, verdict_block
from .charts.sections import SECTIONS
from .efficiency_block import efficiency_block
from .findings import Findings
from .frame import drawn, rendered
from .held_words import held_lines
from .limits_block import limits_blocks
from .reproduce import reproduction
from .slider import sliders
from .words import title


def page(findings: Findings, sources: Sequence[str]) -> str:
    """The page; sources: the files that were read, as they were named."""
    looked_up = sliders(findings.verdicts)
    stops = [limits_blocks(each) for each in findings.limits]
    return rendered(
        "page.html.j2",
        [drawn(section, findings) for section in SECTIONS],
        data={"sliders": looked_up},
        answers=[answer(each, findings.limits) for each in findings.verdicts],
        sources=sources,
        sliders=looked_up,
        verdicts=[verdict_block(each) for each in findings.verdicts],
        stops=[block for block, *_ in stops],
        remedies=[block for _, *more in stops for block in more],
        tables=_tables(findings),
        held=[(title(each), held_lines(each.held)) for each in findings.verdicts if each.held],
        circumstances=circumstances(findings),
        reproductions=[reproduction(each) for each in findings.environments],
        no_answer=findings.no_answer,
    )


def _tables(findings: Findings) -> list[Block]:
    return [
        *map(cost_block, findings.costs),
        *map(efficiency_block, findings.efficiency),
    ]
