"""How `howdeep runs` shows records: as tables, and as what JSON can hold."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from reports.kept import Contents, Kept, Selection, Study

PLURALS = {
    "run": "runs",
    "trial": "trials",
    "tuning": "tunings",
    "cell": "cells",
    "limits": "limits",
}

# Of a key, characters that nearly always tell it from all others of a store.
KEY_LETTERS = 8

_LISTED = (
    "family", "depth", "task", "seed", "pass", "status", "train_accuracy", "validation_accuracy",
    "test_accuracy", "epochs", "train_for", "match", "width", "learning_rate", "treatments",
)  # fmt: skip
_PERCENTAGES = {
    "train_accuracy": "train %",
    "validation_accuracy": "valid. %",
    "test_accuracy": "test %",
}
_MINUTES = len("2026-01-31 23:59")


def as_list(contents: Contents, asked: Selection, found: Sequence[Kept]) -> dict[str, Any]:
    """Studies and records for programs."""
    counts = _counts(contents)
    studies = [
        {
            "number": study.number,
            "started": study.started,
            "machine": machine_words(study) or None,
            **{plural: counts[study.number, kind] for kind, plural in PLURALS.items()},
        }
        for study in _studies(contents, asked)
    ]
    return {"studies": studies, "records": [as_listed(record) for record in found]}


def as_listed(record: Kept) -> dict[str, Any]:
    """The fields of a record that a list shows."""
    fields = {name: record.get(name) for name in _LISTED}
    place = {"key": record.key, "kind": record.kind, "study": record.study}
    return {**place, **fields, "reason": record.get("reason"), "kept_at": record.kept_at}


def as_record(copies: Sequence[Kept]) -> dict[str, Any]:
    """All that is known of one record, of which studies may hold copies."""
    newest = copies[-1]
    return {
        "key": newest.key,
        "kind": newest.kind,
        "studies": [copy.study for copy in copies],
        "kept_at": newest.kept_at,
        "record": newest.row,
        "determined_by": newest.basis,
    }


def list_text(store: str, contents: Contents, asked: Selection, found: Sequence[Kept]) -> str:
    """The studies of a store and the records found, as two tables."""
    counts = _counts(contents)
    studies = _table(_STUDY_COLUMNS, [(study, counts) for study in _studies(contents, asked)])
    if not found:
        there = "is what was asked for" if contents.records else "is kept yet"
        return f"{studies}\n\nnothing in {store} {there}".lstrip()
    return f"{studies}\n\n{records_text(found)}"


def records_text(found: Sequence[Kept]) -> str:
    """One line a record; columns that are empty are left out."""
    kinds = {record.kind for record in found}
    columns = {name: _COLUMNS[name] for name in _COLUMNS if name != "kind" or len(kinds) > 1}
    return _table(columns, found)


def record_text(copies: Sequence[Kept]) -> str:
    """A line a field; what is unknown is left out, as is of what determined the record what the
    record says itself."""
    known = as_record(copies)
    result = _flat(known.pop("record"))
    basis = {
        name: value
        for name, value in _flat(known.pop("determined_by") or {}).items()
        if name != "kind" and result.get(name.removeprefix("training.")) != value
    }
    known["studies"] = ", ".join(map(str, known["studies"]))
    parts = [_fields("", known), _fields("record", result), _fields("determined by", basis)]
    return "\n\n".join(part for part in parts if part)


def _fields(heading: str, values: Mapping[str, Any]) -> str:
    lines = [(name, _shown(value)) for name, value in values.items() if value not in (None, [])]
    table = str(tabulate(lines, tablefmt="plain", disable_numparse=True)) if lines else ""
    return f"{heading}:\n{table}" if heading and table else table


def _flat(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Objects in objects as one, with a point in the names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{within}{name}.")
        else:
            flat[f"{within}{name}"] = value
    return flat


def _studies(contents: Contents, asked: Selection) -> list[Study]:
    return [s for s in contents.studies if not asked.studies or s.number in asked.studies]


def machine_words(study: Study) -> str:
    """Processor, cores and the version of PyTorch, as far as they are known."""
    known = study.environment
    cores = f"{known['cores']} cores" if known.get("cores") else None
    torch = f"torch {known['torch']}" if known.get("torch") else None
    return ", ".join(str(part) for part in (known.get("cpu_model"), cores, torch) if part)


Counts = Mapping[tuple[int, str], int]


def _counts(contents: Contents) -> Counts:
    """How many records a study has of a kind."""
    return Counter((record.study, record.kind) for record in contents.records)


Columns = Mapping[str, Callable[[Any], Any]]


def _count(kind: str) -> Callable[[tuple[Study, Counts]], int | None]:
    return lambda row: row[1][row[0].number, kind] or None


_STUDY_COLUMNS: Columns = {
    "study": lambda row: row[0].number,
    "started (UTC)": lambda row: row[0].started,
    "machine": lambda row: machine_words(row[0]),
    **{plural: _count(kind) for kind, plural in PLURALS.items()},
}


def _field(name: str) -> Callable[[Kept], Any]:
    return lambda record: record.get(name)


def _percent(name: str) -> Callable[[Kept], Any]:
    def words(record: Kept) -> str | None:
        value = record.get(name)
        return None if value is None else f"{100 * value:.1f}"

    return words


_COLUMNS: Columns = {
    "key": lambda record: record.key[:KEY_LETTERS],
    "study": lambda record: record.study,
    "kind": lambda record: record.kind,
    **{_PERCENTAGES.get(n, n): _percent(n) if n in _PERCENTAGES else _field(n) for n in _LISTED},
    "kept (UTC)": lambda record: (record.kept_at or "")[:_MINUTES],
}


def _table(columns: Columns, rows: Sequence[Any]) -> str:
    """A table for a terminal of those columns that say something."""
    filled = {name: [_shown(text(row)) for row in rows] for name, text in columns.items()}
    filled = {name: values for name, values in filled.items() if any(values)}
    return str(tabulate(filled, headers="keys", tablefmt="simple", disable_numparse=True))


def _shown(value: Any) -> str:
    """The value on one line, without characters that would steer a terminal."""
    if value is None:
        return ""
    if isinstance(value, list):
        text = ", ".join(map(_shown, value))
    elif isinstance(value, float):
        text = f"{value:g}"
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
