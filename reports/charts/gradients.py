"""Limit: gradients. Their size at initialisation, layer by layer and depth by depth."""

import math
from collections.abc import Iterator
from typing import Any

import altair as alt

from ..evidence import Evidence, LayerGradient
from ..findings import Findings
from .commands import limits_command, subject
from .figure import Figure, Missing
from .style import chart, shown, spec, tips

GROUP = "Gradients: rms of ∂L/∂h at initialisation, by layer and depth"


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One heat map a network."""
    found = [each for each in findings.evidence if each.gradients]
    for place, each in enumerate(found, 1):
        yield _figure(f"gradients-{place}", each)
    if not found:
        yield Missing(GROUP, "No layer was looked into.", limits_command(findings))


def _figure(key: str, evidence: Evidence) -> Figure:
    return Figure(
        key=key,
        group=GROUP,
        title=subject(evidence),
        words=_words(evidence),
        spec=_spec(evidence),
        header=("depth", "layer", "name", "rms of the gradient"),
        rows=tuple(
            (str(e.depth), str(e.place), e.layer, shown(e.rms, ".3g")) for e in evidence.gradients
        ),
    )


def _spec(evidence: Evidence) -> dict[str, Any]:
    cells = [_cell(each) for each in evidence.gradients]
    depths = sorted({each["depth"] for each in cells})
    base = chart("cells").encode(
        x=alt.X("place:O", title="layer, from the input", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("depth:O", title="depth", sort=depths),
    )
    colour = alt.Color(
        "value:Q",
        scale=alt.Scale(scheme="viridis"),
        legend=alt.Legend(title="log10 of the rms", gradientLength=160, gradientThickness=10),
    )
    shown_of = tips("depth:N", "place:N", "layer:N", "rms:Q")
    return spec(base.mark_rect().encode(color=colour, tooltip=shown_of), cells=cells)


def _cell(each: LayerGradient) -> dict[str, Any]:
    value = math.log10(each.rms) if each.rms else None
    return {
        "depth": each.depth, "place": each.place, "layer": each.layer[-60:],
        "rms": each.rms, "value": value,
    }  # fmt: skip


def _words(evidence: Evidence) -> str:
    layers = [each for each in evidence.gradients if each.depth == evidence.depth]
    about = f"Heat map of the gradient's rms at initialisation, {subject(evidence)}"
    if len(layers) < 2:
        return f"{about}."
    first, last = layers[0], layers[-1]
    ends = f"{shown(first.rms, '.2g') or 'not finite'} at the first layer and "
    return f"{about}: at that depth {ends}{shown(last.rms, '.2g') or 'not finite'} at the last."
