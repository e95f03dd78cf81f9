"""Serve the page's folder to this computer alone."""

from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UsageError

ADDRESS = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    # Browsers run modules and WebAssembly of these types only, and not every system knows them.
    extensions_map = {  # noqa: RUF012 (as the base class has it)
        **SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript", ".mjs": "text/javascript",
        ".wasm": "application/wasm", ".json": "application/json", ".onnx": "application/octet-stream",
    }  # fmt: skip

    def send_head(self) -> Any:
        """Answer requests to this address alone: a foreign page could reach the server under a name of its own."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (ADDRESS, "localhost"):
            self.send_error(403)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Let no browser keep files, which the next page has under the same names."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def page_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Make a server of a page on 127.0.0.1.

    Args:
        folder: of the page.
        port: to listen on; 0 for any that is free.

    Raises:
        UsageError: the port can't be used.
    """
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise UsageError(
            f"Can't listen on port {port} of {ADDRESS} ({error.strerror}): choose another --port, or 0 for any that is "
            "free."
        ) from error


def serve_until_interrupted(server: ThreadingHTTPServer) -> None:
    """Serve until Ctrl-C."""
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


def address_of(server: ThreadingHTTPServer) -> str:
    """Give the address of the page that a server serves."""
    return f"http://{ADDRESS}:{server.server_port}/"
