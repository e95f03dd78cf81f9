"""The command `validate`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress
from dynanoise_export.files import require_writable

FAILED = 3
COMPARISON = "The comparison"


def validate(
    defended: options.Deployed,
    reference: Annotated[Path, typer.Option(help="The model that it was made from, in any format that export opens.")],
    data: Annotated[
        Path | None,
        typer.Option(help="A bundle of real rows: an .npz, or a folder of .npy files.", rich_help_panel=COMPARISON),
    ] = None,
    atol: Annotated[
        float,
        typer.Option(min=0, help="How far a logit may stray; a float16 model needs more.", rich_help_panel=COMPARISON),
    ] = 1e-4,
    rtol: Annotated[
        float, typer.Option(min=0, help="How far it may stray for each unit of its size.", rich_help_panel=COMPARISON)
    ] = 1e-5,
    strict: Annotated[bool, typer.Option("--strict", help="Let a warning fail.", rich_help_panel=COMPARISON)] = False,
    key_file: options.KeyFile = None,
    sigma0: options.Sigma0 = None,
    base_variance: options.BaseVariance = None,
    lambda_: options.Lambda = None,
    temperature: options.Temperature = None,
    logits: options.Logits = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
    json: options.Json = None,
    provider: options.RunsOn = None,
    junit: Annotated[Path | None, typer.Option(help="Tell it as JUnit XML in this file.")] = None,
) -> None:
    """Judge a defended model: it equals the reference, its noise is alive, and nothing leaks.

    It is judged by the parameters that it states, unless others are given. Exit status 3 tells that a check failed.
    """
    judged_by = options.given_parameters(sigma0, base_variance, lambda_, temperature)
    for path in (json, junit):
        if path is not None:
            require_writable(path)

    from dynanoise_export.reports.documents import validation_document, write_document
    from dynanoise_export.reports.junit import write_junit
    from dynanoise_export.reports.terminal import print_validation
    from dynanoise_export.validation.parity_checks import Tolerance
    from dynanoise_export.validation.validating import validate as judge

    opening = options.opening(logits, arch, example, inputs, allow_pickle)
    with progress() as step:
        validation = judge(
            defended, reference, data, judged_by, Tolerance(atol, rtol), opening, strict, key_file, step, provider
        )
    print_validation(validation, console_beside(json))
    if json is not None:
        write_document(validation_document(validation), json)
    if junit is not None:
        write_junit(validation, junit)
    if not validation.passed:
        raise typer.Exit(FAILED)
