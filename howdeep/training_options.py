"""Options that mean the same in every command that trains."""

from pathlib import Path
from typing import Annotated

import typer

Family = Annotated[
    str,
    typer.Argument(
        help="A built-in such as resnet or mlp, package.module:build or file.py:build, "
        "with :knob=value,…",
        show_default=False,
    ),
]
Task = Annotated[str, typer.Option(help="mnist1d, digits or file.py:load, with :knob=value,…")]
BatchSize = Annotated[str | None, typer.Option(help="Default: 128.")]
Optimizer = Annotated[
    str | None, typer.Option(help="adamw, adam, rmsprop, momentum, sgd or lion; default: adamw.")
]
WeightDecay = Annotated[str | None, typer.Option(help="Default: 0.01.")]
Dtype = Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")]
Threads = Annotated[str | None, typer.Option(help="CPU threads of one training.")]
Markdown = Annotated[Path | None, typer.Option(help="Also write the answer as Markdown.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
