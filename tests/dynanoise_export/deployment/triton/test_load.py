"""A few seconds of benchmarks/triton_load.py, and what docs/triton.md says about an instance that is killed."""

from contextlib import closing

import pytest
import tritonclient.http

from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.noise.source import NoiseSource
from support.triton_load import load, stable_rows
from support.triton_models import defended
from support.triton_server import require_server, triton_server

CLIENTS = 16


@pytest.fixture(scope="module")
def path(tmp_path_factory, checkpoint):
    require_server()
    return defended(checkpoint, tmp_path_factory.mktemp("file") / "keyed.onnx", NoiseSource.KEYED)


@pytest.fixture(scope="module")
def server(path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    write_triton_repository(path, folder / "models", backend="python", instances=2)
    (folder / "server").mkdir()
    with triton_server(folder / "models", folder / "server") as started:
        yield started


def test_under_load_every_client_gets_its_own_answers_and_a_killed_instance_does_what_the_docs_say(server, path):
    known = stable_rows(path, 64)
    assert len(known[0]) > 4000

    calm = load(server, "keyed", known, clients=CLIENTS, seconds=3, kill=False)
    assert calm.failures == []
    assert all(client.rows and client.wrong == 0 for client in calm.clients)
    assert max(calm.memory) < 1.1 * calm.memory[len(calm.memory) // 2]

    struck = load(server, "keyed", known, clients=CLIENTS, seconds=6, kill=True)
    assert all(client.wrong == 0 for client in struck.clients)
    assert struck.killed.back_after is None
    assert len(server.stubs("keyed")) == 1
    assert struck.failures
    for seconds, message in struck.failures:
        assert seconds > struck.killed.at
        assert "is not healthy" in message  # the words of the server
    # The other instance answers the rest: the dead one takes a batch a second.
    answers = sum(len(client.rows) for client in struck.clients)
    assert len(struck.failures) < 0.05 * answers

    with closing(tritonclient.http.InferenceServerClient(server.http)) as client:
        assert client.is_server_ready()
        assert client.is_model_ready("keyed")
