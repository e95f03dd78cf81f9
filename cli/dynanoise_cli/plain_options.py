"""What `tune` and `sweep` work on: a plain model, rows and shadow models."""

from pathlib import Path
from typing import Annotated

import typer

Plain = Annotated[
    Path,
    typer.Argument(
        help="The plain classifier, in any format that export opens; or an .npy file of its logits for the rows of the "
        "bundle, with which only cheap attacks run."
    ),
]
Data = Annotated[Path, typer.Option(help="A bundle: rows with their labels and their membership.")]
Shadows = Annotated[
    Path | None,
    typer.Option(help="A store of shadow models for the rows of the bundle. Without it attackers are weak."),
]
