"""The report as one self-contained HTML page: it loads nothing, from nowhere.

Vega, Vega-Lite and vega-embed stand in it once, the charts as JSON beside their tables. Names come
from other people's files: Jinja2 escapes them, the page's script only ever sets text, and a content
security policy lets no request leave and no script run but the page's own two.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .answer import answer
from .block import Block
from .blocks import circumstances, cost_block, verdict_block
from .charts.figure import Figure, Missing, Section
from .charts.sections import SECTIONS
from .charts.style import CONFIG
from .efficiency_block import efficiency_block
from .findings import Findings
from .held_words import held_lines
from .labels import shortened
from .limits_block import limits_blocks
from .reproduce import reproduction
from .slider import sliders
from .words import title

TEMPLATES = Path(__file__).with_name("templates")

# In a script JSON would end it with `</script>`, and these two end a line of JavaScript.
ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


class Group(NamedTuple):
    """Neighbours under one heading, which may be empty."""

    heading: str
    parts: tuple[Figure | Missing, ...]


class Drawn(NamedTuple):
    """A section with its figures."""

    section: Section
    groups: tuple[Group, ...]


def page(findings: Findings, sources: Sequence[str]) -> str:
    """The page; sources: the files that were read, as they were named."""
    drawn = [_drawn(section, findings) for section in SECTIONS]
    looked_up = sliders(findings.verdicts)
    stops = [limits_blocks(each) for each in findings.limits]
    script = Markup(_text("page.js"))
    template = _environment().get_template("page.html.j2")
    return template.render(
        answers=[answer(each, findings.limits) for each in findings.verdicts],
        sources=sources,
        sliders=looked_up,
        drawn=drawn,
        verdicts=[verdict_block(each) for each in findings.verdicts],
        stops=[block for block, *_ in stops],
        remedies=[block for _, *more in stops for block in more],
        tables=_tables(findings),
        held=[(title(each), held_lines(each.held)) for each in findings.verdicts if each.held],
        circumstances=circumstances(findings),
        reproductions=[reproduction(each) for each in findings.environments],
        no_answer=findings.no_answer,
        policy=_policy(_bundle(), script),
        style=Markup(_text("page.css")),
        bundle=Markup(_bundle()),
        script=script,
        data=script_json({"charts": _specs(drawn), "config": CONFIG, "sliders": looked_up}),
    )


def script_json(value: Any) -> Markup:
    """The value as JSON that no HTML parser can leave before its end.

    Raises:
        ValueError: it holds a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(ESCAPED))


def _drawn(section: Section, findings: Findings) -> Drawn:
    groups = groupby(section.draw(findings), key=lambda part: part.group)
    return Drawn(section, tuple(Group(heading, tuple(parts)) for heading, parts in groups))


def _specs(drawn: Sequence[Drawn]) -> dict[str, Any]:
    parts = [part for each in drawn for group in each.groups for part in group.parts]
    return {part.key: part.spec for part in parts if isinstance(part, Figure)}


def _tables(findings: Findings) -> list[Block]:
    return [
        *map(cost_block, findings.costs),
        *map(efficiency_block, findings.efficiency),
    ]


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"line": shortened, "sentence": _sentence}
    return made


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script, from vl-convert: no network is needed."""
    script = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    return script.replace("</script", "<\\/script")


def _policy(*scripts: str) -> str:
    """Nothing is fetched, and no script runs but these; Vega makes functions of its expressions."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    sources = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)
    return (
        f"default-src 'none'; script-src {sources} 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
