"""The command `demo`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_export.packages import require_packages


def demo(
    out: Annotated[Path, typer.Option(help="The folder for the files of the demonstration.")] = Path("demo"),
) -> None:
    """Train a small model on scikit-learn's digits, export it defended, then validate, query, attack and time it."""
    require_packages("The demonstration trains a model, and needs", "torch", "sklearn")

    from dynanoise_export.reports.attack_document import attack_document
    from dynanoise_export.reports.bench_document import bench_document
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.html.attack_page import write_html
    from dynanoise_export.reports.html.bench_page import write_bench_html
    from dynanoise_export.reports.html.rendering import require_report
    from dynanoise_export.reports.html.validate_page import write_validate_html
    from dynanoise_models.demonstration import demonstrate
    from dynanoise_models.demonstration_terminal import print_demonstration

    require_report()
    with progress_bar() as progress:
        demonstration = demonstrate(out, progress=progress)
    write_validate_html(demonstration.validation, out / "validation.html")
    write_document(attack_document(demonstration.attack), out / "report.json")
    write_html(demonstration.attack, out / "report.html")
    write_document(bench_document(demonstration.bench), out / "bench.json")
    write_bench_html(demonstration.bench, out / "bench.html")
    print_demonstration(demonstration, out / "report.html", console_beside(None))
