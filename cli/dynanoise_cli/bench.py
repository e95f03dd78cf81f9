"""The command `bench`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, counted_progress
from dynanoise_export.files import require_writable
from dynanoise_export.parameters import Provider


def bench(
    defended: options.Deployed,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PLAIN",
            help="The undefended model, in any format that export opens; for a plan another plan, for a URL another. "
            "Unless given, an ONNX file is compared with its own graph, with a softmax where the head is.",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Rows a call, once for each batch size. Unless given: 1, 8, 64 and 256, or the one it takes."
        ),
    ] = None,
    provider: Annotated[
        list[Provider] | None,
        typer.Option(help="What ONNX Runtime runs an ONNX file on, once for each. The CPU unless given."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="How many a CPU may use for one operator. ONNX Runtime's choice unless given."),
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(
            min=10,
            help="How often each model has its turn, 10 ms or one call long. Unless given, 200 times, which tells the "
            "ratio to about 1% on a quiet machine, or as often as fits into 30 seconds, and 10 times at least.",
        ),
    ] = None,
    json: options.Json = None,
    html: Annotated[Path | None, typer.Option(help="Tell it as a page, all in this one file.")] = None,
) -> None:
    """Measure what the defence costs: the defended model and the plain one in turn, each call timed."""
    for path in (json, html):
        if path is not None:
            require_writable(path)

    from dynanoise_export.benchmarking.benchmark import Options
    from dynanoise_export.benchmarking.benchmark import bench as measure
    from dynanoise_export.reports.bench_document import bench_document
    from dynanoise_export.reports.bench_terminal import print_bench
    from dynanoise_export.reports.documents import write_document

    if html is not None:
        from dynanoise_export.reports.html.bench_page import write_bench_html
        from dynanoise_export.reports.html.rendering import require_report

        require_report()
    chosen = Options(batch or (), provider or (), threads, pairs)
    with counted_progress() as (step, progress):
        report = measure(defended, against, chosen, step, lambda done, of: progress(done, of, "pairs"))
    print_bench(report, console_beside(json))
    if json is not None:
        write_document(bench_document(report), json)
    if html is not None:
        write_bench_html(report, html)
