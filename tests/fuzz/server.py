"""A server that answers with the mutated files, and a client that asks it everything that a command asks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.runtimes.predictor import predict

ROWS = 3
ANSWERS = {
    "/v2": "server", "/v2/health/live": "live", "/v2/models/m": "model", "/v2/models/m/ready": "ready",
    "/v2/models/m/config": "config", "/v2/models/m/infer": "infer", "/v2/repository/index": "index",
}  # fmt: skip


def ask(case: Any) -> object:
    """Open the model of a server whose answers are files of a folder, and send it three rows."""
    with serving(case.files) as port:
        deployed = open_deployed(f"http://127.0.0.1:{port}/m")
        rows = {spec.name: np.ones((ROWS, 6), np.float32) for spec in deployed.inputs}
        with deployed.endpoint.open() as predictor:
            answers = predict(predictor, rows, deployed.answers)
        assert len(answers) == ROWS, answers.shape
        return answers


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Answer on a free port of 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = folder / f"{ANSWERS.get(self.path)}.json"
            content = file.read_bytes() if file.is_file() else b"{}"
            self.send_response(200 if file.is_file() else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
