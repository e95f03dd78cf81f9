"""The command `validate`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_cli.summaries import require_summaries, write_summaries

FAILED = 3
COMPARISON = "Comparison"


def validate(
    defended: options.Deployed,
    reference: Annotated[
        Path, typer.Option(help="The undefended model that it was made from, in any format that export opens.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="A bundle with real rows: an .npz file, or a folder of .npy files. The default is made-up rows.",
            rich_help_panel=COMPARISON,
        ),
    ] = None,
    atol: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="How far a logit may differ from the reference's. The default is 0.0001, and 0.05 with --tf32. A "
            "float16 model needs a larger value.",
            rich_help_panel=COMPARISON,
        ),
    ] = None,
    rtol: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="How much farther it may differ for each unit of its size. The default is 0.00001, and 0.001 with "
            "--tf32.",
            rich_help_panel=COMPARISON,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Count a warning as a failure.", rich_help_panel=COMPARISON)
    ] = False,
    key_file: options.KeyFile = None,
    defence: options.OtherDefence = None,
    parameter: options.Parameters = None,
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
    tf32: options.TF32 = False,
    operators: options.Operators = False,
    html: options.Html = None,
    junit: options.JUnit = None,
    model_card: options.ModelCard = None,
    ml_bom: options.MlBom = None,
) -> None:
    """Check that a defended model equals its reference, that its noise is alive, and that nothing leaks.

    The model is checked against the defence that it states, unless another one is given.
    Exit status 3 means that a check failed.
    """
    given = options.parameters(parameter, sigma0, base_variance, lambda_, temperature)
    options.check_writable(json, html, junit, model_card, ml_bom, read=(defended, reference, data, key_file, example))

    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.junit import write_junit
    from dynanoise_export.reports.summaries.validate_summary import validate_summary
    from dynanoise_export.reports.validate_document import validate_document
    from dynanoise_export.reports.validate_terminal import print_validation
    from dynanoise_export.validation.validating import validate as run_checks

    if html is not None:
        from dynanoise_export.reports.html.rendering import require_report
        from dynanoise_export.reports.html.validate_page import write_validate_html

        require_report()
    require_summaries(model_card, ml_bom)
    with progress_bar() as progress:
        validation = run_checks(
            defended,
            reference,
            data=data,
            defence=options.other_defence(defended, defence, given),
            atol=atol,
            rtol=rtol,
            source_options=options.source_options(logits, arch, example, inputs, allow_pickle),
            strict=strict,
            key_file=key_file,
            provider=provider,
            tf32=tf32,
            operators=operators,
            progress=progress,
        )
    print_validation(validation, console_beside(json))
    if json is not None:
        write_document(validate_document(validation), json)
    if html is not None:
        write_validate_html(validation, html)
    if junit is not None:
        write_junit(validation, junit)
    write_summaries(validate_summary(validation), model_card, ml_bom)
    if not validation.passed:
        raise typer.Exit(FAILED)
