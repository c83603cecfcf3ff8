"""The frame of a page: one self-contained HTML file that loads nothing, from nowhere.

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

from .charts.figure import Figure, Missing, Section, Told
from .charts.style import CONFIG
from .labels import shortened

TEMPLATES = Path(__file__).with_name("templates")

# In a script JSON would end it with `</script>`, and these two end a line of JavaScript.
ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


class Group(NamedTuple):
    """Neighbours under one heading, which may be empty."""

    heading: str
    parts: tuple[Figure | Missing, ...]


class Drawn(NamedTuple):
    """A section with its figures."""

    key: str
    heading: str
    intro: str
    groups: tuple[Group, ...]


def drawn(section: Section[Told], told: Told) -> Drawn:
    """The section's figures of what is told, neighbours of one group together."""
    groups = groupby(section.draw(told), key=lambda part: part.group)
    found = tuple(Group(heading, tuple(parts)) for heading, parts in groups)
    return Drawn(section.key, section.heading, section.intro, found)


def rendered(
    template: str, sections: Sequence[Drawn], *, data: dict[str, Any] | None = None, **given: Any
) -> str:
    """The page; data: what its script reads beside the charts; given: what its template names."""
    script = Markup(_text("page.js"))
    return (
        _environment()
        .get_template(template)
        .render(
            drawn=sections,
            policy=_policy(_bundle(), script),
            style=Markup(_text("page.css")),
            bundle=Markup(_bundle()),
            script=script,
            data=script_json({"charts": _specs(sections), "config": CONFIG, **(data or {})}),
            **given,
        )
    )


def script_json(value: Any) -> Markup:
    """The value as JSON that no HTML parser can leave before its end.

    Raises:
        ValueError: it holds a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(ESCAPED))


def _specs(sections: Sequence[Drawn]) -> dict[str, Any]:
    parts = [part for each in sections for group in each.groups for part in group.parts]
    return {part.key: part.spec for part in parts if isinstance(part, Figure)}


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
