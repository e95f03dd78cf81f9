import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import numpy as np
import pytest

from dynanoise_export.errors import EndpointError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.addresses import parse_address
from dynanoise_export.runtimes.kserve import KServeEndpoint, KServePredictor
from dynanoise_export.runtimes.predictor import predict
from support.exports import session_of
from support.kserve import served


@pytest.fixture(scope="module")
def keyed(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("keyed") / "keyed.onnx"
    export(checkpoint, path, noise=NoiseSource.KEYED)
    return path


@pytest.fixture
def server(keyed):
    with served(keyed) as state:
        yield state


def rows(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 64), dtype=np.float32)


def test_a_server_without_extensions_answers_as_the_file_does(server, keyed):
    x = rows(7)
    with KServeEndpoint(parse_address(server.url)).open() as predictor:
        assert (predictor.inputs, predictor.outputs) == (["input"], ["probabilities"])
        assert not predictor.description.binary
        answers = predictor.run({"input": x})["probabilities"]
    np.testing.assert_allclose(answers, session_of(keyed).run(None, {"input": x})[0], atol=1e-6)


def test_threads_get_the_answers_to_their_own_rows(server, keyed):
    session = session_of(keyed)
    start = threading.Barrier(4)

    def query(seed):
        start.wait()
        for count in (1, 5, 3):
            x = rows(count, seed)
            answers = predictor.run({"input": x})["probabilities"]
            np.testing.assert_allclose(answers, session.run(None, {"input": x})[0], atol=1e-6)
        return True

    with KServePredictor(parse_address(server.url)) as predictor, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(query, range(4)))


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server(scheme):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and so nobody else can listen there
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/digits"
        with pytest.raises(EndpointError, match=url):
            KServePredictor(parse_address(url))


def test_a_model_that_is_not_ready(server):
    server.ready = False
    with pytest.raises(EndpointError, match=server.url):
        KServePredictor(parse_address(server.url))


def test_a_missing_model(server):
    url = server.url.replace("digits", "numbers")
    with pytest.raises(EndpointError, match=url):
        KServePredictor(parse_address(url))


def test_a_server_of_another_protocol(server):
    url = server.url.replace("/digits", "/elsewhere/v2/models/digits")
    with pytest.raises(EndpointError, match=url):
        KServePredictor(parse_address(url))


def test_the_reason_of_a_refused_request_is_given(server):
    with (
        KServePredictor(parse_address(server.url)) as predictor,
        pytest.raises(EndpointError, match=rf"{server.url}.*the model fails"),  # the words of the server
    ):
        predictor.run({"input": np.zeros((2, 63), np.float32)})


def test_an_answer_without_outputs(server):
    with KServePredictor(parse_address(server.url)) as predictor:
        server.nonsense = True
        with pytest.raises(EndpointError, match=server.url):
            predictor.run({"input": rows(2)})


def test_a_server_that_answers_more_rows_than_it_got(server):
    with KServePredictor(parse_address(server.url)) as predictor:
        output = predictor.outputs[0]
        assert len(predict(predictor, {"input": rows(4)}, output)) == 4
        server.doubled = True
        with pytest.raises(EndpointError):
            predict(predictor, {"input": rows(4)}, output, 2)


def test_a_server_that_goes_away(keyed):
    with served(keyed) as state:
        predictor = KServePredictor(parse_address(state.url))
    with predictor, pytest.raises(EndpointError, match=state.url):
        predictor.run({"input": rows(2)})


def test_closing_closes_the_connections_of_all_threads(server):
    with KServePredictor(parse_address(server.url)) as predictor:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(predictor.run, {"input": rows(1)}).result()
        clients = [Mock(wraps=client) for client in predictor._clients]
        predictor._clients[:] = clients
    assert [client.close.call_count for client in clients] == [1, 1]
