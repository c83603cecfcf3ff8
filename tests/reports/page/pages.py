"""Pages to look at: written to disk from small studies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.findings import Findings, find
from reports.page import page
from reports.study import read
from tests.reports import experiments, studies

HOSTILE = {
    "script": "</script><img src=x onerror=alert(1)>",
    "comment": "<!--<script>alert(2)",
    "template": "{{ 7 * 7 }} ${alert(3)} datum['x'] signal",
    "direction": "abc\u202egnp.exe\u2066 \u05d0\u05d1\u05d2",
    "long": "x" * 9_990 + ":knob=value",
    "quotes": "\" onmouseover='alert(4)' `",
}


def everything() -> dict[str, Any]:
    """The default study in small, with energy, a roofline and evidence on limits."""
    study = studies.default_study()
    for benchmark in study["benchmarks"]:
        depth = benchmark["params"]["depth"]
        benchmark["extra_info"] |= {
            "energy_joules": 1e-3 * depth, "flops_per_byte": 2.0 + depth, "mfu": 0.2,
            "compute_share": 0.2, "memory_share": 0.4, "launch_share": 0.1, "bound": "memory",
        }  # fmt: skip
    return study | {"howdeep": study["howdeep"] | {"limits": limits_rows()}}


def limits_rows(family: str = "mlp", task: str = "mnist1d") -> list[dict[str, Any]]:
    """Evidence with something for every panel."""
    rows = experiments.evidence(
        fit=experiments.UNFIT,
        held=experiments.UNFIT_HELD,
        remedies=[
            experiments.residual(0.99),
            experiments.tuned(0.81),
            experiments.momentum(0.7, change="optimizer=momentum, learning_rate=0.1"),
        ],
        sizes={32: {1250: 0.5, 2500: 0.6, 5000: 0.7}},
    )
    rows += [
        experiments.probe("gradient_rms", 10.0 ** -(place + depth / 8), at=f"layers.{place}")
        | {"depth": depth}
        for depth in (8, 16, 32)
        for place in range(depth // 4)
    ]
    rows += [
        experiments.probe("slice_loss", 0.1 + (x / 5) ** 2, limit="optimization", at=f"{x / 5:.3g}")
        for x in range(-5, 6)
    ]
    return [row | {"family": family, "task": task} for row in rows]


def hostile() -> dict[str, Any]:
    """Names, machines, warnings and reasons that try to be more than text."""
    measured, trained, evidence = [], [], []
    for place, name in enumerate(HOSTILE.values()):
        measured += studies.costs(name, warnings=[name])
        means = {depth: accuracy - 0.01 * place for depth, accuracy in studies.PLAIN.items()}
        trained += studies.runs(name, means, task=HOSTILE["script"])
    evidence = limits_rows(HOSTILE["script"], HOSTILE["direction"])
    lost = studies.run(HOSTILE["quotes"], 64, 0, None, status="error", reason=HOSTILE["script"])
    machine = studies.ENVIRONMENT | {"cpu_model": HOSTILE["script"], "command": HOSTILE["script"]}
    return studies.document(
        measured, [*trained, lost], environment={"before": machine}, limits=evidence
    )


def findings(folder: Path, study: Mapping[str, Any]) -> Findings:
    """What is found in a study."""
    path = folder / "study.json"
    path.write_text(json.dumps(study))
    return find(read([path]))


def written(
    folder: Path, study: Mapping[str, Any], sources: Sequence[str] = ("study.json",)
) -> Path:
    """The page of a study as a file."""
    path = folder / "page.html"
    path.write_text(page(findings(folder, study), sources), encoding="utf-8")
    return path
