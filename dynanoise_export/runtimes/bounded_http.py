"""A client of the Open Inference Protocol over HTTP that takes only so much time, and so many bytes, for an answer.

Import it where tritonclient is installed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent  # type: ignore[import-untyped]
from tritonclient import http


@dataclass
class _Answer:
    """A whole answer, read as tritonclient reads the original."""

    status_code: int
    headers: Any
    body: bytes

    def get(self, name: str) -> Any:
        return self.headers.get(name)

    def read(self, length: int = -1) -> bytes:
        end = len(self.body) if length is None or length < 0 else length
        read, self.body = self.body[:end], self.body[end:]
        return read


class BoundedClient(http.InferenceServerClient):  # type: ignore[misc]
    """The client of tritonclient, with limits.

    Args:
        server: host and port.
        most_bytes: that an answer may have.
        seconds: that an answer may take in all, however slowly it drips.
        options: of tritonclient's client.
    """

    def __init__(self, server: str, *, most_bytes: int, seconds: float, **options: Any) -> None:
        super().__init__(server, network_timeout=seconds, **options)
        self._most_bytes, self._seconds = most_bytes, seconds

    # What every request of tritonclient goes through.
    def _get(self, *arguments: Any, **named: Any) -> _Answer:
        return self._whole(partial(super()._get, *arguments, **named))

    def _post(self, *arguments: Any, **named: Any) -> _Answer:
        return self._whole(partial(super()._post, *arguments, **named))

    def _whole(self, request: Callable[[], Any]) -> _Answer:
        with gevent.Timeout(self._seconds, TimeoutError(f"it took more than {self._seconds:g} seconds")):
            response = request()
            if response.get("Content-Encoding") not in (None, "identity"):
                raise ValueError("it packs its answers, though nobody asked for it")
            body = bytearray()
            for part in response:
                body += part
                if len(body) > self._most_bytes:
                    raise ValueError(f"an answer has more than {self._most_bytes:,} bytes")
        return _Answer(response.status_code, response, bytes(body))
