"""A small server of the Open Inference Protocol over HTTP, with JSON only and without the extensions of Triton."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from support.exports import session_of

DATATYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}
TYPES = {"FP32": np.float32, "INT64": np.int64}


@dataclass
class Served:
    """The state of the server, which tests may change.

    Attributes:
        url: of the model.
        ready: whether the model is ready.
        nonsense: whether it answers without outputs.
        doubled: whether it answers each row twice.
        requests: how many it got.
    """

    url: str
    ready: bool = True
    nonsense: bool = False
    doubled: bool = False
    requests: int = 0


@contextmanager
def served(path: Path, model: str = "digits") -> Iterator[Served]:
    """Serve an ONNX file on a free port of 127.0.0.1 until the block ends."""
    session = session_of(path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/v2/health/live":
                self._answer(200, {})
            elif self.path == f"/v2/models/{model}/ready":
                self._answer(200 if state.ready else 503, {})
            elif self.path == "/v2":
                self._answer(200, {"name": "small", "version": "1", "extensions": []})
            elif self.path == f"/v2/models/{model}":
                self._answer(200, {"name": model, "inputs": tensors(session.get_inputs()),
                                   "outputs": tensors(session.get_outputs())})  # fmt: skip
            else:
                self._answer(404, {"error": "no such thing here"})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests += 1
            if self.path != f"/v2/models/{model}/infer":
                self._answer(404, {"error": "no such thing here"})
                return
            if state.nonsense:
                self._answer(200, {"surprise": 1})
                return
            sent = {t["name"]: np.array(t["data"], TYPES[t["datatype"]]).reshape(t["shape"]) for t in body["inputs"]}
            try:
                answers = session.run(None, sent)
            except Exception as error:
                self._answer(400, {"error": f"the model fails: {error}"})
                return
            if state.doubled:
                answers = [np.repeat(array, 2, axis=0) for array in answers]
            outputs = [
                {"name": value.name, "datatype": "FP32", "shape": list(array.shape), "data": array.ravel().tolist()}
                for value, array in zip(session.get_outputs(), answers, strict=True)
            ]
            self._answer(200, {"model_name": model, "outputs": outputs})

        def _answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Served(f"http://127.0.0.1:{server.server_port}/{model}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tensors(values):
    return [
        {"name": v.name, "datatype": DATATYPES[v.type], "shape": [s if isinstance(s, int) else -1 for s in v.shape]}
        for v in values
    ]
