"""`howdeep runs`: what is kept of earlier trainings, and looking after it.

Reading is `reports`' and removing `bench`'s; neither needs PyTorch here, nor pandas.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import fail
from .output import write
from .training_options import Json

if TYPE_CHECKING:
    from reports.kept import Contents, Kept, Selection

DEFAULT_STORE = Path("results/howdeep.sqlite")

runs = typer.Typer(
    name="runs",
    help="List, show, export or prune what is kept of earlier trainings.",
    no_args_is_help=True,
)

Store = Annotated[Path, typer.Option(help="The file in which they are kept.", metavar="FILE")]


def _filter(words: str, metavar: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        help=f"{words} Repeatable.", metavar=metavar, show_default=False
    )
    return option


Families = Annotated[list[str] | None, _filter("Only of that family, as listed.", "SPEC")]
Tasks = Annotated[list[str] | None, _filter("Only on that task, as listed.", "SPEC")]
Depths = Annotated[list[str] | None, _filter("Only of that depth: 8 or 8,16.", "DEPTH")]
Statuses = Annotated[
    list[str] | None,
    _filter("ok, diverged, oom, timeout, error, skipped; failed: the last four.", "STATUS"),
]
Studies = Annotated[list[str] | None, _filter("Only of the study of that number.", "NUMBER")]
Kinds = Annotated[
    list[str] | None,
    _filter(
        "run (of a study), trial (of howdeep limits), tuning (of --lr tune), cell or limits.",
        "KIND",
    ),
]


@runs.command("list")
def list_(
    store: Store = DEFAULT_STORE,
    family: Families = None,
    task: Tasks = None,
    depth: Depths = None,
    status: Statuses = None,
    study: Studies = None,
    kind: Kinds = None,
    json_: Json = False,
) -> None:
    """List the studies of a store, and its trainings: runs, trials and tunings, unless --kind says
    more."""
    with _one_line_errors("list"):
        asked = _selection(family, task, depth, status, study, kind)
        contents = _read(store)
        found = _chosen(asked, contents)
    from .runs_table import as_list, list_text

    if json_:
        typer.echo(_json_text(as_list(contents, asked, found)), nl=False)
    else:
        typer.echo(list_text(str(store), contents, asked, found))


@runs.command()
def show(
    key: Annotated[str, typer.Argument(help="Its key, or enough of the beginning.")],
    store: Store = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Show everything that is known of one record, and what determined it."""
    with _one_line_errors("show"):
        from reports.kept import by_prefix

        copies = by_prefix(_read(store).records, key)
    from .runs_table import as_record, record_text

    if json_:
        typer.echo(_json_text(as_record(copies)), nl=False)
    else:
        typer.echo(record_text(copies))


@runs.command()
def export(
    file: Annotated[
        Path | None,
        typer.Argument(help="Ends in .csv or .json; default: CSV to standard output."),
    ] = None,
    store: Store = DEFAULT_STORE,
    family: Families = None,
    task: Tasks = None,
    depth: Depths = None,
    status: Statuses = None,
    study: Studies = None,
    kind: Kinds = None,
    json_: Json = False,
) -> None:
    """Write runs as a CSV table, which `howdeep report` reads, or as JSON with all that is known.

    Without --kind: the runs of studies, not trials and tunings.
    """
    with _one_line_errors("export"):
        as_json = _wants_json(file, json_)
        asked = _selection(family, task, depth, status, study, kind or ["run"])
        found = _chosen(asked, _read(store))
        text = _exported(found, as_json=as_json)
        if file is not None:
            write(text, file)
    _warn_of_mixed(found, as_json=as_json)
    if file is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"{file}: {_counted(found)}")


@runs.command()
def prune(
    store: Store = DEFAULT_STORE,
    family: Families = None,
    task: Tasks = None,
    depth: Depths = None,
    status: Statuses = None,
    study: Studies = None,
    kind: Kinds = None,
    older_than: Annotated[
        str | None,
        typer.Option(help="Only what was kept longer ago: 12h, 30d.", metavar="TIME"),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; else only say what would go.")
    ] = False,
    json_: Json = False,
) -> None:
    """Remove what the options say: records of every kind for which all of them hold."""
    with _one_line_errors("prune"):
        asked = _selection(family, task, depth, status, study, kind, older_than)
        found = asked.of(_checked(asked, store).records)
        if yes and found:
            _remove(store, asked, found)
    from .runs_table import as_listed, records_text

    if json_:
        listed = [as_listed(record) for record in found]
        typer.echo(_json_text({"removed": yes, "records": listed}), nl=False)
    elif not found:
        typer.echo(f"nothing in {store} is what was asked for: nothing to remove")
    elif yes:
        typer.echo(f"removed from {store}: {_counted(found)}")
    else:
        typer.echo(records_text(found))
        typer.echo(f"\nwould be removed from {store}: {_counted(found)}; --yes removes them")


@contextlib.contextmanager
def _one_line_errors(command: str) -> Iterator[None]:
    """Bad input ends the command with one line on standard error and exit code 2."""
    from bench.specs import InputError
    from reports.errors import InputError as ReportError

    try:
        yield
    except (InputError, ReportError, OSError) as error:
        fail(f"runs {command}", str(error))


def _read(store: Path) -> Contents:
    from reports.kept import read_kept

    return read_kept(store)


def _selection(
    families: list[str] | None,
    tasks: list[str] | None,
    depths: list[str] | None,
    statuses: list[str] | None,
    studies: list[str] | None,
    kinds: list[str] | None,
    older_than: str | None = None,
) -> Selection:
    from reports.kept import Selection

    return Selection(
        families=families or (),
        tasks=tasks or (),
        depths=_whole_numbers("--depth", depths or []),
        statuses=statuses or (),
        studies=_whole_numbers("--study", studies or []),
        kinds=kinds or (),
        before=None if older_than is None else _ago(older_than),
    )


def _whole_numbers(flag: str, texts: Sequence[str]) -> list[int]:
    from reports.errors import InputError

    parts = [part.strip() for text in texts for part in text.split(",")]
    for part in parts:
        if not part.isdecimal():
            raise InputError(f"{flag} takes whole numbers; got {part!r}")
    return [int(part) for part in parts]


def _ago(text: str) -> str:
    """The moment (UTC) that long ago, as a store writes it."""
    from reports.errors import InputError
    from reports.quantity import parse_quantity

    try:
        moment = datetime.now(UTC) - timedelta(seconds=parse_quantity(text, "seconds"))
    except (InputError, OverflowError) as error:
        raise InputError(f"--older-than: {error}") from None
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _chosen(asked: Selection, contents: Contents) -> list[Kept]:
    """One record a key, the shallow before the deep; trainings, unless kinds are asked for."""
    from reports.kept import TRAININGS, in_order, newest_of_each

    found = in_order(newest_of_each(asked.of(contents.records)))
    return [record for record in found if asked.kinds or record.kind in TRAININGS]


def _wants_json(file: Path | None, json_: bool) -> bool:
    from reports.errors import InputError

    if file is None:
        return json_
    kind = file.suffix.lower()
    if kind not in (".csv", ".json") or (json_ and kind == ".csv"):
        raise InputError(f"a file that ends in .csv or .json was expected; got {str(file)!r}")
    return kind == ".json"


def _exported(found: Sequence[Kept], *, as_json: bool) -> str:
    from reports.kept_csv import kept_csv

    from .runs_table import as_record

    if as_json:
        return _json_text({"records": [as_record([each]) for each in found]})
    return kept_csv(found)


def _json_text(value: object) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _warn_of_mixed(found: Sequence[Kept], *, as_json: bool) -> None:
    from reports.kept_csv import mixed

    differing = [] if as_json else mixed(found)
    if differing:
        typer.echo(
            f"howdeep runs export: runs of one depth differ in {', '.join(differing)}, and a "
            "report would take them for seeds: choose some, as with --study",
            err=True,
        )


def _counted(found: Sequence[Kept]) -> str:
    """`8 runs, 12 cells`."""
    from .runs_table import PLURALS

    kinds = [record.kind for record in found]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    words = [f"{n} {kind if n == 1 else PLURALS.get(kind, kind)}" for kind, n in counts.items()]
    return ", ".join(words) or "no run"


def _checked(asked: Selection, store: Path) -> Contents:
    """The store's contents, unless everything in it is asked for."""
    from reports.errors import InputError

    if asked.everything:
        raise InputError(
            "say what to remove: --family, --task, --depth, --status, --study, --kind or "
            "--older-than"
        )
    return _read(store)


def _remove(store: Path, asked: Selection, found: Sequence[Kept]) -> None:
    from bench.train.prune import prune

    prune(store, [(record.study, record.key) for record in found], studies=asked.studies)
