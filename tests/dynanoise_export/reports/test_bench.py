"""A benchmark on a terminal, as JSON and as a page."""

import io
import json
from dataclasses import replace
from typing import ClassVar

import pytest
from rich.console import Console

from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import FileAccessError
from dynanoise_export.reports.bench_document import bench_document
from dynanoise_export.reports.bench_terminal import print_bench
from dynanoise_export.reports.bench_wording import milliseconds
from dynanoise_export.reports.html.bench_page import write_bench_html
from dynanoise_export.runtimes.provider import Execution, Provider
from support.benchmarks import made_report
from support.pages import Page, decoded

HOSTILE = '"><script>alert(1)<script>&.onnx'


@pytest.fixture
def report():
    return made_report()


@pytest.fixture
def served(report):
    """Give the report on a model on a server, which states no defence and is compared with nothing."""
    runs = tuple(replace(run, provider=None, plain=None, ratio=None) for run in report.runs)
    unknown = {"sha256": None, "defence": None, "noise": None, "provenance": None, "graph": None}
    model = replace(report.model, name="http://host/model", **unknown)
    return replace(report, model=model, against=None, threads=None, runs=runs)


def on_terminal(report, width=80):
    written = io.StringIO()
    print_bench(report, Console(file=written, width=width, highlight=False))
    return written.getvalue()


def in_one_line(report):
    return " ".join(on_terminal(report, 500).split())


def test_the_terminal_shows_both_models_and_the_ratio(report):
    rows = [line.split() for line in on_terminal(report).splitlines()]
    assert ["1", "plain", *["1,200"] * 3, "1"] in rows
    assert ["defended", *["1,235"] * 3, "1", "1.0123", "[1.0045,", "1.0201]"] in rows
    assert ["256", "plain", "–", "–", "–", "6"] in rows


def test_the_terminal_begins_with_the_answer_and_ends_with_how_it_was_measured(report):
    shown = in_one_line(report)
    first, _, rest = shown.partition(" batch p50 ms ")
    assert first.startswith("cpu: ")
    assert all(figure in first for figure in ("1.012", "batch 1", "256"))
    for condition in (
        "10 to 200 pairs of turns, in 2 to 10 sessions",
        "plain: the plain one",
        "threads: 1",
        "sequence 128",
        "A processor, 2 cores, A system, python 3.11, onnxruntime 1.31",
        "fewer than 10 calls",
        "--pairs 1000",
    ):
        assert condition in rest


def test_it_fits_into_80_columns(report):
    lines = on_terminal(report).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("[1.0045, 1.0201]" in line for line in lines)  # and nothing was cut off or broken


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.01234, "0.012"), (12.3456, "12.346"), (123.456, "123.5"), (12345.6, "12,346")],
)
def test_times_have_as_many_digits_as_they_need(value, text):
    assert milliseconds(value) == text


def test_each_provider_has_a_table_and_the_conditions_say_whether_transfers_are_timed(report):
    assert "transfers" not in in_one_line(report)
    on_gpu = tuple(replace(run, provider=Provider.CUDA) for run in report.runs)
    shown = in_one_line(replace(report, runs=(*report.runs, *on_gpu)))
    assert shown.count("p99 ms") == 2
    assert "cuda: " in shown
    assert "no transfers" in shown


def test_the_setting_of_a_gpu_is_named(report):
    executions = (Execution(), Execution(Provider.CUDA), Execution(Provider.TENSORRT, tf32=True))
    shown = in_one_line(replace(report, executions=executions))
    assert "cuda: TF32 off, cudnn_conv_algo_search DEFAULT" in shown
    assert "tensorrt: TF32 on" in shown
    assert "TF32" not in in_one_line(report)
    on_cuda = bench_document(replace(report, executions=executions))["executions"][1]
    named = [on_cuda[name] for name in ("provider", "tf32", "convolution_search", "cuda_graph")]
    assert named == ["cuda", False, "DEFAULT", False]


def test_a_model_on_a_server_has_no_ratio(served):
    shown = in_one_line(served)
    assert shown.startswith("http://host/model: ")
    assert "--against" in shown
    assert "include the transfers" in shown
    assert "plain" not in shown
    assert "threads" not in shown


def test_the_document_has_all_figures(report):
    document = json.loads(json.dumps(bench_document(report), allow_nan=False))
    assert document["schema"] == "dynanoise-export/bench/2"
    assert (document["defence"], document["passed"]) == ("dynanoise", True)
    assert document["subject"] == {
        "path": "defended.onnx",
        "sha256": "0" * 64,
        "content_sha256": None,
        "parameters": {"sigma0": 0.7, "lambda": 1.5, "temperature": 4.0},
    }
    assert (document["threads"], document["against"], document["noise"]) == (1, "the plain one", "random")
    assert document["machine"]["cores"] == 2
    fast, slow = document["runs"]
    assert fast["plain_ms"] == {"p50": 1200.2, "p95": 1200.2, "p99": 1200.2}
    assert fast["defended_ms"]["p50"] == 1234.6
    assert slow["plain_ms"] == {"p50": None, "p95": None, "p99": None}
    assert (fast["provider"], fast["batch"], fast["pairs"], fast["transfers"]) == ("cpu", 1, 200, False)
    assert (fast["ratio"], fast["ratio_ci"]) == (1.0123, [1.0045, 1.0201])
    assert slow["defended_rows_per_second"] == pytest.approx(6.4)


def test_the_document_of_a_model_on_a_server_is_null_where_nothing_is_known(served):
    document = bench_document(served)
    assert document["defence"] is document["noise"] is document["against"] is document["threads"] is None
    assert document["subject"] == {
        "path": "http://host/model",
        "sha256": None,
        "content_sha256": None,
        "parameters": None,
    }
    run = document["runs"][0]
    assert run["plain_ms"] is run["plain_calls"] is run["ratio"] is run["ratio_ci"] is run["provider"] is None
    assert run["transfers"]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Give a function that writes a page and reads it, without the megabytes of plotly.js."""
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")

    def write(report):
        write_bench_html(report, tmp_path / "report.html")
        assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
        return Page(tmp_path / "report.html")

    return write


def test_the_page_has_all_figures(report, written):
    page = written(report)
    for text in ("1.012 times", "1,235", "1,200", "1.0123 [1.0045, 1.0201]", "sequence 128", "0" * 64):
        assert text in page.text
    for text in ("dynanoise: sigma0 0.7, lambda 1.5, temperature 4;", "random"):
        assert text in page.text


def test_the_page_of_a_defence_without_parameters_and_noise(report, written):
    class Bare(Temperature):
        parameters: ClassVar = {}

    page = written(replace(report, model=replace(report.model, defence=Bare(), noise=None)))
    assert "Its defence is temperature." in page.text


def test_the_page_draws_the_times_and_the_ratio(report, written):
    latency, ratio = written(report).figures()
    assert [trace["name"] for trace in latency["data"]] == ["plain", "defended"]
    assert [trace["x"] for trace in latency["data"]] == [["1", "256"]] * 2
    assert decoded(latency["data"][1]["y"]) == pytest.approx([1234.6, 40_000])
    (dots,) = ratio["data"]
    assert decoded(dots["y"]) == pytest.approx([1.0123] * 2)
    assert decoded(dots["error_y"]["array"]) == pytest.approx([0.0078] * 2)
    assert decoded(dots["error_y"]["arrayminus"]) == pytest.approx([0.0078] * 2)


def test_the_page_of_a_model_on_a_server_has_no_ratio(served, written):
    page = written(served)
    assert len(page.figures()) == 1
    assert "no known defence" in page.text
    assert "None" not in page.text
    assert "plain" not in page.text


def test_the_page_needs_no_other_file(report, written):
    page = written(report)
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "srcset"} & attributes.keys()
        assert attributes.get("href", "#").startswith("#")
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_hostile_names_are_text(report, written):
    usual = written(report)
    hostile = replace(report, model=replace(report.model, name=HOSTILE), against=HOSTILE, sizes={HOSTILE: 128})
    page = written(hostile)
    assert page.text.count(HOSTILE) == 5
    assert len(page.elements) == len(usual.elements)
    assert HOSTILE in in_one_line(hostile)


def test_a_page_that_can_t_be_written_is_an_error(report, tmp_path):
    with pytest.raises(FileAccessError, match=r"missing/report\.html"):
        write_bench_html(report, tmp_path / "missing" / "report.html")
