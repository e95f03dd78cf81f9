"""The command `sweep`."""

from typing import Annotated

import typer

from dynanoise_cli import options, plain_options
from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_export.defences.catalogue import DEFAULT
from dynanoise_export.errors import UsageError

SWEEP = "Sweep"


def sweep(
    plain: plain_options.Plain,
    data: plain_options.Data,
    shadows: plain_options.Shadows = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=VALUE,VALUE…]",
            help="A parameter that changes, alone for its usual range or with its values, as in temperature=1,5,10. "
            "Give it once for each. The default is all parameters that tune looks for.",
            rich_help_panel=SWEEP,
        ),
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(help="The number of values in a usual range. The default is 13.", rich_help_panel=SWEEP),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            help="How many answers the strongest attacker averages. The default is 64.", rich_help_panel=SWEEP
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            help="How many values are measured at the same time; -1 for one on each core.", rich_help_panel=SWEEP
        ),
    ] = -1,
    defence: options.NewDefence = DEFAULT,
    parameter: options.Parameters = None,
    sigma0: options.Sigma0 = None,
    base_variance: options.BaseVariance = None,
    lambda_: options.Lambda = None,
    temperature: options.Temperature = None,
    keep_label: Annotated[
        bool,
        typer.Option("--keep-label", help="Let answers keep the undefended label.", rich_help_panel=options.DEFENCE),
    ] = False,
    logits: options.Logits = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
    provider: options.RunsOn = None,
    tf32: options.TF32 = False,
    json: options.Json = None,
    html: options.Html = None,
) -> None:
    """Measure accuracy and attacks while one parameter of a defence changes at a time: the papers' figures 3 to 5.

    Attacks are cheap ones on the model's logits. tune finds a setting, and attack shows what chosen queries add.
    """
    given = options.parameters(parameter, sigma0, base_variance, lambda_, temperature)
    options.check_writable(json, html, read=(plain, data, example))

    from dynanoise_export.attacks.budgets import DEFAULT_BUDGET
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.sweep_document import sweep_document
    from dynanoise_export.reports.sweep_terminal import print_sweep
    from dynanoise_export.tuning.sweeping import DEFAULT_POINTS
    from dynanoise_export.tuning.sweeping import sweep as measure

    if html is not None:
        from dynanoise_export.reports.html.rendering import require_report
        from dynanoise_export.reports.html.sweep_page import write_sweep_html

        require_report()
    with progress_bar() as progress:
        report = measure(
            plain,
            data,
            shadows=shadows,
            defence=defence,
            parameters=given,
            keep_label=keep_label,
            vary=None if vary is None else dict(_varied(text) for text in vary),
            points=DEFAULT_POINTS if points is None else points,
            budget=DEFAULT_BUDGET if budget is None else budget,
            jobs=jobs,
            source_options=options.source_options(logits, arch, example, inputs, allow_pickle),
            provider=provider,
            tf32=tf32,
            progress=progress,
        )
    print_sweep(report, console_beside(json))
    if json is not None:
        write_document(sweep_document(report), json)
    if html is not None:
        write_sweep_html(report, html)


def _varied(text: str) -> tuple[str, list[float]]:
    name, equals, values = text.partition("=")
    try:
        return name, [float(value) for value in values.split(",")] if equals else []
    except ValueError as error:
        raise UsageError(f"--vary {text} is not NAME or NAME=VALUE,VALUE, as in temperature=1,5,10.") from error
