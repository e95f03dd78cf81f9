"""Make a page from a template: everything in one file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dynanoise_export.files import written_whole
from dynanoise_export.graph.provenance import tool_versions
from dynanoise_export.packages import require_packages
from dynanoise_export.printable import printable


def require_report() -> None:
    """Check, before long work, that a page can be made.

    Raises:
        MissingPackageError: Plotly or Jinja2 is not installed.
    """
    require_packages("The HTML report needs", "jinja2", "plotly")


def write_page(
    template: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]], path: Path
) -> None:
    """Write a page that needs no other file: a script inside it draws its plots.

    Args:
        template: its name, beside this file.
        context: the values that it shows.
        filters: its own filters.
        path: of the page.

    Raises:
        FileAccessError: the file can't be written.
    """
    import jinja2
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        # Names of files and of targets are not ours.
        autoescape=True,
        finalize=_printable,
        loader=jinja2.PackageLoader("dynanoise_export.reports.html", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    common = {"versions": tool_versions(), "plotly": get_plotlyjs()}
    page = environment.get_template(template).render(common | dict(context))
    with written_whole(path) as staged:
        staged.write_text(page, encoding="utf-8")


def _printable(value: Any) -> Any:
    """Escape what can't be seen or turns the direction of a text; what is markup already is ours."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
