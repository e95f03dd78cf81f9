"""The pages in a real browser: on a phone, in the dark, on paper, and off the network."""

import pytest

from dynanoise_export.reports.html.attack_page import write_html
from dynanoise_export.reports.html.bench_page import write_bench_html
from dynanoise_export.reports.html.validate_page import write_validate_html
from dynanoise_export.validation.check import Check, CheckCode, Outcome
from dynanoise_export.validation.tolerance import FLOAT32
from dynanoise_export.validation.validating import Validation
from support.benchmarks import made_model, made_report
from support.browser import browser

PHONE, PAPER = 390, 700
# Of the elements that scroll nothing, the one that reaches furthest to the right.
FURTHEST = """() => Math.max(...[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll, .plot"))
    .map(e => e.getBoundingClientRect().right))"""
CONTRAST = """() => ["color", "background-color"].map(name => getComputedStyle(document.body).getPropertyValue(name))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory, quick_report):
    """Give the folder of a page of each command, with names that are as long as names get."""
    folder, name = tmp_path_factory.mktemp("pages"), "m" * 200 + ".onnx"
    write_html(quick_report, folder / "attack.html")
    write_bench_html(made_report(name), folder / "bench.html")
    model = made_model(name)
    checks = (Check(CheckCode.NOISE_MEAN, Outcome.FAILED, 0.2, 0.1, "x" * 300),)
    validation = Validation(model, model.defence, folder / name, 32, "d" * 300, FLOAT32, checks, False)
    write_validate_html(validation, folder / "validate.html")
    return folder


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.mark.parametrize("name", ["attack", "bench", "validate"])
def test_a_page_fits_a_phone_and_draws_its_plots_without_a_network(chromium, pages, name):
    problems, asked = [], []
    with chromium.new_context(viewport={"width": PHONE, "height": 800}, color_scheme="dark") as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((pages / f"{name}.html").as_uri())
        plots = page.locator(".plot")
        assert (plots.count() > 0) == (name != "validate")
        assert page.locator(".plot .main-svg").count() >= plots.count()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        assert page.evaluate(FURTHEST) <= PHONE
        assert len([url for url in asked if not url.startswith("data:")]) == 1
        assert problems == []
        dark = page.evaluate(CONTRAST)
        page.emulate_media(color_scheme="dark", media="print")
        page.set_viewport_size({"width": PAPER, "height": 900})
        assert page.evaluate(CONTRAST) == ["rgb(27, 31, 36)", "rgb(255, 255, 255)"] != dark
        assert page.evaluate(FURTHEST) <= PAPER
