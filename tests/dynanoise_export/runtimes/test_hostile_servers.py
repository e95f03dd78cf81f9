"""Servers that answer with what no server of the protocol says."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from dynanoise_export.deployed.from_server import open_server
from dynanoise_export.errors import EndpointError, UserError
from dynanoise_export.printable import printable
from dynanoise_export.runtimes import kserve
from dynanoise_export.runtimes.addresses import parse_address
from dynanoise_export.runtimes.descriptions import describe
from dynanoise_export.runtimes.kserve import KServePredictor

X, Y = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}, {"name": "y", "datatype": "FP32", "shape": [-1, 3]}
MODEL = {"name": "m", "inputs": [X], "outputs": [Y]}
DEEP = "[" * 100_000
INFER = "/v2/models/m/infer"


class Handler(BaseHTTPRequestHandler):
    """Answers what `pages` holds: JSON, text, or a function that writes the answer."""

    def do_GET(self):
        page = self.server.pages.get(self.path, {})
        if callable(page):
            page(self)
            return
        body = (page if isinstance(page, str) else json.dumps(page)).encode("utf-8", "surrogatepass")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture(scope="module")
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def url(serving, monkeypatch):
    monkeypatch.setattr(kserve, "DESCRIPTION_SECONDS", 0.5)
    monkeypatch.setattr(kserve, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(kserve, "LARGEST_ANSWER", 1 << 20)
    serving.pages = {"/v2": {"extensions": []}, "/v2/models/m": MODEL, "/v2/models/m/config": {}}
    return f"http://127.0.0.1:{serving.server_port}/m"


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(1 << 12):
            handler.wfile.write(b" " * (1 << 16))
    except OSError:
        return


def dripping(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.1)
    except OSError:
        return


def packed(handler):
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


def elsewhere(handler):
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/passwd")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


PAGES = [
    DEEP, "", "null", "[]", '"model"', "{", '{"inputs": NaN}',
    {"inputs": {}, "outputs": [Y]}, {"inputs": [X]}, {"inputs": [[X]], "outputs": [Y]},
    {"inputs": [X | {"name": 1}], "outputs": [Y]}, {"inputs": [X | {"name": "x" * 10_000}], "outputs": [Y]},
    {"inputs": [X | {"shape": "2"}], "outputs": [Y]}, {"inputs": [X | {"shape": [-2, 2]}], "outputs": [Y]},
    {"inputs": [X | {"shape": [1e400]}], "outputs": [Y]}, {"inputs": [X | {"shape": [10**30]}], "outputs": [Y]},
    {"inputs": [X, X], "outputs": [Y]}, {"inputs": [X | {"datatype": "BYTES"}], "outputs": [Y]},
    {"inputs": [X | {"datatype": None}], "outputs": [Y]}, {"inputs": [X], "outputs": []},
    endless, dripping, packed, elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=range(len(PAGES)))
def test_a_description_in_another_form_is_refused(serving, url, page):
    serving.pages["/v2/models/m"] = page
    start = time.monotonic()
    with pytest.raises(UserError, match=url):
        open_server(url)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "config",
    [
        {"max_batch_size": "8"},
        {"max_batch_size": -8},
        {"max_batch_size": 1e300},
        {"parameters": []},
        {"parameters": {"dynanoise.defence": "dynanoise"}},
        {"parameters": {"dynanoise.defence": {"string_value": 1}}},
        {"backend": {}},
        {"config": []},
        [],
    ],
)
def test_a_config_in_another_form_is_refused(serving, url, config):
    serving.pages["/v2/models/m/config"] = config
    with pytest.raises(EndpointError, match=url):
        open_server(url)


def test_names_can_not_forge_words(serving, url):
    name = "y\x1b[2K\u202e\npassed"
    serving.pages["/v2/models/m"] = {"inputs": [X], "outputs": [Y | {"name": name}]}
    serving.pages[INFER] = {"outputs": []}
    with KServePredictor(parse_address(url)) as predictor, pytest.raises(EndpointError) as refused:
        predictor.run({"x": np.zeros((2, 2), np.float32)})
    assert printable(str(refused.value)) == str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        DEEP, {"outputs": 3}, {"outputs": [{"name": "y"}]}, endless, dripping,
        {"outputs": [{"name": "y", "datatype": "FP32", "shape": [10**12, 3], "data": [0.1]}]},
        {"outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, "3"], "data": [0.1] * 6}]},
        {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 3], "data": ["a"] * 6}]},
        {"outputs": [{"name": "y", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}]},
    ],
    ids=range(9),
)  # fmt: skip
def test_an_answer_in_another_form_is_refused(serving, url, answer):
    serving.pages[INFER] = answer
    with KServePredictor(parse_address(url)) as predictor, pytest.raises(EndpointError, match=url):
        predictor.run({"x": np.zeros((2, 2), np.float32)})


def test_what_grpc_says_in_json_is_taken():
    model = {"inputs": [X | {"shape": ["-1", "2"]}], "outputs": [{"name": "y", "datatype": "FP32"}]}
    seen = describe("grpc://host:1/m", {"name": "triton"}, model, {"config": {"max_batch_size": 8}})
    assert (seen.inputs[0].shape, seen.outputs[0].shape, seen.largest_batch) == ([-1, 2], [], 8)
