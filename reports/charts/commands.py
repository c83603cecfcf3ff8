"""The command that measures what a panel lacks, for the networks of these findings."""

import shlex

from ..evidence import Evidence
from ..findings import Findings
from ..labels import LONGEST, shortened, visible

OUTPUT = "--benchmark-json results/limits.json"


def limits_command(findings: Findings) -> str:
    """`pytest bench -m limits` for the first network and its deepest depth, as an example."""
    if not findings.verdicts:
        return f"pytest bench -m limits --family resnet --depths 16 {OUTPUT}"
    verdict = findings.verdicts[0]
    family = visible(verdict.family)
    named = shlex.quote(family) if len(family) <= LONGEST else "FAMILY"
    depth = max(row.depth for row in verdict.rows)
    return f"pytest bench -m limits --family {named} --depths {depth} {OUTPUT}"


def subject(evidence: Evidence) -> str:
    """`mlp at depth 16 on mnist1d`."""
    return f"{shortened(evidence.family)} at depth {evidence.depth} on {shortened(evidence.task)}"
