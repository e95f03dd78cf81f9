"""The command `bench`."""

from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_export.runtimes.provider import Provider


def bench(
    defended: options.Deployed,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PLAIN",
            help="The undefended model, in any format that export opens; another plan for a plan, another URL for a "
            "URL. By default an ONNX file is compared with its own graph, with a softmax in place of the defence.",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="The rows in a call. Give it once for each batch size. The default is 1, 8, 64 and 256, or the fixed "
            "batch of the model.",
        ),
    ] = None,
    provider: Annotated[
        list[Provider] | None,
        typer.Option(help="What ONNX Runtime runs an ONNX file on. Give it once for each. The default is the CPU."),
    ] = None,
    tf32: options.TF32 = False,
    operators: options.Operators = False,
    cuda_graph: Annotated[
        bool,
        typer.Option(
            "--cuda-graph",
            help="Time the models in CUDA graphs, with --provider cuda. Random noise is dead there, and refused.",
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="The threads that a CPU may use for one operator. ONNX Runtime chooses them by default."
        ),
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(
            min=10,
            help="How many turns each model has, of 10 ms or one call each. The default is 200, which gives the ratio "
            "to about 1% on a quiet machine, or as many as fit into 30 seconds, but at least 10.",
        ),
    ] = None,
    json: options.Json = None,
    html: options.Html = None,
) -> None:
    """Measure what the defence costs: the defended and the undefended model take turns, and each call is timed."""
    options.check_writable(json, html, read=(defended, against))

    from dynanoise_export.benchmarking.benchmark import bench as measure
    from dynanoise_export.reports.bench_document import bench_document
    from dynanoise_export.reports.bench_terminal import print_bench
    from dynanoise_export.reports.documents import write_document

    if html is not None:
        from dynanoise_export.reports.html.bench_page import write_bench_html
        from dynanoise_export.reports.html.rendering import require_report

        require_report()
    with progress_bar() as progress:
        report = measure(
            defended,
            against=against,
            batches=batch or (),
            providers=provider or (),
            tf32=tf32,
            operators=operators,
            cuda_graph=cuda_graph,
            threads=threads,
            pairs=pairs,
            progress=progress,
        )
    print_bench(report, console_beside(json))
    if json is not None:
        write_document(bench_document(report), json)
    if html is not None:
        write_bench_html(report, html)
