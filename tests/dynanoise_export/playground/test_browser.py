"""The page in a real browser. The tests are skipped where Chromium is not installed."""

from http.server import SimpleHTTPRequestHandler

import numpy as np
import pytest
from scipy.special import entr, softmax

from dynanoise_export import MissingPackageError
from dynanoise_export.defences import dynanoise_reference as reference
from dynanoise_export.defences.keep_label import keep_label
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.playground.beginning import Beginning
from dynanoise_export.playground.heads import DEMONSTRATION_KEY
from dynanoise_export.playground.page_folder import write_playground
from dynanoise_export.playground.queries import Queries, Query
from support.browser import browser, opened, ready, served

PARAMETERS = [(0.5477, 2.0, 10.0), (4.0, 0.0, 1.0), (0.05, 9.5, 3.25)]
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    try:
        return write_playground(tmp_path_factory.mktemp("playground") / "page")
    except MissingPackageError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def one_page(chromium, address):
    with opened(chromium, address) as page:
        yield page


@pytest.fixture
def page(one_page):
    """Give the page as it begins."""
    one_page.select_option("#query", index=0)
    one_page.click("#reset")
    ready(one_page)
    return one_page


def fill(page, selector, values):
    """Write numbers into fields as typing does, but at once, so that the page answers them together."""
    write = "(all, values) => all.forEach((one, place) => (one.value = values[place], one.dispatchEvent(new Event("
    page.eval_on_selector_all(selector, write + "'input', {bubbles: true}))))", values.tolist())


def set_parameters(page, *values):
    for name, value in zip(("sigma0", "lambda", "temperature"), values, strict=True):
        page.fill(f"#{name}-number", str(value))


def values(page, selector):
    ready(page)
    return np.array(page.eval_on_selector_all(selector, "all => all.map(one => Number(one.value))"))


def numbers(page, selector):
    """Read the numbers that a chart is drawn from."""
    ready(page)
    return {name: float(value) for name, value in page.eval_on_selector(selector, "one => ({...one.dataset})").items()}


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_the_page_shows_algorithm_1(page, parameters):
    generator = np.random.default_rng(1)
    logits, noise = np.round(generator.normal(0, 4, 10), 5), np.round(generator.normal(size=10), 5)
    set_parameters(page, *parameters)
    page.check("input[value=input]")
    ready(page)
    fill(page, "input[data-kind=logit]", logits)
    fill(page, "input[data-kind=noise]", noise)
    p, expected = softmax(logits), reference.defend(logits, noise, *parameters)
    np.testing.assert_allclose(values(page, "data.p"), p, rtol=1e-9)
    np.testing.assert_allclose(values(page, "data.defended"), expected, rtol=2e-5)
    entropy = entr(p).sum()
    sigma = parameters[0] * np.sqrt(1 + parameters[1] * (1 - entropy / np.log(10)))
    shown = values(page, "#entropy, #sensitivity, #sigma")
    np.testing.assert_allclose(shown, [entropy, 1 - entropy / np.log(10), sigma], rtol=1e-9)
    page.check("#keep-label")
    kept = keep_label(expected[None], logits[None].argmax(axis=1, keepdims=True))[0]
    np.testing.assert_allclose(values(page, "data.defended"), kept, rtol=2e-5)


def test_keyed_noise_is_that_of_the_key_of_the_page(page):
    page.check("input[value=keyed]")
    logits = values(page, "input[data-kind=logit]")
    noise = keyed_normals(logits[None].astype(np.float32), KeyedNoise(DEMONSTRATION_KEY).tables(10))[0]
    expected = reference.defend(logits, noise, 0.3**0.5, 2.0, 10.0)
    np.testing.assert_allclose(values(page, "data.defended"), expected, rtol=2e-5)


@pytest.mark.parametrize(("noise", "different"), [("random", 200), ("input", 200), ("keyed", 1)])
def test_repeats_differ_unless_the_noise_is_keyed(page, noise, different):
    page.check(f"input[value={noise}]")
    assert numbers(page, "#cloud")["different"] == different
    first = values(page, "data.defended")
    page.click("#ask")
    assert np.array_equal(values(page, "data.defended"), first) == (noise == "keyed")


def test_fresh_noise_averages_away_and_that_of_a_key_with_near_duplicates_alone(page):
    assert numbers(page, "#averaging")["last"] < 0.4  # σ(q) is 0.93, and a sixteenth of it is left
    page.check("input[value=keyed]")
    repeats = numbers(page, "#averaging")
    assert repeats["noises"] == 1
    assert repeats["first"] == pytest.approx(repeats["last"], rel=1e-3)
    assert repeats["last"] > 1  # with the key of the page
    page.fill("#moved", "2")
    assert numbers(page, "#averaging")["noises"] > 20


@pytest.mark.parametrize("noise", ["random", "keyed"])
def test_no_noise_hides_amplified_queries_and_the_border_of_the_label(page, noise):
    page.check(f"input[value={noise}]")
    assert numbers(page, "#amplified")["last"] < 0.4
    border = numbers(page, "#border")
    assert border["margin"] == pytest.approx(3.8)
    assert border["estimate"] == pytest.approx(3.8, abs=0.5 if noise == "random" else 1.5)
    page.check("#keep-label")
    assert numbers(page, "#border")["estimate"] == pytest.approx(3.8, abs=0.1)


def test_the_keyboard_reaches_everything(page):
    page.focus("#query")
    page.keyboard.press("ArrowDown")
    first = values(page, "data.p")
    for key, change in (("ArrowRight", "#sigma0-number"), ("ArrowRight", "#lambda-number")):
        before = values(page, change)
        while not page.evaluate("name => document.activeElement.id === name", change[1:].removesuffix("-number")):
            page.keyboard.press("Tab")
        page.keyboard.press(key)
        assert values(page, change) > before
    while not page.evaluate("document.activeElement.name === 'noise'"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.is_checked("input[value=keyed]")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.is_checked("#keep-label")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.is_checked("input[value=random]")
    assert np.array_equal(values(page, "data.p"), first)


def test_everything_has_a_name_for_those_who_do_not_see_it(page):
    named = "all => all.every(one => one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())"
    assert page.eval_on_selector_all("input, select, button:not([hidden])", named)
    assert page.locator("figure svg[role=img][aria-label]").count() == 4
    assert page.locator("#status[role=status]").count() == 1


def test_what_is_no_number_changes_nothing(page):
    before = values(page, "data.p")
    field = page.locator("input[data-kind=logit]").first
    field.fill("")
    assert field.get_attribute("aria-invalid") == "true"
    page.fill("#sigma0-number", "-1")
    assert np.array_equal(values(page, "data.p"), before)
    assert "--sigma0 0.547723" in page.inner_text("#command")


def test_it_fits_a_phone_in_light_and_dark(page):
    whole = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (min(map(int, ground[4:-1].split(","))) > 128) == (scheme == "light")
    for noise in ("random", "input", "keyed"):
        page.check(f"input[value={noise}]")
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.set_viewport_size(whole)


def test_names_from_files_are_only_words_and_many_classes_fit(chromium, tmp_path, folder):
    names = (HOSTILE, *(f"class {number}" for number in range(39)))
    queries = Queries(names, (Query(HOSTILE, np.linspace(9, -9, 40)),), HOSTILE)
    made = write_playground(tmp_path / "page", beginning=Beginning(queries=queries))
    with served(made) as address, opened(chromium, address, viewport={"width": 390, "height": 844}) as page:
        assert page.locator("img").count() == 0
        assert page.inner_text("tbody th >> nth=0") == page.inner_text("#origin") == HOSTILE
        assert page.locator("tbody tr").count() == 12
        page.click("#all")
        assert page.locator("tbody tr").count() == 40
        np.testing.assert_allclose(values(page, "data.p"), softmax(np.linspace(9, -9, 40)), rtol=1e-9)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_any_web_server_can_serve_the_folder(chromium, folder):
    with served(folder, SimpleHTTPRequestHandler) as address, opened(chromium, f"{address}index.html") as page:
        assert page.locator("tbody tr").count() == 10
