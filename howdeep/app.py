"""The command's entry: its subcommands, and how errors of the input are told.

Subcommands import what they need when they run, so that `howdeep --help` answers at once.
"""

import sys

import typer

from .check import check
from .compare import compare
from .history import history
from .limits import limits
from .plan import plan
from .report import report
from .runs import runs
from .search import search

app = typer.Typer(
    name="howdeep",
    help="How deep should this network be, and what stops it going deeper?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(plan)
app.command()(search)
app.command()(limits)
app.command()(report)
app.command()(compare)
app.command()(check)
app.command()(history)
app.add_typer(runs)


def main() -> None:
    """Run the command. A broken pipe (`howdeep report … | head`) is not an error."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
