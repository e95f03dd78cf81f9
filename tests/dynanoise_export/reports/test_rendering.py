"""Words of files on a page: escaped, visible, and no tags for Plotly either."""

import json

import jinja2
import pytest
from plotly import offline

from dynanoise_export.printable import printable
from dynanoise_export.reports.html import rendering
from dynanoise_export.reports.html.plots import chart, figure_of
from support.pages import Page

FORGED = "<b>x</b>\u202e\u200b\x1b[2K</script><a href='javascript:1'>"
TEMPLATE = """<p title="{{ word }}">{{ word }}</p><script type="application/json">{{ figure | tojson }}</script>"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(offline, "get_plotlyjs", lambda: "")
    monkeypatch.setattr(jinja2, "PackageLoader", lambda *_: jinja2.DictLoader({"page": TEMPLATE}))
    drawing = chart(100)
    drawing.add_scatter(x=[1], y=[2], name=FORGED, hovertemplate=FORGED, text=FORGED)
    drawing.update_xaxes(title=FORGED)
    rendering.write_page("page", {"word": FORGED, "figure": figure_of(drawing)}, {}, tmp_path / "page.html")
    return Page(tmp_path / "page.html")


def test_a_page_shows_what_can_not_be_seen(page):
    assert "".join(page.words) == printable(FORGED)
    assert page.elements[0] == ("p", {"title": printable(FORGED)})
    assert [tag for tag, _ in page.elements] == ["p", "script"]


def test_a_plot_has_no_tags(page):
    (figure,) = page.figures()
    assert figure["data"][0]["name"] == printable(FORGED).replace("<", "&lt;")
    assert "<" not in json.dumps(figure)
