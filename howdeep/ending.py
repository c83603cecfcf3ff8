"""How every command ends: the exit codes of all, and the one line of an error."""

from typing import NoReturn

import typer

NOTHING_FITS = 1
BAD_INPUT = 2
CANNOT_TELL = 3
STOPPED = 130

# Characters; what PyTorch raises can be a page.
LONGEST_MESSAGE = 400


def fail(command: str, message: str, *, code: int = BAD_INPUT) -> NoReturn:
    """End with one line on standard error, which names from files cannot steer a terminal by."""
    line = "".join(letter for letter in " ".join(message.split()) if letter.isprintable())
    typer.echo(f"howdeep {command}: {line[:LONGEST_MESSAGE]}", err=True)
    raise typer.Exit(code)
