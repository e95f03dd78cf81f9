"""Make a page from a template: everything in one file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynanoise_export.files import written_whole
from dynanoise_export.graph.provenance import tool_versions
from dynanoise_export.packages import require_packages
from dynanoise_export.printable import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_TITLE = re.compile("<h2>(.*?)</h2>", re.DOTALL)


@dataclass(frozen=True)
class Sections:
    """The sections of a page.

    Attributes:
        markup: of all of them; the contents lead to the titles.
        titles: the place of each section, and the markup of its title.
        plots: whether there is a plot in them.
    """

    markup: "Markup"
    titles: "list[tuple[str, Markup]]"
    plots: bool


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
    environment.filters |= {"sectioned": sectioned, **filters}
    common = {"versions": tool_versions(), "plotly": get_plotlyjs}
    page = environment.get_template(template).render(common | dict(context))
    with written_whole(path) as staged:
        staged.write_text(page, encoding="utf-8")


def sectioned(markup: str) -> Sections:
    """Give each title of a level-2 heading a place that the contents can lead to; all text in it is escaped already."""
    from markupsafe import Markup

    titles: list[tuple[str, Markup]] = []

    def placed(found: re.Match[str]) -> str:
        titles.append((f"section-{len(titles) + 1}", Markup(found.group(1))))  # noqa: S704
        return f'<h2 id="{titles[-1][0]}">{titles[-1][1]}</h2>'

    return Sections(Markup(_TITLE.sub(placed, markup)), titles, 'class="plot"' in markup)  # noqa: S704


def _printable(value: Any) -> Any:
    """Escape what can't be seen or turns the direction of a text or a path; what is markup already is ours."""
    foreign = isinstance(value, str | Path) and not hasattr(value, "__html__")
    return printable(str(value)) if foreign else value
