"""A history as headings, tables and sentences, for the terminal and Markdown."""

from collections.abc import Sequence

from ..block import Block, Column, header_and_rows
from ..labels import shortened
from .change_points import LEAST_SIDE
from .history import FALSE_ALARMS, History, Series, Told
from .history_files import Dated, Place

_COMMIT = 10
"""Letters of a commit that are shown."""


def history_blocks(history: History) -> tuple[Block, ...]:
    """What changed, the newest first; then what was looked at."""
    first, last = (f"{history.studies[end].when:%Y-%m-%d}" for end in (0, -1))
    heading = f"History: {len(history.studies)} studies, {first} to {last}"
    items = tuple(sentence(history, each) for each in history.told)
    none = () if items else (_none(history),)
    return (Block(heading, paragraphs=none, items=items), _looked_at(history), *_notes(history))


def sentence(history: History, told: Told) -> str:
    """`mlp step time: +8% at all 4 depths from commit abc123 (2026-01-02), 7 studies ago`."""
    study = history.studies[told.study]
    where = f"{name(told.place)}{_elsewhere(history, told.place)}"
    return (
        f"{where}: {_sizes(told)}{_depths(told)} from {_commit(study)} ({study.when:%Y-%m-%d}), "
        f"{_ago(told.studies_ago)}; last before: {_commit(history.studies[told.last_before])}"
    )


def name(place: Place) -> str:
    """Family, task, pass and metric."""
    parts = (shortened(place.family), place.task, place.pass_, place.metric)
    return " ".join(part for part in parts if part)


def size_words(metric: str, size: float) -> str:
    """`+8.0%`; of an accuracy `+1.2 points`."""
    return f"{100 * size:+.1f} points" if metric == "accuracy" else f"{100 * size:+.3g}%"


def commit_words(study: Dated) -> str | None:
    """The first letters of its commit, and whether there were changes on top."""
    if study.commit is None:
        return None
    return study.commit[:_COMMIT] + "-dirty" * study.commit.endswith("-dirty")


def _commit(study: Dated) -> str:
    known = commit_words(study)
    return f"commit {known}" if known else study.source


def _sizes(told: Told) -> str:
    if not told.sizes:
        return "another value"
    ends = [size_words(told.place.metric, each) for each in (min(told.sizes), max(told.sizes))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _depths(told: Told) -> str:
    known = [str(depth) for depth in told.depths if depth is not None]
    if not known:
        return ""
    if len(known) == told.of_depths > 1:
        return f" at all {told.of_depths} depths"
    return f" at depth {', '.join(known)}" + (f" of {told.of_depths}" if told.of_depths > 1 else "")


def _ago(studies: int) -> str:
    if not studies:
        return "the newest study"
    return f"{studies} {'study' if studies == 1 else 'studies'} ago"


def _elsewhere(history: History, place: Place) -> str:
    """Machine and setting, where there are series of the same name with others."""
    alike = [each.place for each in history.series if name(each.place) == name(place)]
    told = [
        getattr(place, field)
        for field in ("setting", "machine")
        if len({getattr(each, field) for each in alike}) > 1
    ]
    return f" ({'; '.join(told)})" if told else ""


def _none(history: History) -> str:
    long = sum(each.is_long_enough for each in history.series)
    if not long:
        return "Nothing can be told from noise yet."
    return f"No change in {long} series."


def _looked_at(history: History) -> Block:
    """A row for each machine, and how sure all this is."""
    machines = dict.fromkeys(each.place.machine for each in history.series)
    rows = [(each, [s for s in history.series if s.place.machine == each]) for each in machines]
    header, lines = header_and_rows(_COLUMNS, rows)
    caption = (
        f"At most {FALSE_ALARMS:.0%} of histories without a change show one, over all series "
        f"together. A change is found where at least {LEAST_SIDE} studies lie on each side; counts "
        "change at once."
    )
    return Block("Looked at", header, lines, captions=(caption,))


_COLUMNS = (
    Column("machine", lambda row: shortened(row[0], 60)),
    Column("series", lambda row: str(len(row[1]))),
    Column("studies", lambda row: str(_studies(row[1]))),
    Column("metrics", lambda row: ", ".join(dict.fromkeys(s.place.metric for s in row[1]))),
)


def _studies(series: Sequence[Series]) -> int:
    return len({study for each in series for study in each.studies})


def _notes(history: History) -> tuple[Block, ...]:
    return (Block("Notes", items=history.notes),) if history.notes else ()
