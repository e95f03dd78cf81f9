import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters
from dynanoise_export.runtimes.addresses import parse_address
from dynanoise_export.runtimes.kserve import KServeEndpoint, KServePredictor
from support.exports import session_of
from support.kserve import served


@pytest.fixture(scope="module")
def keyed(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("keyed") / "keyed.onnx"
    export(checkpoint, path, DynaNoise(Parameters()), ExportOptions(noise=NoiseSource.KEYED))
    return path


@pytest.fixture
def server(keyed):
    with served(keyed) as state:
        yield state


def rows(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 64), dtype=np.float32)


def test_a_server_without_extensions_answers_as_the_file_does(server, keyed):
    predictor = KServeEndpoint(parse_address(server.url)).open()
    assert (predictor.inputs, predictor.outputs) == (["input"], ["probabilities"])
    assert not predictor.description.binary
    x = rows(7)
    np.testing.assert_allclose(
        predictor.run({"input": x})["probabilities"], session_of(keyed).run(None, {"input": x})[0], atol=1e-6
    )


def test_threads_get_the_answers_to_their_own_rows(server, keyed):
    predictor = KServePredictor(parse_address(server.url))
    session = session_of(keyed)
    start = threading.Barrier(4)

    def ask(seed):
        start.wait()
        for count in (1, 5, 3):
            x = rows(count, seed)
            answers = predictor.run({"input": x})["probabilities"]
            np.testing.assert_allclose(answers, session.run(None, {"input": x})[0], atol=1e-6)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server(scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}/digits"
    with pytest.raises(UserError, match=f"^No server answers at {url}: "):
        KServePredictor(parse_address(url))


def test_a_model_that_is_not_ready(server):
    server.ready = False
    with pytest.raises(UserError, match=r"The model of http://.*/digits is not ready, or not there\."):
        KServePredictor(parse_address(server.url))


def test_a_model_that_is_not_there(server):
    url = server.url.replace("digits", "numbers")
    with pytest.raises(UserError, match=r"The model of http://.*/numbers is not ready, or not there\."):
        KServePredictor(parse_address(url))


def test_a_server_that_speaks_something_else(server):
    url = server.url.replace("/digits", "/elsewhere/v2/models/digits")
    with pytest.raises(UserError, match="does not speak the Open Inference Protocol"):
        KServePredictor(parse_address(url))


def test_what_the_server_refuses_is_told(server):
    predictor = KServePredictor(parse_address(server.url))
    with pytest.raises(UserError, match=r"^The server of http://.*refuses.*the model fails"):
        predictor.run({"input": np.zeros((2, 63), np.float32)})


def test_an_answer_that_is_none(server):
    predictor = KServePredictor(parse_address(server.url))
    server.nonsense = True
    with pytest.raises(UserError, match="http://"):
        predictor.run({"input": rows(2)})


def test_a_server_that_goes_away(keyed):
    with served(keyed) as state:
        predictor = KServePredictor(parse_address(state.url))
    with pytest.raises(UserError, match=r"^No server answers at http://"):
        predictor.run({"input": rows(2)})
